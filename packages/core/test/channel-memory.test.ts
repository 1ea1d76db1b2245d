import { beforeAll, describe, expect, test } from 'vitest'
import { countOf } from '../../testing/src/lib/count-of.ts'
import { createChannel } from '../src/index.ts'
import type { Channel } from '../src/lib/channel/channel.ts'
import type { EngineListener } from '../src/log.ts'
import { engineLog, randomEpoch } from '../src/log.ts'
import { openStream, turn } from './support/held-sink.ts'

const ALL_BYTES = 4_194_304
// A quarter of it with a quarter of the messages, where counts are a tenth: with less, what the process itself moves
// by would tell more.
const PART = countOf(10) === 10 ? 1 : 1 / 4
const BYTES = ALL_BYTES * PART
const HISTORY = { messages: Number.POSITIVE_INFINITY, bytes: BYTES }

/** The bytes of living objects, with their memory outside the heap. */
async function living(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    await turn()
    if (!global.gc) throw new Error('run with --expose-gc')
    global.gc()
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** The memory of the objects that a function makes, in bytes. */
async function heldBy(make: () => Promise<unknown>): Promise<number> {
  const before = await living()
  const made = await make()
  const held = (await living()) - before
  expect(made).toBeDefined()
  return held
}

/**
 * The same of the first round that is below the limit, or the least of three. What a channel keeps, each round keeps;
 * code that Node compiles at a time of its own choice counts in one of them.
 */
async function leastHeldBy(make: () => Promise<unknown>, limit: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < 3 && least >= limit; round++) least = Math.min(least, await heldBy(make))
  return least
}

/** Does something many times, with turns between. */
async function repeat(times: number, act: (index: number) => void): Promise<void> {
  for (let index = 0; index < times; index++) {
    act(index)
    if (index % 200 === 199) await turn()
  }
}

/** A flat text of this length, like text from a socket. */
function text(index: number, length: number, letter = 'x'): string {
  return Buffer.from(`${index}`.padEnd(length, letter)).toString()
}

/** Reads all messages in the process, until it falls behind. */
async function readAll(channel: Channel): Promise<void> {
  try {
    for await (const { data } of channel.messages()) void data
  } catch {}
}

interface Sample {
  times: number
  publish(channel: Channel, index: number): void
  history?: { messages: number; bytes: number }
}

const list = Array.from({ length: 20 }, (_, index) => ({ index, empty: [] }))

const SAMPLES: Record<string, Sample> = {
  'messages without text': { times: 60_000, publish: (channel) => void channel.publish('') },
  'text of two bytes a character': { times: 12_000, publish: (channel, index) => void channel.publish(text(index, 500, '…')) },
  'text with a character of three bytes': { times: 12_000, publish: (channel, index) => void channel.publish(`${text(index, 500)}…`) },
  'data with line ends of its own': { times: 20_000, publish: (channel, index) => void channel.publish(text(index, 300, '\r')) },
  'a topic for each message': { times: 40_000, publish: (channel, index) => void channel.publish('', { topic: `match/${index}` }) },
  'a topic for each two messages': { times: 40_000, publish: (channel, index) => void channel.publish('', { topic: `match/${index >> 1}` }) },
  'topics that ran empty': {
    times: 60_000,
    publish: (channel, index) => void channel.publish('', { topic: `match/${index}` }),
    history: { messages: 10, bytes: BYTES },
  },
  'topics with long names': { times: 8_000, publish: (channel, index) => void channel.publish('', { topic: text(index, 1_024) }) },
  'topics with long names that ran empty': {
    times: 20_000,
    publish: (channel, index) => void channel.publish('', { topic: text(index, 1_024) }),
    history: { messages: 10, bytes: BYTES },
  },
  'long keys': { times: 8_000, publish: (channel, index) => void channel.publish('', { key: text(index, 1_024) }) },
  'long idempotency keys': {
    times: 12_000,
    publish: (channel, index) => void channel.publish('', { idempotencyKey: text(index, 1_024) }),
    history: { messages: 10, bytes: BYTES },
  },
  'names that are cut from long texts': {
    times: 2_000,
    publish: (channel, index) => {
      const url = text(index, 16_384)
      const name = (from: number) => url.slice(from, from + 20)
      const event = text(index, 16_384).slice(0, 20)
      void channel.publish({ event, data: '' }, { topic: name(0), key: name(1), idempotencyKey: name(0) })
    },
  },
  'lines that are cut from long texts': {
    times: 40,
    publish: (channel, index) => {
      for (const line of text(index, 400_000, 'a line of a file\r\n').split('\n').slice(0, 20)) void channel.publish(line)
    },
  },
  'objects that a filter reads': { times: 10_000, publish: (channel) => void channel.publish({ data: list }) },
}

/** A channel that was published to, with a subscriber and a reader. */
async function filled({ times, publish, history = HISTORY }: Sample): Promise<unknown> {
  const channel = createChannel({ history })
  const { stream } = openStream()
  channel.subscribe(stream, { filter: () => false })
  const reading = readAll(channel)
  await repeat(times * PART, (index) => publish(channel, index))
  return [channel, stream, reading]
}

describe('C8 the memory of a channel', () => {
  // The first channel of a process makes Node compile code, which takes up to 0.8 MB for as long as the process lives.
  beforeAll(async () => {
    await filled({ times: 60_000, publish: (channel) => void channel.publish('') })
  })

  test.each(Object.entries(SAMPLES))('C8 takes at most twice `history.bytes`: %s', async (_, sample) => {
    const limit = 2 * (sample.history ?? HISTORY).bytes
    expect(await leastHeldBy(() => filled(sample), limit)).toBeLessThan(limit)
  })

  test('C8 takes at most twice `tail.bytes` if the log is on an engine', async () => {
    const epoch = randomEpoch()
    const fillTail = async (): Promise<unknown> => {
      let listener: EngineListener | undefined
      const log = engineLog(
        {
          append: () => Promise.reject(new Error('nothing is appended here')),
          read: async () => ({ epoch, offset: 0, at: 0, ended: false, entries: [] }),
          follow: (follower) => {
            listener = follower
            queueMicrotask(() => follower.restored())
            return { renew: () => {}, close: () => {} }
          },
        },
        { tail: { messages: 1_000_000, bytes: BYTES }, history: { messages: 1_000_000 } },
      )
      const channel = createChannel({ log })
      await log.read(0, 1)
      await repeat(30_000 * PART, (index) => {
        const block = `data: ${text(index, 100)}\ndata: ${'…'.repeat(10)}\n`
        const packed = JSON.stringify([block, 1, `match/${index}`, `key ${index}`])
        const at = index + 1
        listener?.news({ epoch, offset: at, at, ended: false, entries: [{ offset: at, at, before: index, packed }] })
      })
      expect(log.tail.head).toBe(30_000 * PART)
      expect(log.tail.floor).toBeGreaterThan(10_000 * PART)
      return channel
    }
    expect(await leastHeldBy(fillTail, 2 * BYTES)).toBeLessThan(2 * BYTES)
  })
})
