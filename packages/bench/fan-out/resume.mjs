import { figure, number, table, target, targetTable } from '../lib/report.mjs'
import { median } from '../lib/stats.mjs'
import { withServer } from './processes.mjs'
import { interleaved } from './rounds.mjs'

const KEPT = 100_000
const MB = 2 ** 20
const FROM = {
  'the oldest': 0,
  'the middle': KEPT / 2,
  'the newest 1,000': KEPT - 1000,
  'the newest 10': KEPT - 10,
}
const CLIENTS = 1000
const AT_ONCE = {
  'none of them resumes anything': { first: KEPT, step: 0 },
  'all from one position': { first: KEPT - 1000, step: 0 },
  // Each reads between 1,000 and 1,999 messages, so that no two clients read the same set.
  'each from a position of its own': { first: KEPT - 1999, step: 1 },
}

/** Clients resume from a history of 100,000 messages. The number of each message is checked. */
export async function resume({ node, binaries, rounds = 3 }) {
  const setUp = { node, binaries, variant: 'express', history: KEPT, flags: ['--expose-gc'], loadFlags: ['verify'] }
  const single = await interleaved(Object.keys(FROM), rounds, (from) =>
    withServer(setUp, async (server, load) => {
      const prefix = await fill(server)
      // Without the first time, in which the code is compiled.
      const times = []
      for (let i = 0; i < 4; i++) times.push(await resumed(load, { count: 1, prefix, first: FROM[from], step: 0 }))
      return { time: median(times.slice(1)) }
    }),
  )
  const many = await interleaved(Object.keys(AT_ONCE), rounds, (from) =>
    withServer(setUp, async (server, load) => {
      const prefix = await fill(server)
      const { rss } = await server.ask({ ask: 'memory' })
      const time = await resumed(load, { count: CLIENTS, prefix, ...AT_ONCE[from] })
      const { peak } = await server.ask({ ask: 'peak' })
      return { time, peak: (peak - rss) / MB }
    }),
  )
  const rows = Object.entries(FROM).map(([from, offset]) => {
    const { time } = single.get(from)
    return [from, `${KEPT - offset}`, ...figure(time), number((median(time) * 1000) / (KEPT - offset))]
  })
  const rowsOfMany = Object.keys(AT_ONCE).map((from) => {
    const { time, peak } = many.get(from)
    return [from, ...figure(time, 0), ...figure(peak)]
  })
  const targets = Object.keys(AT_ONCE)
    .slice(1)
    .map((from) => target(`1,000 clients resume at once, ${from}: peak RSS growth`, median(many.get(from).peak), { atMost: 64, unit: 'MB' }))
  return [
    '**One client, 100,000 messages kept**',
    table(['Resume from', 'messages', 'ms', 'middle half', 'µs a message'], rows),
    '**1,000 clients at once, 1,000 messages or more each**',
    table(['Resume', 'ms', 'middle half', 'peak RSS growth, MB', 'middle half'], rowsOfMany),
    'All clients have got each message once and in order.',
    targetTable(targets),
  ].join('\n\n')
}

async function fill(server) {
  const { lastId } = await server.ask({ ask: 'fill', messages: KEPT })
  return lastId.slice(0, lastId.lastIndexOf('-') + 1)
}

/** Connects clients with a last event ID. Returns the milliseconds until all have all messages. */
async function resumed(load, { count, prefix, first, step }) {
  await load.ask('close')
  await load.ask('reset')
  await load.ask(`open ${count} 1 / ${prefix} ${first} ${step}`)
  const { ms } = await load.ask(`await ${KEPT}`)
  const { wrong, lost, messages } = await load.ask('stats')
  const expected = count * (KEPT - first) - (step * count * (count - 1)) / 2
  if (wrong > 0 || lost > 0 || messages !== expected) throw new Error(`${messages} of ${expected} messages, ${wrong} of them wrong, ${lost} connections lost`)
  return ms
}
