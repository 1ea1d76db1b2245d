import { beforeAll, describe, expect, test, vi } from 'vitest'
import { createChannel } from '../src/index.ts'
import { memoryLog } from '../src/lib/log/memory-log.ts'
import type { LogFollower, TailedLog } from '../src/lib/log/message-log.ts'
import type { SharedFrames, SharedWriter } from '../src/lib/message/shared-frames.ts'
import { metrics } from '../src/lib/metrics.ts'
import { now } from '../src/lib/time-source.ts'
import { type DrivenClock, onDrivenClock } from './support/driven-clock.ts'
import { HeldSink, openStream } from './support/held-sink.ts'
import { flushed, type Joined, openChannel } from './support/joined-channel.ts'

// Readers that have had all there is and can be written to past their streams: they share one place. What holds for
// them as for all others is shown in channel-together.test.ts.
beforeAll(() => {
  HeldSink.takesShared = true
})

const MUCH_LATER = 1_000_000

/** Runs the checks of the clock that are due after this time. */
function lookIn({ stream }: Joined, milliseconds: number): void {
  stream.look(now() + milliseconds)
}

/** Sets the answer of the socket under a reader. */
function answering({ sink }: Joined, write: SharedWriter['write']): SharedWriter['write'] & { mock: { calls: [SharedFrames][] } } {
  const spy = vi.fn(write)
  ;(sink.shared as { write: SharedWriter['write'] }).write = spy
  return spy as never
}

