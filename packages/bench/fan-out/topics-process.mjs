// Subscribers without a network, since this is about the index: node topics-process.mjs
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
// A flush that something else has interrupted would have the next wait, and take two messages at once.
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
  // The first slices compile.
  const [a, b] = [costs.alone.slice(5), costs.among.slice(5)]
  return { alone: median(a), among: median(b), times: median(b) / median(a) }
}

/** CPU microseconds of a message to one topic, from its publishing until its subscribers have it. */
async function costOf(channel, each) {
  delivered = 0
  const before = process.cpuUsage()
  for (let i = 0; i < MESSAGES; i++) {
    channel.publish(dataOf(i), { topic: 'topic/0' })
    await new Promise(setImmediate)
  }
  const { user, system } = process.cpuUsage(before)
  // The last flush comes with the turn after.
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
