import { figure, table, target, targetTable } from '../lib/report.mjs'
import { median } from '../lib/stats.mjs'
import { runScript } from './processes.mjs'

/** C8, C9: measures the cost of a client that resumes, with and without conflation and topics. */
export async function replay({ node, rounds = 3 }) {
  const measured = []
  for (let round = 0; round < rounds; round++) measured.push(await runScript(node, 'replay-process.mjs'))
  const rows = Object.entries(measured[0]).map(([name, { messages }]) => {
    const costs = measured.map((each) => each[name].ms)
    return [name, `${messages}`, ...figure(costs, 2), ((median(costs) * 1000) / messages).toFixed(1)]
  })
  const times = measured.map(({ plain, conflating }) => conflating.ms / plain.ms)
  return [
    table(['Client', 'messages', 'CPU ms', 'middle half', 'µs a message'], rows),
    targetTable([target('20 MB to one that conflates, over 20 MB to one that does not', median(times), { atMost: 2, unit: 'times' })]),
  ].join('\n\n')
}