describe('C1 readers at one place', () => {
  test('C1 get the same bytes from the second write on, without their streams', async () => {
    const { channel, join } = openChannel()
    const [a, b] = [join(), join()]
    void channel.publish('1')
    await flushed()
    const alone = vi.spyOn(a.stream, '~writeShared')
    const [toA, toB] = [answering(a, () => true), answering(b, () => true)]
    void channel.publish('2')
    await flushed()
    expect(alone).not.toHaveBeenCalled()
    expect(toA.mock.calls).toHaveLength(1)
    expect(toA.mock.calls[0]?.[0]).toBe(toB.mock.calls[0]?.[0])
  })

  test('C1 C6 readers that come later stand at that place too, after any number of messages for others', async () => {
    const { channel, join } = openChannel()
    const early = join({ topics: ['a'] })
    void channel.publish('1', { topic: 'a' })
    await flushed()
    void channel.publish('elsewhere', { topic: 'b' })
    const late = join({ topics: ['a'] })
    for (const data of ['2', '3']) {
      void channel.publish(data, { topic: 'a' })
      await flushed()
    }
    const [toEarly, toLate] = [answering(early, () => true), answering(late, () => true)]
    const alone = vi.spyOn(late.stream, '~writeShared')
    void channel.publish('4', { topic: 'a' })
    await flushed()
    expect(alone).not.toHaveBeenCalled()
    expect(toLate.mock.calls[0]?.[0]).toBe(toEarly.mock.calls[0]?.[0])
  })

  test('C1 C6 a reader that comes after messages for others is written to with them at its first message', async () => {
    const { channel, join } = openChannel()
    const early = join({ topics: ['a'] })
    void channel.publish('1', { topic: 'a' })
    await flushed()
    void channel.publish('elsewhere', { topic: 'b' })
    await flushed()
    const late = join({ topics: ['a'] })
    const alone = vi.spyOn(late.stream, '~writeShared')
    void channel.publish('2', { topic: 'a' })
    await flushed()
    expect(alone).not.toHaveBeenCalled()
    expect(late.text.slice(-20)).toBe(early.text.slice(-20))
  })

  test('C6 are not written to if their filter rejects all messages', async () => {
    const { channel, join, id } = openChannel()
    const reader = join({ filter: ({ data }) => data !== 'no' })
    void channel.publish('yes')
    await flushed()
    const write = answering(reader, () => true)
    void channel.publish('no')
    await flushed()
    expect(write).not.toHaveBeenCalled()
    expect(reader.subscription.lastEventId).toBe(id(2))
  })

  test('C1 a reader whose socket refuses gets the same bytes by its stream, and so do the readers around it', async () => {
    const { channel, join, id } = openChannel()
    const readers = [join(), join(), join()] as const
    void channel.publish('1')
    await flushed()
    answering(readers[1], () => undefined)
    void channel.publish('2')
    void channel.publish('3')
    await flushed()
    const expected = `id: ${id(0)}\n\ndata: 1\nid: ${id(1)}\n\ndata: 2\nid: ${id(2)}\n\ndata: 3\nid: ${id(3)}\n\n`
    expect(readers.map(({ text }) => text)).toEqual([expected, expected, expected])
  })

  test('C1 B1 a reader that was full goes on alone when it has drained, and then with the others', async () => {
    const { channel, join, id } = openChannel()
    const [slow, quick] = [join(), join()]
    void channel.publish('1')
    await flushed()
    slow.sink.hold()
    for (const data of ['2', '3', '4']) {
      void channel.publish(data)
      await flushed()
    }
    expect(slow.sink.frames.slice(3)).toEqual([`data: 2\nid: ${id(2)}\n\n`])
    expect(slow.stream['~ready']).toBe(false)
    slow.sink.take()
    const alone = vi.spyOn(slow.stream, '~writeShared')
    void channel.publish('5')
    await flushed()
    expect(slow.text).toBe(quick.text)
    expect(alone).not.toHaveBeenCalled()
  })

  test('C1 a reader that is full of its own sends, and drains before the next write, gets that write once', async () => {
    const { channel, join, id } = openChannel()
    const reader = join()
    void channel.publish('1')
    await flushed()
    reader.sink.hold()
    void reader.stream.send('own')
    void channel.publish('2')
    reader.sink.take()
    await flushed()
    expect(reader.text).toBe(`id: ${id(0)}\n\ndata: 1\nid: ${id(1)}\n\ndata: own\n\ndata: 2\nid: ${id(2)}\n\n`)
  })

  test('B2 bytes that were written without the stream do not count against maxBufferedBytes', async () => {
    const { channel, join } = openChannel()
    const reader = join({}, '', { maxBufferedBytes: 10 })
    void channel.publish('1')
    await flushed()
    reader.sink.hold()
    void channel.publish('x'.repeat(1_000))
    await flushed()
    expect(reader.stream.bufferedAmount).toBeGreaterThan(1_000)
    void reader.stream.send('a')
    expect(reader.stream.closed).toBe(false)
  })

  test(
    'B3 a reader that takes nothing is cut as stalled',
    onDrivenClock(async (clock) => {
      const { channel, join } = openChannel()
      const reader = join({}, '', { stallTimeout: 1_000 })
      void channel.publish('1')
      await flushed()
      clock.advance(60)
      reader.sink.hold()
      void channel.publish('2')
      await flushed()
      lookIn(reader, 970)
      expect(reader.stream.closed).toBe(false)
      lookIn(reader, 1_100)
      // A turn later, when the transport has been looked at once more.
      lookIn(reader, 1_101)
      expect(reader.sink.destroyedFor).toBe('stalled')
    }),
  )

  test('C7 a socket that throws ends only its own stream', async () => {
    const { channel, join, id } = openChannel()
    const onError = vi.fn()
    const [before, throwing, after] = [join(), join({}, '', { onError }), join()]
    void channel.publish('1')
    await flushed()
    const failure = new Error('wrapped by somebody')
    answering(throwing, () => {
      throw failure
    })
    void channel.publish('2')
    await flushed()
    expect(onError).toHaveBeenCalledExactlyOnceWith(failure, { stage: 'transport' })
    expect(throwing.sink.destroyedFor).toBe('error')
    for (const { text } of [before, after]) expect(text.endsWith(`data: 2\nid: ${id(2)}\n\n`)).toBe(true)
  })

  test('C1 readers that leave, in any order, take nothing from the others', async () => {
    const { channel, join, id } = openChannel()
    const readers = Array.from({ length: 6 }, () => join())
    void channel.publish('1')
    await flushed()
    // The last one is elsewhere by then.
    for (const index of [5, 0, 4]) readers[index]?.subscription.close()
    void channel.publish('2')
    await flushed()
    expect(readers.map(({ text }) => text.endsWith(`data: 2\nid: ${id(2)}\n\n`))).toEqual([false, true, true, true, false, false])
    expect(readers.map(({ subscription }) => subscription.lastEventId)).toEqual([1, 2, 2, 2, 1, 1].map(id))
    expect(channel.subscribers).toBe(3)
  })

  test('C1 C6 a reader that comes between a publish and its delivery gets the message alone', async () => {
    const { channel, join, id } = openChannel()
    const early = join()
    void channel.publish('1')
    await flushed()
    void channel.publish('2')
    const late = join({}, id(1))
    const now = join()
    void channel.publish('3')
    await flushed()
    expect(early.sink.frames.at(-1)).toBe(`data: 2\nid: ${id(2)}\n\ndata: 3\nid: ${id(3)}\n\n`)
    expect(late.text).toBe(`id: ${id(1)}\n\ndata: 2\nid: ${id(2)}\n\ndata: 3\nid: ${id(3)}\n\n`)
    expect(now.text).toBe(`id: ${id(2)}\n\ndata: 3\nid: ${id(3)}\n\n`)
  })

  test('C1 a message that a filter publishes while their batch is made comes once', async () => {
    const { channel, join, id } = openChannel({ history: { messages: 5 } })
    let asked = false
    const filter = ({ data }: { data: unknown }): boolean => {
      // Of so much the history drops what readers of b have yet to read, and nothing of a.
      if (data === 'go' && !asked) {
        asked = true
        for (const more of ['4', '5', '6']) void channel.publish(more, { topic: 'b' })
      }
      return true
    }
    const [a, b] = [join({ topics: ['a'], filter }), join({ topics: ['b'] })]
    void channel.publish('0', { topic: 'a' })
    void channel.publish('0', { topic: 'b' })
    await flushed()
    for (const data of ['1', '2', '3']) void channel.publish(data, { topic: 'b' })
    void channel.publish('go', { topic: 'a' })
    await flushed()
    await flushed()
    expect(a.text).toBe(`id: ${id(0)}\n\ndata: 0\nid: ${id(1)}\n\ndata: go\nid: ${id(6)}\n\n`)
    expect(b.text.match(/data: .*/g)).toEqual(['0', '1', '2', '3', '4', '5', '6'].map((data) => `data: ${data}`))
  })

  test('C3 each gets the reset when a log drops unread messages without notice', async () => {
    const inner = memoryLog({ messages: 5 })
    const log: TailedLog = Object.create(inner, {
      tail: { value: inner.tail },
      append: { value: inner.append.bind(inner) },
      idOf: { value: inner.idOf.bind(inner) },
      follow: { value: (follower: LogFollower) => inner.follow({ entry: (entry) => follower.entry(entry) }) },
    })
    const channel = createChannel({ log })
    const readers = [0, 1].map(() => {
      const { stream, sink } = openStream()
      channel.subscribe(stream)
      return sink
    })
    void channel.publish('1')
    await flushed()
    for (let number = 2; number <= 9; number++) void channel.publish(String(number))
    await flushed()
    const reset = `event: reset\ndata: ${JSON.stringify({ reason: 'lagged', lastEventId: inner.idOf(1) })}\nid: ${inner.idOf(4)}\n\n`
    for (const { frames } of readers) {
      expect(frames[3]).toBe(reset)
      expect(frames.at(-1)?.match(/data: .*/g)).toEqual(['5', '6', '7', '8', '9'].map((data) => `data: ${data}`))
    }
  })

  test('counts each message once for each reader that got it', async () => {
    const { channel, join } = openChannel()
    const readers = [join(), join(), join()] as const
    void channel.publish('1')
    await flushed()
    answering(readers[0], () => undefined)
    readers[1].sink.hold()
    const { messages } = metrics().streams
    void channel.publish('2')
    void channel.publish('3')
    await flushed()
    // One more is what `flushed` itself sends.
    expect(metrics().streams.messages - messages).toBe(2 * 3 + 1)
  })
})

