// node replay-process.mjs
// Clients that resume, without a network: it measures the cost of reading the history and of making frames.
import { createChannel } from '@tidings/core'
import { median } from '../lib/stats.mjs'

const MESSAGES = 20_000
const TOPICS = 10_000
const WANTED = 256
const ROUNDS = 12
const filling = 'x'.repeat(1_000)

const history = { messages: 2 * MESSAGES, bytes: 2 ** 30 }
const channels = {
  keyed: filled((number) => ({ key: `key ${number}` })),
  topics: filled((number) => ({ topic: `topic/${number % TOPICS}` })),
}
const one = ['topic/0']
const many = Array.from({ length: WANTED }, (_, number) => `topic/${number * 7}`)
/** The subscription of a client that resumes from the beginning, and the number of messages that it gets. */
const CASES = {
  plain: { channel: channels.keyed, options: {}, count: MESSAGES },
  conflating: { channel: channels.keyed, options: { lag: 'conflate' }, count: MESSAGES },
  'one topic of 10,000': { channel: channels.topics, options: { topics: one }, count: MESSAGES / TOPICS },
  '256 topics of 10,000': { channel: channels.topics, options: { topics: many }, count: (WANTED * MESSAGES) / TOPICS },
}

const costs = Object.fromEntries(Object.keys(CASES).map((name) => [name, []]))
for (let round = 0; round < ROUNDS; round++) for (const [name, each] of Object.entries(CASES)) costs[name].push(await costOf(each))
// Without the first rounds, in which the code is compiled.
const results = Object.entries(costs).map(([name, values]) => [name, { ms: median(values.slice(3)), messages: CASES[name].count }])
process.stdout.write(`${JSON.stringify(Object.fromEntries(results))}\n`)

function filled(optionsOf) {
  const channel = createChannel({ history })
  let first
  for (let number = 0; number < MESSAGES; number++) {
    const id = channel.publish(`${number} ${filling}`, optionsOf(number))
    first ??= id
  }
  return { channel, before: first.then((id) => id.replace(/-1$/, '-0')) }
}

/** The CPU time, in milliseconds, until a client that resumes has all messages. */
async function costOf({ channel: { channel, before }, options, count }) {
  const stream = slowStream(await before)
  const start = process.cpuUsage()
  channel.subscribe(stream, options)
  while (stream.messages < count) stream.drain()
  const { user, system } = process.cpuUsage(start)
  if (stream.messages !== count) throw new Error(`${stream.messages} of ${count} messages`)
  stream.leave()
  return (user + system) / 1_000
}

/** A stream that takes one batch at a time. */
function slowStream(lastEventId) {
  let feeder
  let bytes = 0
  const port = {
    '~ready': true,
    '~write': () => true,
    '~writeShared'(batch) {
      stream.messages += batch.messages
      bytes += batch.bare.length
      port['~ready'] = false
      return false
    },
    '~end'() {},
    '~cut'() {},
    '~release'() {},
  }
  const stream = {
    lastEventId,
    closed: false,
    messages: 0,
    '~feed'(given) {
      feeder = given
      return port
    },
    drain() {
      const before = bytes
      port['~ready'] = true
      feeder.drained()
      if (bytes === before) throw new Error('nothing more came')
    },
    leave: () => feeder.streamEnded(),
  }
  return stream
}
