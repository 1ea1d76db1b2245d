import { figure, number, table, target, targetTable } from '../lib/report.mjs'
import { median } from '../lib/stats.mjs'
import { withServer } from './processes.mjs'
import { chosen, interleaved, ratio } from './rounds.mjs'

const VARIANTS = [
  'express',
  'hono',
  'express without pacing',
  'hono without pacing',
  'better-sse',
  'better-sse, batched by hand',
  'res.write',
  'net',
  'streamSSE',
  'floor',
]
// A publisher that waits for each message gains nothing from pacing. Pacing should cost it nothing either.
const ONE_BY_ONE = ['express', 'express without pacing', 'net', 'floor']
const WINDOW = 10

/** Publishes one message a turn, while fewer than `window` messages have yet to reach all connections. */
export async function paced({ node, binaries, rounds = 3, connections = [5000], ms = 1500, only }) {
  const sections = []
  for (const count of connections) {
    for (const window of [WINDOW, 1]) {
      const variants = chosen(window === 1 ? ONE_BY_ONE : VARIANTS, only)
      const measured = await interleaved(variants, rounds, (variant) =>
        withServer({ node, binaries, variant, loadFlags: ['acks'] }, (server, load) => measureTurns(server, load, { count, window, ms })),
      )
      const rows = variants.map((variant) => {
        const { cpu, rate, reads } = measured.get(variant)
        return [variant, ...figure(cpu), ...figure(rate, 0), number(median(reads))]
      })
      sections.push(`**${count} connections, ${window === 1 ? 'each message waits for the last' : `at most ${window} messages on their way`}**`)
      sections.push(table(['Server', 'CPU s per million events', 'middle half', 'thousand events/s', 'middle half', 'reads a connection and message'], rows))
      if (count === 5000 && window > 1) sections.push(targetTable(targetsOf(measured)))
    }
  }
  return sections.join('\n\n')
}

export async function measureTurns(server, load, { count, window, ms }) {
  await load.ask(`open ${count} 1 /`)
  await load.ask('reset')
  const { messages, cpu, wall } = await server.ask({ ask: 'turns', window, warmUp: ms, ms })
  const { reads, messages: arrived, lost } = await load.ask('stats')
  if (lost > 0) throw new Error(`${lost} connections were lost`)
  const events = messages * count
  return { cpu: (cpu / events) * 1e6, rate: events / wall / 1000, reads: reads / arrived }
}

function targetsOf(measured) {
  const against = [
    ['express', 'better-sse', 1 / 8],
    ['express without pacing', 'better-sse', 1 / 2],
    ['express without pacing', 'net', 1.3],
    ['hono without pacing', 'net', 1.3],
  ]
  return against.flatMap(([variant, other, atMost]) => {
    const value = ratio(measured, 'cpu', variant, other)
    return value === undefined ? [] : [target(`paced at 5,000: CPU an event, ${variant} over ${other}`, value, { atMost, unit: 'times' })]
  })
}
