import { fileURLToPath } from 'node:url'
import { start, stop } from '../fan-out/processes.mjs'
import { interleaved } from '../fan-out/rounds.mjs'
import { figure, table } from '../lib/report.mjs'

const LIBRARIES = ['redis', 'ioredis']

/** Measures the memory of many channels and messages, in this process and in Redis. */
export async function keep({ node, redis, rounds = 3 }) {
  const measured = await interleaved(LIBRARIES, rounds, async (library, round) => {
    const started = []
    try {
      const keeper = await start(started, 0, [node, '--expose-gc', file('keeper.mjs'), `${redis}`, library, `${round}`], JSON.stringify)
      return await keeper.ask({})
    } finally {
      await Promise.all(started.map(stop))
    }
  })
  const rows = LIBRARIES.map((library) => {
    const { heap, opened, connections, meta, message } = measured.get(library)
    return [library, ...figure(heap), ...figure(opened, 0), connections[0], ...figure(meta).slice(0, 1), ...figure(message).slice(0, 1)]
  })
  const head = [
    'Client',
    'heap KB a channel',
    'middle half',
    'ms to follow all',
    'middle half',
    'connections to follow',
    'Redis KB a channel',
    'Redis B a message',
  ]
  return ['**10,000 channels, and 10,000 messages of 100 B**', table(head, rows)].join('\n\n')
}

const file = (name) => fileURLToPath(new URL(name, import.meta.url))
