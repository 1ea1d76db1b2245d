// node topics-process.mjs
// Subscribers without a network: it measures the cost of the index of topics.
import { createChannel } from '@tidings/core'
import { median } from '../lib/stats.mjs'
import { dataOf } from './messages.mjs'
import { stopPacing } from './variants.mjs'

const TOPICS = 100_000
const SUBSCRIBERS = 10_000
const MESSAGES = 500
const SLICES = 41
const CASES = { '1 subscriber a topic': 1, '10 subscribers a topic': 10, '100 subscribers a topic': 100 }

let delivered = 0
// With pacing, a flush that took long would delay the next one, which would then take two messages at once.
await stopPacing()
const results = {}
for (const [name, each] of Object.entries(CASES)) results[name] = await compare(each)
process.stdout.write(`${JSON.stringify(results)}\n`)

async function compare(each) {
  const among = createChannel({ history: { messages: TOPICS, bytes: 2 ** 30 } })
  for (let i = 0; i < TOPICS; i++) among.publish(dataOf(i), { topic: `topic/${i}` })
  for (let i = 0; i < SUBSCRIBERS; i++) among.subscribe(fakeStream(), { topics: [`topic/${Math.floor(i / each)}`] })
  const alone = createChannel({ history: { messages: TOPICS, bytes: 2 ** 30 } })
  for (let i = 0; i < TOPICS; i++) alone.publish(dataOf(i), { topic: 'topic/0' })
  for (let i = 0; i < each; i++) alone.subscribe(fakeStream(), { topics: ['topic/0'] })

  const costs = { alone: [], among: [] }
  for (let slice = 0; slice < SLICES; slice++) {
    const order = Object.entries({ alone, among })
    for (const [name, channel] of slice % 2 ? order : order.reverse()) costs[name].push(await costOf(channel, each))
  }
  among.close()
  alone.close()
  // Without the first slices, in which the code is compiled.
  const [a, b] = [costs.alone.slice(5), costs.among.slice(5)]
  return { alone: median(a), among: median(b), times: median(b) / median(a) }
}

/** The CPU time, in microseconds, from the publishing of a message until the subscribers of its topic have it. */
async function costOf(channel, each) {
  delivered = 0
  const before = process.cpuUsage()
  for (let i = 0; i < MESSAGES; i++) {
    channel.publish(dataOf(i), { topic: 'topic/0' })
    await new Promise(setImmediate)
  }
  const { user, system } = process.cpuUsage(before)
  // The last flush comes in the next turn.
  await new Promise(setImmediate)
  if (delivered !== MESSAGES * each) throw new Error(`${delivered} of ${MESSAGES * each} were delivered`)
  return (user + system) / MESSAGES
}

function fakeStream() {
  const port = {
    '~ready': true,
    '~write': () => true,
    '~writeShared'({ chunk }) {
      if (chunk.length > 0) delivered++
      return true
    },
    '~end'() {},
    '~cut'() {},
    '~release'() {},
  }
  return { lastEventId: '', closed: false, '~feed': () => port }
}
