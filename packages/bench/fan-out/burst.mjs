import { figure, number, table, target, targetTable } from '../lib/report.mjs'
import { median } from '../lib/stats.mjs'
import { withServer } from './processes.mjs'
import { chosen, interleaved, ratio } from './rounds.mjs'

const VARIANTS = ['express', 'hono', 'hono, web stream', 'better-sse', 'better-sse, batched by hand', 'res.write', 'net', 'streamSSE', 'floor']
const MESSAGES = 10

/** Publishes ten messages at once, and the next ten when all connections have them. */
export async function burst({ node, binaries, major, rounds = 3, connections = [100, 1000, 5000], ms = 1500, only }) {
  const sections = []
  for (const count of connections) {
    const variants = chosen(VARIANTS, only)
    const measured = await interleaved(variants, rounds, (variant) =>
      withServer({ node, binaries, variant, loadFlags: ['acks'] }, (server, load) => measureBurst(server, load, { count, ms })),
    )
    const rows = variants.map((variant) => {
      const { cpu, rate, reads } = measured.get(variant)
      return [variant, ...figure(cpu), ...figure(rate, 0), number(median(reads))]
    })
    sections.push(`**${count} connections**`)
    sections.push(table(['Server', 'CPU s per million events', 'middle half', 'thousand events/s', 'middle half', 'reads a connection and burst'], rows))
    if (count === 5000) sections.push(targetTable(targetsOf(measured, major)))
  }
  return sections.join('\n\n')
}

export async function measureBurst(server, load, { count, ms }) {
  await load.ask(`open ${count} 1 /`)
  await load.ask('reset')
  const { messages, cpu, wall } = await server.ask({ ask: 'burst', messages: MESSAGES, warmUp: ms, ms })
  const { reads, messages: arrived, lost } = await load.ask('stats')
  if (lost > 0) throw new Error(`${lost} connections were lost`)
  const events = messages * count
  return { cpu: (cpu / events) * 1e6, rate: events / wall / 1000, reads: (reads / arrived) * MESSAGES }
}

function targetsOf(measured, major) {
  const against = [
    ['express', 'better-sse', major >= 24 ? 1 / 4 : 1 / 10],
    ['express', 'res.write', 1 / 3.5],
    ['express', 'better-sse, batched by hand', 1 / 1.6],
    ['hono', 'streamSSE', 1 / 35],
    ['express', 'floor', 1.3],
    ['hono', 'floor', 1.3],
    ['hono, web stream', 'streamSSE', 1 / 10],
  ]
  return against.flatMap(([variant, other, atMost]) => {
    const value = ratio(measured, 'cpu', variant, other)
    return value === undefined
      ? []
      : [target(`burst at 5,000: CPU an event, ${variant} over ${other}`, value, { atMost: Number(atMost.toFixed(4)), unit: 'times' })]
  })
}
