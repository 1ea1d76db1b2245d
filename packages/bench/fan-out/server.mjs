// The server of one variant: node server.mjs <variant> [channels] [history]
// Each command is a line of JSON on stdin, and its answer a line of JSON.
import { createServer as createTcpServer } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { peakMemory, resetPeakMemory } from './memory.mjs'
import { dataAt, dataOf } from './messages.mjs'
import { createVariant } from './variants.mjs'

const [name, channels = '1', history = '10000'] = process.argv.slice(2)
const variant = await createVariant(name, { channels: Number(channels), history: Number(history) })

let published = 0
let acknowledged = 0
let onAcknowledged = () => {}

const control = createTcpServer((socket) => {
  socket.on('data', (bytes) => {
    acknowledged += bytes.length
    onAcknowledged()
  })
  socket.on('error', () => {})
})
control.listen(0, '127.0.0.1')
variant.server.listen(0, '127.0.0.1', 4096, () => answer({ port: variant.server.address().port, control: control.address().port }))

createInterface({ input: process.stdin })
  .on('line', async (line) => {
    const { ask, ...question } = JSON.parse(line)
    answer(await ANSWERS[ask](question))
  })
  // The parent process has ended.
  .on('close', () => process.exit())

const ANSWERS = {
  /** Publishes `messages` messages at once, and the next when all connections have them. */
  burst: ({ messages, warmUp, ms }) => measured(warmUp, ms, (until) => bursts(messages, until)),

  /** The same, in turns by the channel and by hand. Returns the CPU seconds of each. */
  async alternating({ messages, warmUp, ms }) {
    const ways = { channel: variant.publishAll, 'by hand': variant.publishByHand }
    await alternate(ways, messages, performance.now() + warmUp)
    return alternate(ways, messages, performance.now() + ms)
  },

  /** Publishes one message a turn, while fewer than `window` have yet to reach all connections. */
  turns: ({ window, warmUp, ms }) => measured(warmUp, ms, (until) => turns(window, until)),

  /**
   * Open loop: publishes `perSecond` messages a second on each channel, even if the server falls behind. Each message
   * contains the time at which it was due.
   */
  async overload({ perSecond, ms }) {
    const began = performance.now()
    const cpuBefore = cpu()
    const count = Math.round((variant.channels * perSecond * ms) / 1000)
    const interval = 1000 / perSecond / variant.channels
    for (let next = 0; next < count; ) {
      for (const present = performance.now(); next < count && began + next * interval <= present; next++) {
        variant.publish(dataAt(began + next * interval), next % variant.channels)
      }
      await delay(Math.max(1, began + next * interval - performance.now()))
    }
    return { messages: count, cpu: cpu() - cpuBefore, wall: performance.now() - began }
  },

  /** Publishes messages with the numbers from 1, and does not wait for any connection. */
  async fill({ messages, size = 100, topics = 0, atOnce = 100 }) {
    let last
    for (let i = 0; i < messages; i++) {
      last = variant.publish(dataOf(++published, size), 0, topics > 0 ? `topic/${i % topics}` : undefined)
      if (published % atOnce === 0) await new Promise(setImmediate)
    }
    return { lastId: await last }
  },

  async memory() {
    for (let i = 0; i < 4; i++) {
      globalThis.gc?.()
      await delay(50)
    }
    resetPeakMemory()
    return { rss: process.memoryUsage().rss }
  },

  async peak() {
    await delay(200)
    return { rss: process.memoryUsage().rss, peak: peakMemory() }
  },
}

async function measured(warmUp, ms, run) {
  await run(performance.now() + warmUp)
  const [began, cpuBefore, before] = [performance.now(), cpu(), published]
  await run(began + ms)
  return { messages: published - before, cpu: cpu() - cpuBefore, wall: (performance.now() - began) / 1000 }
}

/** Resolves when all connections have the messages. */
function burst(messages, publishAll) {
  const batch = Array.from({ length: messages }, () => dataAt(performance.now()))
  published += messages
  publishAll(batch)
  return allHave(published)
}

async function bursts(messages, until) {
  do {
    await burst(messages, variant.publishAll)
  } while (performance.now() < until)
}

async function alternate(ways, messages, until) {
  const used = Object.fromEntries(Object.keys(ways).map((way) => [way, 0]))
  let rounds = 0
  for (; performance.now() < until; rounds++) {
    for (const [way, publishAll] of Object.entries(ways)) {
      const before = cpu()
      await burst(messages, publishAll)
      used[way] += cpu() - before
    }
  }
  return { messages: rounds * messages, used }
}

function turns(window, until) {
  return new Promise((resolve) => {
    const turn = () => {
      if (performance.now() >= until) return void allHave(published).then(resolve)
      if (published - acknowledged < window) {
        published++
        variant.publish(dataAt(performance.now()), 0)
        setImmediate(turn)
      } else {
        // Goes on at half of the window. At the first acknowledgement, a slow load would get single messages, with a
        // pause after each, and not one message after the other.
        onAcknowledged = () => {
          if (published - acknowledged > window / 2) return
          onAcknowledged = () => {}
          setImmediate(turn)
        }
      }
    }
    turn()
  })
}

function allHave(count) {
  return new Promise((resolve) => {
    onAcknowledged = () => {
      if (acknowledged < count) return
      onAcknowledged = () => {}
      resolve()
    }
    onAcknowledged()
  })
}

/** The CPU time of all threads of this process, in seconds. */
function cpu() {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

function answer(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}
