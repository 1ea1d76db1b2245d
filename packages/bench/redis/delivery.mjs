import { fileURLToPath } from 'node:url'
import { start, stop } from '../fan-out/processes.mjs'
import { interleaved, ratio } from '../fan-out/rounds.mjs'
import { figure, table, target, targetTable } from '../lib/report.mjs'

const SUBSCRIBERS = 1_000
const PER_SECOND = 50
const WARM_UP = 4_000
const VARIANTS = ['memory', 'redis', 'ioredis']

/** Runs two servers with 1,000 subscribers each. One publishes to both, or each to its own with the memory log. */
export async function delivery({ node, load, redis, rounds = 5, ms = 6_000 }) {
  const measured = await interleaved([...VARIANTS, 'XADD and XREAD'], rounds, (variant, round) =>
    variant === 'XADD and XREAD' ? measureRaw(node, redis, ms) : measureServers({ node, load, redis, variant, round, ms }),
  )
  const rows = [...measured].map(([variant, { p50, p99, cpu }]) => [variant, ...figure(p50), ...figure(p99), ...(cpu ? figure(cpu) : ['', ''])])
  const targets = VARIANTS.slice(1).map((variant) =>
    target(`delivery: CPU per event, ${variant} over memory`, ratio(measured, 'cpu', variant, 'memory'), { atMost: 1.3, unit: 'times' }),
  )
  const head = ['Log', 'p50 ms', 'middle half', 'p99 ms', 'middle half', 'CPU s per million events', 'middle half']
  return [`**2 processes of ${SUBSCRIBERS} subscribers, ${PER_SECOND} messages/s**`, table(head, rows), targetTable(targets)].join('\n\n')
}

async function measureServers({ node, load, redis, variant, round, ms }) {
  const started = []
  try {
    const servers = []
    const loads = []
    for (const core of [0, 1]) {
      const server = await start(started, core, [node, file('server.mjs'), variant, `${redis}`, `delivery ${variant} ${round}`], JSON.stringify)
      servers.push(server)
      loads.push(await start(started, 1 - core, [load, `${server.ready.port}`, '0', 'latency', 'sleeps'], String))
    }
    for (const each of loads) await each.ask(`open ${SUBSCRIBERS} 1 /`)
    // A memory log is not shared, so each process publishes to its own subscribers.
    const publishers = variant === 'memory' ? servers : servers.slice(0, 1)
    const publish = async (milliseconds) => {
      const [{ messages }] = await Promise.all(publishers.map((server) => server.ask({ ask: 'publish', perSecond: PER_SECOND, ms: milliseconds })))
      return messages
    }
    const warm = await publish(WARM_UP)
    for (const each of loads) await each.ask(`await ${warm}`)
    for (const each of loads) await each.ask('reset')
    const cpu = async () => (await Promise.all(servers.map((server) => server.ask({ ask: 'cpu' })))).reduce((sum, each) => sum + each.cpu, 0)
    const before = await cpu()
    const messages = await publish(ms)
    for (const each of loads) await each.ask(`await ${warm + messages}`)
    const used = (await cpu()) - before
    const stats = await Promise.all(loads.map((each) => each.ask('stats')))
    for (const { lost, least, most } of stats) {
      if (lost > 0 || least !== warm + messages || most !== warm + messages) throw new Error(`${least} to ${most} of ${warm + messages} messages have arrived`)
    }
    const worst = (name) => Math.max(...stats.map((each) => each[name]))
    return { p50: worst('p50'), p99: worst('p99'), cpu: used / (messages * SUBSCRIBERS * 2) }
  } finally {
    await Promise.all(started.map(stop))
  }
}

/** Runs a process that adds entries with `XADD` and reads them with `XREAD`, without any subscriber. */
async function measureRaw(node, redis, ms) {
  const started = []
  try {
    const reader = await start(started, 0, [node, file('raw.mjs'), `${redis}`], JSON.stringify)
    return await reader.ask({ ask: 'latency', perSecond: PER_SECOND, ms })
  } finally {
    await Promise.all(started.map(stop))
  }
}

const file = (name) => fileURLToPath(new URL(name, import.meta.url))
