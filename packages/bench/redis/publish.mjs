import { fileURLToPath } from 'node:url'
import { start, stop } from '../fan-out/processes.mjs'
import { interleaved, ratio } from '../fan-out/rounds.mjs'
import { figure, table, target, targetTable } from '../lib/report.mjs'

const LIBRARIES = ['redis', 'ioredis']
const TURNS = [
  { messages: 1, atLeast: 0.3 },
  { messages: 20, atLeast: 0.7 },
  { messages: 100, atLeast: 0.7 },
]

/** Compares the messages a second that one process publishes with `XADD` of the same bytes in a pipeline. */
export async function publish({ node, redis, rounds = 5, ms = 2_000 }) {
  const sections = []
  const targets = []
  for (const { messages, atLeast } of TURNS) {
    const variants = LIBRARIES.flatMap((library) => [`${library}: publish`, `${library}: XADD`])
    const measured = await interleaved(variants, rounds, (variant, round) => measureOne({ node, redis, variant, messages, round, ms }))
    sections.push(`**${messages} ${messages === 1 ? 'message' : 'messages'} a turn**`)
    const rows = variants.map((variant) => [variant, ...figure(measured.get(variant).perSecond, 0), ...figure(measured.get(variant).engine, 0)])
    sections.push(table(['', 'messages/s', 'middle half', '% of a core in Redis', 'middle half'], rows))
    for (const library of LIBRARIES) {
      const times = ratio(measured, 'perSecond', `${library}: publish`, `${library}: XADD`)
      targets.push(target(`publish, ${messages} a turn, by way of ${library}: over XADD`, times, { atLeast, unit: 'times' }))
    }
  }
  return [...sections, targetTable(targets)].join('\n\n')
}

async function measureOne({ node, redis, variant, messages, round, ms }) {
  const [library, how] = variant.split(': ')
  const started = []
  try {
    const publisher = await start(started, 0, [node, file('publisher.mjs'), `${redis}`, library, how, `${messages} ${round}`], JSON.stringify)
    await publisher.ask({ messages, ms: 1_000 })
    return await publisher.ask({ messages, ms })
  } finally {
    await Promise.all(started.map(stop))
  }
}

const file = (name) => fileURLToPath(new URL(name, import.meta.url))
