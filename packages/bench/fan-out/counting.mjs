import { figure, number, table, target, targetTable } from '../lib/report.mjs'
import { median } from '../lib/stats.mjs'
import { runScript, withServer } from './processes.mjs'
import { interleaved } from './rounds.mjs'

const FLAGS = { counted: [], 'counting taken out': ['--uncounted'] }
const [COUNTED, UNCOUNTED] = Object.keys(FLAGS)
const CONNECTIONS = 5000
const MESSAGES = 10

/**
 * Measures the cost of `metrics()`: the counters at each write, and the call. On a server the difference is smaller
 * than the noise of the machine. So it is measured without a network, and divided by the cost of a write on a server.
 */
export async function counting({ node, binaries, rounds = 15, ms = 1500 }) {
  const measured = await interleaved(Object.keys(FLAGS), rounds, (variant) => runScript(node, 'no-network.mjs', [], FLAGS[variant]))
  const onServer = await withServer({ node, binaries, variant: 'express', loadFlags: ['acks'] }, async (server, load) => {
    await load.ask(`open ${CONNECTIONS} 1 /`)
    const { messages, cpu } = await server.ask({ ask: 'burst', messages: MESSAGES, warmUp: ms, ms: 2 * ms })
    return (cpu / (messages / MESSAGES) / CONNECTIONS) * 1e9
  })
  const rows = Object.keys(FLAGS).map((variant) => [variant, ...figure(measured.get(variant).write, 0), ...figure(measured.get(variant).ask.map(toMs), 2)])
  const share = (median(measured.get(COUNTED).write) - median(measured.get(UNCOUNTED).write)) / onServer
  return [
    table(['', `CPU ns a write of ${MESSAGES} messages`, 'middle half', `CPU ms a call of metrics() with ${CONNECTIONS} streams`, 'middle half'], rows),
    `On a server (Express, burst) such a write takes ${number(onServer, 0)} ns.`,
    targetTable([
      target('counting, of a write on a server', share * 100, { atMost: 2, unit: '%' }),
      target('metrics() each second, of a core', toMs(median(measured.get(COUNTED).ask)) / 10, { atMost: 2, unit: '%' }),
    ]),
  ].join('\n\n')
}

function toMs(nanoseconds) {
  return nanoseconds / 1e6
}
