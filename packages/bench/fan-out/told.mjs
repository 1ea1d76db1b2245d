import { figure, number, table, target, targetTable } from '../lib/report.mjs'
import { median } from '../lib/stats.mjs'
import { measureBurst } from './burst.mjs'
import { measureTurns } from './paced.mjs'
import { withServer } from './processes.mjs'
import { interleaved, ratio } from './rounds.mjs'

const [KEPT, TOLD] = ['express', 'express, keep: false']
const PARTS = [
  { title: 'ten messages at once', measure: measureBurst },
  { title: 'at most ten messages on their way', measure: measureTurns, window: 10 },
]

/** Compares messages that are not kept with kept ones. */
export async function told({ node, binaries, rounds = 3, connections = [5000], ms = 1500 }) {
  const sections = []
  for (const count of connections) {
    for (const { title, measure, window } of PARTS) {
      const measured = await interleaved([KEPT, TOLD], rounds, (variant) =>
        withServer({ node, binaries, variant, loadFlags: ['acks'] }, (server, load) => measure(server, load, { count, window, ms })),
      )
      const rows = [KEPT, TOLD].map((variant) => {
        const { cpu, rate, reads } = measured.get(variant)
        return [variant, ...figure(cpu), ...figure(rate, 0), number(median(reads))]
      })
      sections.push(`**${count} connections, ${title}**`)
      sections.push(table(['Server', 'CPU s per million events', 'middle half', 'thousand events/s', 'middle half', 'reads'], rows))
      const name = `${count} connections, ${title}: CPU an event, not kept over kept`
      sections.push(targetTable([target(name, ratio(measured, 'cpu', TOLD, KEPT), { atMost: 1, unit: 'times' })]))
    }
  }
  return sections.join('\n\n')
}
