import { figure, table, target, targetTable } from '../lib/report.mjs'
import { median } from '../lib/stats.mjs'
import { runScript } from './processes.mjs'

/** C6: compares the cost of a message in a channel of 100,000 topics with its cost in a channel of one topic. */
export async function topics({ node, rounds = 3 }) {
  const measured = []
  for (let round = 0; round < rounds; round++) measured.push(await runScript(node, 'topics-process.mjs'))
  const rows = []
  const targets = []
  for (const name of Object.keys(measured[0])) {
    const alone = measured.map((each) => each[name].alone)
    const among = measured.map((each) => each[name].among)
    const times = measured.map((each) => each[name].times)
    rows.push([name, ...figure(alone), ...figure(among), ...figure(times)])
    targets.push(target(`100,000 topics, ${name}: CPU of a message over that of its subscribers alone`, median(times), { atMost: 1.2, unit: 'times' }))
  }
  const head = ['CPU µs a message', 'alone', 'middle half', 'among 100,000 topics', 'middle half', 'times', 'middle half']
  return [table(head, rows), targetTable(targets)].join('\n\n')
}