describe('C4 the position of readers at one place', () => {
  test('C4 a heartbeat has the position only if it has moved since they got it', async () => {
    const { channel, join, id } = openChannel()
    const reader = join({ topics: ['a'] }, '', { heartbeat: 1_000 })
    void channel.publish('1', { topic: 'a' })
    await flushed()
    void channel.publish('2', { topic: 'a' })
    await flushed()
    lookIn(reader, MUCH_LATER)
    expect(reader.sink.frames.at(-1)).toBe(':\n\n')
    void channel.publish('elsewhere', { topic: 'b' })
    await flushed()
    lookIn(reader, MUCH_LATER)
    expect(reader.sink.frames.at(-1)).toBe(`:\nid: ${id(3)}\n\n`)
    lookIn(reader, MUCH_LATER)
    expect(reader.sink.frames.at(-1)).toBe(':\n\n')
  })

  test('C4 earlier writes do not count for a reader that comes later', async () => {
    const { channel, join, id } = openChannel()
    const early = join()
    for (const data of ['1', '2']) {
      void channel.publish(data)
      await flushed()
    }
    const late = join({}, '', { heartbeat: 1_000 })
    void channel.publish('3')
    await flushed()
    expect([early, late].map(({ subscription }) => subscription.lastEventId)).toEqual([id(3), id(3)])
    lookIn(late, MUCH_LATER)
    expect(late.sink.frames.at(-1)).toBe(':\n\n')
  })

  test('C4 C6 topics change at the position of the reader', async () => {
    const { channel, join, id } = openChannel()
    const [changing, staying] = [join({ topics: ['a'] }), join({ topics: ['a'] })]
    for (const data of ['1', '2']) {
      void channel.publish(data, { topic: 'a' })
      await flushed()
    }
    void channel.publish('3', { topic: 'a' })
    changing.subscription.add('b')
    void channel.publish('4', { topic: 'b' })
    await flushed()
    const text = (...offsets: number[]): string => offsets.map((offset) => `data: ${offset}\nid: ${id(offset)}\n\n`).join('')
    expect(changing.text).toBe(`id: ${id(0)}\n\n${text(1, 2, 3, 4)}`)
    expect(staying.text).toBe(`id: ${id(0)}\n\n${text(1, 2, 3)}`)
  })
})

