import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { measureIdle } from '../lib/idle.mjs'
import { figure, table, target, targetTable } from '../lib/report.mjs'
import { measureBurst } from './burst.mjs'
import { HISTORY, measureOverload } from './overload.mjs'
import { measureTurns } from './paced.mjs'
import { withServer } from './processes.mjs'
import { interleaved, ratio } from './rounds.mjs'

const FRAMEWORKS = ['express', 'hono', 'hono, web stream']
const CONNECTIONS = 5000
const OVERLOAD = { perSecond: 200, channels: 1, ms: 5000 }
// A change may cost this much. A run of this length cannot measure a smaller difference.
const AT_MOST = 1.03

/** Compares this checkout with another one, which must be built. The servers of the two take turns. */
export async function change({ node, binaries, before, rounds = 5, ms = 1500 }) {
  if (!before) throw new Error('change compares with another checkout: give its folder, --before ../before, and build it')
  const scripts = { before: scriptsIn(before), now: {} }
  const server = (name, options, use) => {
    const [variant, state] = name.split(' | ')
    return withServer({ node, binaries, variant, script: scripts[state].server, ...options }, use)
  }
  const count = CONNECTIONS
  const parts = [
    ['burst', 'CPU s per million events', FRAMEWORKS, (name) => server(name, ACKS, (its, load) => measureBurst(its, load, { count, ms })), 'cpu'],
    ['paced', 'CPU s per million events', FRAMEWORKS, (name) => server(name, ACKS, (its, load) => measureTurns(its, load, { count, window: 10, ms })), 'cpu'],
    ['overload', 'p99 ms', ['express'], (name) => server(name, LATENCY, (its, load) => measureOverload(its, load, OVERLOAD)), 'p99'],
    ['idle', 'heap bytes a connection', ['tidings'], (name) => measureIdle('tidings', count, scripts[name.split(' | ')[1]].idle), 'heap'],
  ]
  const sections = []
  const targets = []
  for (const [part, unit, variants, measure, name] of parts) {
    const states = variants.flatMap((variant) => [`${variant} | before`, `${variant} | now`])
    const measured = await interleaved(states, rounds, measure)
    sections.push(`**${part}**`)
    sections.push(
      table(
        ['Server', `${unit}, before`, 'middle half', 'now', 'middle half'],
        variants.map((variant) => [variant, ...figure(measured.get(`${variant} | before`)[name]), ...figure(measured.get(`${variant} | now`)[name])]),
      ),
    )
    for (const variant of variants) {
      const times = ratio(measured, name, `${variant} | now`, `${variant} | before`)
      targets.push(target(`${part}, ${variant}: now over before`, times, { atMost: AT_MOST, unit: 'times' }))
    }
  }
  return [...sections, targetTable(targets)].join('\n\n')
}

const ACKS = { loadFlags: ['acks'] }
const LATENCY = { loadFlags: ['latency'], history: HISTORY }

/** Finds the servers of a checkout. Earlier commits have the benchmarks in `bench`. */
function scriptsIn(checkout) {
  const folder = ['packages/bench', 'bench'].map((name) => resolve(checkout, name)).find((name) => existsSync(name))
  if (!folder) throw new Error(`${checkout} is no checkout of this repository`)
  return { server: `${folder}/fan-out/server.mjs`, idle: `${folder}/lib/server.mjs` }
}
