import { setTimeout as delay } from 'node:timers/promises'
import { withServer } from './processes.mjs'
import { figure, number, table, target, targetTable } from './report.mjs'
import { median, rotated } from './stats.mjs'

const VARIANTS = ['tidings', 'better-sse', 'res.write', 'framed']
const NAMES = { 'res.write': 'one timer, `res.write`', framed: 'one timer, one framed chunk' }
const INTERVAL = 1000
// `:` and a blank line, as a chunk of HTTP/1.1.
const BYTES = 8

/** Measures the CPU of an Express server whose connections get nothing but a heartbeat each second. */
export async function heartbeat({ rounds = 3, connections = 5000, seconds = 6 } = {}) {
  const measured = new Map(VARIANTS.map((variant) => [variant, { share: [], each: [], user: [], beats: [] }]))
  for (let round = 0; round < rounds; round++) {
    for (const variant of rotated(VARIANTS, round)) {
      for (const [name, value] of Object.entries(await measureOne(variant, connections, seconds))) measured.get(variant)[name].push(value)
    }
  }
  const rows = VARIANTS.map((variant) => {
    const { share, each, user, beats } = measured.get(variant)
    return [NAMES[variant] ?? variant, ...figure(share, 1), ...figure(each, 1), number(median(user), 1), Math.round(median(beats)).toString()]
  })
  const part = median(measured.get('tidings').each) / median(measured.get('better-sse').each)
  return [
    table(['Server', '% of a core', 'middle half', 'µs a heartbeat', 'middle half', 'of it user', 'heartbeats a second'], rows),
    targetTable([target("heartbeat: CPU a heartbeat, as a part of better-sse's", part, { atMost: 0.5, unit: 'times' })]),
  ].join('\n\n')
}

function measureOne(variant, connections, seconds) {
  return withServer(variant, [String(INTERVAL)], async (server, clients) => {
    const opened = await clients.ask('open', { count: connections })
    // Skips the first heartbeats, whose code is not warm yet.
    await delay(2500)
    const [cpuBefore, before] = await Promise.all([server.ask('cpu'), clients.ask('received')])
    await delay(seconds * 1000)
    const [cpuAfter, after] = await Promise.all([server.ask('cpu'), clients.ask('received')])
    if (opened !== connections || after.lost > 0) throw new Error(`${variant} held ${opened - after.lost} of ${connections} connections`)
    const user = cpuAfter.user - cpuBefore.user
    const used = user + cpuAfter.system - cpuBefore.system
    const time = cpuAfter.time - cpuBefore.time
    const beats = (after.bytes - before.bytes) / BYTES
    return { share: (used / time) * 100, each: used / beats, user: user / beats, beats: (beats / time) * 1e6 }
  })
}