describe('L5 heartbeats of readers at one place', () => {
  const beats = ({ sink }: Joined): number => sink.frames.filter((frame) => frame.startsWith(':\n')).length - 1

  /** A reader whose stream was written to, and 60 ms later its socket past the stream. */
  async function writtenTwice(clock: DrivenClock): Promise<Joined> {
    const { channel, join } = openChannel()
    const reader = join({}, '', { heartbeat: 1_000 })
    void channel.publish('1')
    await flushed()
    clock.advance(60)
    void channel.publish('2')
    await flushed()
    return reader
  }

  test(
    'L5 count from the last write without the stream',
    onDrivenClock(async (clock) => {
      const reader = await writtenTwice(clock)
      lookIn(reader, 970)
      expect(beats(reader)).toBe(0)
      lookIn(reader, 1_010)
      expect(beats(reader)).toBe(1)
    }),
  )

  test(
    'L5 count from that write too after the subscription was closed',
    onDrivenClock(async (clock) => {
      const reader = await writtenTwice(clock)
      reader.subscription.close()
      lookIn(reader, 970)
      expect(beats(reader)).toBe(0)
    }),
  )

  test(
    'L5 do not count from a write to others before the reader came',
    onDrivenClock(async (clock) => {
      const { channel, join } = openChannel()
      const moving = join({ topics: ['b'] }, '', { heartbeat: 1_000 })
      join({ topics: ['a'] })
      void channel.publish('1', { topic: 'a' })
      await flushed()
      clock.advance(60)
      void channel.publish('2', { topic: 'a' })
      moving.subscription.add('a')
      moving.subscription.remove('b')
      await flushed()
      lookIn(moving, 970)
      expect(beats(moving)).toBe(1)
    }),
  )
})
