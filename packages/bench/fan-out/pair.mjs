import { figure, number, table, target, targetTable } from '../lib/report.mjs'
import { median } from '../lib/stats.mjs'
import { measureBurst } from './burst.mjs'
import { measureTurns } from './paced.mjs'
import { withServer } from './processes.mjs'
import { interleaved, ratio } from './rounds.mjs'

/**
 * Compares the CPU time of two variants, in bursts and when paced.
 *
 * @param pair `variant` is compared with `over`. `title` names the ratio. `burst` and `paced` are its goals
 */
export async function comparePair({ variant, over, title, burst, paced }, { node, binaries, rounds = 3, connections = [5000], ms = 1500 }) {
  const parts = [
    { name: 'ten messages at once', measure: measureBurst, atMost: burst },
    { name: 'at most ten messages on their way', measure: measureTurns, window: 10, atMost: paced },
  ]
  const pair = [over, variant]
  const sections = []
  for (const count of connections) {
    for (const { name, measure, window, atMost } of parts) {
      const measured = await interleaved(pair, rounds, (each) =>
        withServer({ node, binaries, variant: each, loadFlags: ['acks'] }, (server, load) => measure(server, load, { count, window, ms })),
      )
      const rows = pair.map((each) => {
        const { cpu, rate, reads } = measured.get(each)
        return [each, ...figure(cpu), ...figure(rate, 0), number(median(reads))]
      })
      const part = `${count} connections, ${name}`
      sections.push(`**${part}**`)
      sections.push(table(['Server', 'CPU s per million events', 'middle half', 'thousand events/s', 'middle half', 'reads'], rows))
      sections.push(targetTable([target(`${part}: CPU an event, ${title}`, ratio(measured, 'cpu', variant, over), { atMost, unit: 'times' })]))
    }
  }
  return sections.join('\n\n')
}
