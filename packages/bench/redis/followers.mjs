import { fileURLToPath } from 'node:url'
import { start, stop } from '../fan-out/processes.mjs'
import { interleaved } from '../fan-out/rounds.mjs'
import { figure, table } from '../lib/report.mjs'

const FOLLOWERS = [0, 25]
const PER_SECOND = 1_000

/** Measures the CPU of Redis at 1,000 messages a second, with and without connections that follow the channel. */
export async function followers({ node, redis, rounds = 5, ms = 3_000 }) {
  const measured = await interleaved(FOLLOWERS, rounds, async (count, round) => {
    const started = []
    try {
      const name = `followers ${count} ${round}`
      if (count > 0) await start(started, 1, [node, file('follower.mjs'), `${redis}`, `{publish redis ${name}}:c`, `${count}`], JSON.stringify)
      const publisher = await start(started, 0, [node, file('publisher.mjs'), `${redis}`, 'redis', 'publish', name], JSON.stringify)
      await publisher.ask({ messages: 10, perSecond: PER_SECOND, ms: 1_000 })
      return await publisher.ask({ messages: 10, perSecond: PER_SECOND, ms })
    } finally {
      await Promise.all(started.map(stop))
    }
  })
  const rows = FOLLOWERS.map((count) => [`${count}`, ...figure(measured.get(count).perSecond, 0), ...figure(measured.get(count).engine, 1)])
  return [`**${PER_SECOND} messages/s, ten a turn**`, table(['Followers', 'messages/s', 'middle half', '% of a core in Redis', 'middle half'], rows)].join(
    '\n\n',
  )
}

const file = (name) => fileURLToPath(new URL(name, import.meta.url))
