import { setTimeout as delay } from 'node:timers/promises'
import { withServer } from './processes.mjs'
import { figure, table, target, targetTable } from './report.mjs'
import { median, rotated } from './stats.mjs'

const VARIANTS = ['bare', 'tidings', 'better-sse']

/** Measures the memory of an Express server for each connection that is open and idle. */
export async function idle({ rounds = 3, connections = 5000 } = {}) {
  const measured = new Map(VARIANTS.map((variant) => [variant, { heap: [], rss: [] }]))
  for (let round = 0; round < rounds; round++) {
    for (const variant of rotated(VARIANTS, round)) {
      const { heap, rss } = await measureIdle(variant, connections)
      measured.get(variant).heap.push(heap)
      measured.get(variant).rss.push(rss)
    }
  }
  const bare = median(measured.get('bare').heap)
  const rows = VARIANTS.map((variant) => {
    const { heap, rss } = measured.get(variant)
    const over = variant === 'bare' ? '' : Math.round(median(heap) - bare).toString()
    return [variant === 'bare' ? 'bare Express' : variant, ...figure(heap, 0), over, ...figure(rss, 0)]
  })
  const over = (median(measured.get('tidings').heap) - bare) / 1024
  return [
    table(['Bytes a connection', 'heap', 'middle half', 'over bare', 'RSS', 'middle half'], rows),
    targetTable([target('idle: heap a connection over bare Express', over, { atMost: 1, unit: 'KB' })]),
  ].join('\n\n')
}

export function measureIdle(variant, connections, script) {
  const measure = async (server, clients) => {
    // The first requests allocate memory that is not per connection, so they come before the measurement.
    await clients.ask('open', { count: 200 })
    await clients.ask('close')
    await delay(200)
    const before = await server.ask('memory')
    const opened = await clients.ask('open', { count: connections })
    await delay(500)
    const after = await server.ask('memory')
    const { lost } = await clients.ask('received')
    if (opened !== connections || lost > 0) throw new Error(`${variant} held ${opened - lost} of ${connections} connections`)
    return { heap: (after.heapUsed - before.heapUsed) / connections, rss: (after.rss - before.rss) / connections }
  }
  return withServer(variant, [], measure, script)
}
