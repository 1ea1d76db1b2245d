import { figure, number, table, target, targetTable } from '../lib/report.mjs'
import { median } from '../lib/stats.mjs'
import { measureBurst } from './burst.mjs'
import { measureTurns } from './paced.mjs'
import { withServer } from './processes.mjs'
import { interleaved, ratio } from './rounds.mjs'

const [ONE, TWO] = ['express', 'express, two channels']
const PARTS = [
  { title: 'ten messages at once', measure: measureBurst, atMost: 2.2 },
  { title: 'at most ten messages on their way', measure: measureTurns, window: 10, atMost: 1.2 },
]

/** Compares two named channels on each stream with one channel. Both publish as many messages. */
export async function joined({ node, binaries, rounds = 3, connections = [5000], ms = 1500 }) {
  const sections = []
  for (const count of connections) {
    for (const { title, measure, window, atMost } of PARTS) {
      const measured = await interleaved([ONE, TWO], rounds, (variant) =>
        withServer({ node, binaries, variant, loadFlags: ['acks'] }, (server, load) => measure(server, load, { count, window, ms })),
      )
      const rows = [ONE, TWO].map((variant) => {
        const { cpu, rate, reads } = measured.get(variant)
        return [variant, ...figure(cpu), ...figure(rate, 0), number(median(reads))]
      })
      sections.push(`**${count} connections, ${title}**`)
      sections.push(table(['Server', 'CPU s per million events', 'middle half', 'thousand events/s', 'middle half', 'reads'], rows))
      const name = `${count} connections, ${title}: CPU an event, two channels over one`
      sections.push(targetTable([target(name, ratio(measured, 'cpu', TWO, ONE), { atMost, unit: 'times' })]))
    }
  }
  return sections.join('\n\n')
}
