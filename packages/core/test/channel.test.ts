import { describe, expect, expectTypeOf, test, vi } from 'vitest'
import { createChannel } from '../src/index.ts'
import type { Channel } from '../src/lib/channel/channel.ts'
import type { ChannelOptions } from '../src/lib/channel/channel-options.ts'
import type { SubscribeOptions } from '../src/lib/channel/subscription.ts'
import { clock } from '../src/lib/clock.ts'
import type { ErrorCode } from '../src/lib/errors.ts'
import { KeptTail } from '../src/lib/log/kept-tail.ts'
import { memoryLog } from '../src/lib/log/memory-log.ts'
import type { TailedLog } from '../src/lib/log/message-log.ts'
import { TopicIndex } from '../src/lib/log/topic-index.ts'
import { encodeMessage, type Message, type PublishedMessage } from '../src/lib/message/message.ts'
import type { EventStream } from '../src/lib/stream/event-stream.ts'
import { closedStream } from '../src/lib/stream/public-stream.ts'
import { resolveOptions } from '../src/lib/stream/stream-options.ts'
import { ended, openStream, turn } from './support/held-sink.ts'
import { flushed, type Joined, openChannel } from './support/joined-channel.ts'
import { received } from './support/parsers.ts'

const coded = (code: ErrorCode) => expect.objectContaining({ code })
const RETRY = /^retry: [0-9]+\n\n$/

/** Runs the check of the clock that is due after the interval of an idle stream. */
function beat(stream: { look(present: number): number }): void {
  stream.look(performance.now() + 1_000_000)
}

describe('C1 order', () => {
  test('C1 each subscriber gets its messages once, in the order of the calls, and those of one turn in one write', async () => {
    const { channel, join, id } = openChannel()
    const all = join()
    const some = join({ topics: ['a', 'c'] })
    await Promise.all([
      channel.publish('1', { topic: 'a' }),
      channel.publish({ event: 'e', data: { n: 2 } }, { topic: 'b' }),
      channel.publish({ data: '3\n4', retry: 7, comment: 'why' }),
      channel.publish({ event: 'message', data: new TextEncoder().encode('5') }, { topic: 'c' }),
    ])
    await flushed()
    expect(all.sink.frames).toEqual([
      ':\n\n',
      `id: ${id(0)}\n\n`,
      `data: 1\nid: ${id(1)}\n\nevent: e\ndata: {"n":2}\nid: ${id(2)}\n\n: why\nretry: 7\ndata: 3\ndata: 4\nid: ${id(3)}\n\ndata: 5\nid: ${id(4)}\n\n`,
    ])
    expect(some.sink.frames).toEqual([':\n\n', `id: ${id(0)}\n\n`, `data: 1\nid: ${id(1)}\n\ndata: 5\nid: ${id(4)}\n\n`])
  })

  test('C1 publish resolves to the id that the message has on the wire', async () => {
    const { channel, join } = openChannel()
    const { sink } = join()
    const id = await channel.publish('a')
    await flushed()
    expect(sink.frames.at(-1)).toBe(`data: a\nid: ${id}\n\n`)
  })

  test('C1 a message that is published during a delivery comes after it, once', async () => {
    const { channel, join, id } = openChannel()
    const filter = vi.fn(({ data }: { data: unknown }) => {
      if (data === 'first') void channel.publish('second')
      return data !== 'third'
    })
    const before = join()
    const a = join({ filter })
    const leaving = join()
    leaving.stream.onClose(() => void channel.publish('third'))
    void channel.publish('first')
    await flushed()
    leaving.sink.leave()
    await flushed()
    const expected = `id: ${id(0)}\n\ndata: first\nid: ${id(1)}\n\ndata: second\nid: ${id(2)}\n\n`
    expect(a.text).toBe(expected)
    expect(before.text).toBe(`${expected}data: third\nid: ${id(3)}\n\n`)
    expect(filter.mock.calls.map(([{ data }]) => data)).toEqual(['first', 'second', 'third'])
  })

  test('C1 a message that is published while one reader is written to also reaches the readers before it', async () => {
    const { channel, join, id } = openChannel()
    const [told, writing] = [join(), join()]
    const write = writing.sink.write.bind(writing.sink)
    writing.sink.write = (frames) => {
      writing.sink.write = write
      void channel.publish('second')
      return write(frames)
    }
    void channel.publish('first')
    await flushed()
    await flushed()
    const expected = `id: ${id(0)}\n\ndata: first\nid: ${id(1)}\n\ndata: second\nid: ${id(2)}\n\n`
    expect([told.text, writing.text]).toEqual([expected, expected])
  })

  test('C1 messages, sends and comments keep the order in which they were written', async () => {
    const { channel, join, id } = openChannel()
    const { stream, text: _, ...joined } = join()
    void channel.publish('a')
    await flushed()
    void stream.send({ event: 'own', data: 'b' })
    void stream.comment('c')
    void channel.publish('d')
    await flushed()
    expect(joined.sink.frames.slice(2).join('')).toBe(`data: a\nid: ${id(1)}\n\nevent: own\ndata: b\n\n: c\n\ndata: d\nid: ${id(2)}\n\n`)
  })

  test('C1 a slow reader goes on from its position when it drains', async () => {
    const { channel, join, id } = openChannel()
    const slow = join()
    const fast = join()
    slow.sink.hold()
    for (const data of ['a', 'b', 'c']) {
      void channel.publish(data)
      await flushed()
    }
    expect(slow.text).toBe(`id: ${id(0)}\n\ndata: a\nid: ${id(1)}\n\n`)
    slow.sink.take()
    expect(slow.sink.frames.at(-1)).toBe(`data: b\nid: ${id(2)}\n\ndata: c\nid: ${id(3)}\n\n`)
    expect(slow.text).toBe(fast.text)
  })

  test('C1 C8 a long replay comes in several writes, each with its ids, and no message is missing between them', async () => {
    const { channel, join, id } = openChannel()
    const frame = (n: number): string => `data: ${String(n).repeat(30_000)}\nid: ${id(n)}\n\n`
    for (let n = 1; n <= 7; n++) void channel.publish(String(n).repeat(30_000))
    const { sink } = join({ after: 'start' })
    expect(sink.frames.slice(2).map((each) => each.length)).toEqual([[1, 2, 3], [4, 5, 6], [7]].map((part) => part.map(frame).join('').length))
    expect(sink.frames.slice(2).join('')).toBe([1, 2, 3, 4, 5, 6, 7].map(frame).join(''))
    expect(join({}, id(3)).sink.frames.slice(2)).toEqual([[4, 5, 6].map(frame).join(''), frame(7)])
  })

  test('C1 a reader whose buffer is full of its own sends misses nothing', async () => {
    const { channel, join, id } = openChannel()
    const { stream, sink, text: _, ...rest } = join()
    sink.hold()
    void stream.send('own')
    void channel.publish('a', { topic: 'x' })
    await flushed()
    expect(rest.subscription.lastEventId).toBe(id(0))
    sink.take()
    expect(sink.frames.at(-1)).toBe(`data: a\nid: ${id(1)}\n\n`)
    expect(rest.subscription.lastEventId).toBe(id(1))
  })
})

describe('C3 gaps', () => {
  const reset = (reason: string, from: string, id?: string) =>
    `event: reset\ndata: ${JSON.stringify({ reason, lastEventId: from })}\n${id === undefined ? '' : `id: ${id}\n`}\n`

  test.each(['nonsense', '\uFFFD', '0-0', `${'0'.repeat(32)}-1`])(
    'C3 an id that the log never gave out (%j) is unknown, and all kept messages follow',
    async (strange) => {
      const { channel, join, id } = openChannel({ history: { messages: 2 } })
      for (const data of ['a', 'b', 'c']) await channel.publish(data)
      expect(join({}, strange).text).toBe(`${reset('unknown', strange, id(1))}data: b\nid: ${id(2)}\n\ndata: c\nid: ${id(3)}\n\n`)
    },
  )

  test('C3 an id of the future is unknown', async () => {
    const { join, id } = openChannel()
    expect(join({}, id(1)).text).toBe(reset('unknown', id(1), id(0)))
  })

  test('C3 an id whose next messages are gone is trimmed, and the id at the floor is not', async () => {
    const { channel, join, id } = openChannel({ history: { messages: 2 } })
    for (const data of ['a', 'b', 'c', 'd']) await channel.publish(data)
    const rest = `data: c\nid: ${id(3)}\n\ndata: d\nid: ${id(4)}\n\n`
    expect(join({}, id(1)).text).toBe(reset('trimmed', id(1), id(2)) + rest)
    expect(join({}, id(2)).text).toBe(`id: ${id(2)}\n\n${rest}`)
    expect(join({}, id(3)).text).toBe(`id: ${id(3)}\n\ndata: d\nid: ${id(4)}\n\n`)
    expect(join({}, id(4)).text).toBe(`id: ${id(4)}\n\n`)
  })

  test('C3 there is no reset if only messages of other topics are gone', async () => {
    const { channel, join, id } = openChannel({ history: { messages: 2 } })
    await channel.publish('a', { topic: 'a' })
    for (const data of ['b', 'c', 'd']) await channel.publish(data, { topic: 'b' })
    expect(join({ topics: ['a'] }, id(1)).text).toBe(`id: ${id(1)}\n\n`)
    expect(join({ topics: ['a'] }, id(0)).text).toBe(reset('trimmed', id(0), id(2)))
    expect(join({ topics: ['z'] }, id(0)).text).toBe(`id: ${id(0)}\n\n`)
    expect(join({ topics: ['z', 'b'] }, id(1)).text).toBe(`${reset('trimmed', id(1), id(2))}data: c\nid: ${id(3)}\n\ndata: d\nid: ${id(4)}\n\n`)
  })

  test('C3 a reader that fell behind the history gets the reset first, and goes on from the oldest kept message', async () => {
    const { channel, join, id } = openChannel({ history: { messages: 2 } })
    const { sink, stream } = join()
    sink.hold()
    for (const data of ['a', 'b', 'c', 'd']) {
      void channel.publish(data)
      await flushed()
    }
    sink.take()
    expect(sink.frames.slice(2)).toEqual([`data: a\nid: ${id(1)}\n\n`, reset('lagged', id(1), id(2)), `data: c\nid: ${id(3)}\n\ndata: d\nid: ${id(4)}\n\n`])
    expect(stream.closed).toBe(false)
  })

  test.each([{ messages: 10 }, { bytes: 200 }])(
    'C1 C3 a burst in one turn that is longer than the history %o reaches all readers that are ready',
    async (history) => {
      const { channel, join, id } = openChannel({ history })
      const { sink, stream } = join()
      const slow = join()
      slow.sink.hold()
      for (let number = 1; number <= 95; number++) void channel.publish(String(number), { topic: 'a' })
      await flushed()
      const expected = Array.from({ length: 95 }, (_, index) => `data: ${index + 1}\nid: ${id(index + 1)}\n\n`).join('')
      expect(sink.frames.slice(2).join('')).toBe(expected)
      expect(stream.closed).toBe(false)
      slow.sink.take()
      expect(slow.text).toContain('"reason":"lagged"')
    },
  )

  test('C1 C3 any number of messages that a filter, a snapshot or an onClose callback publishes come once and in order', async () => {
    const { channel, join, id } = openChannel({ history: { messages: 5 } })
    const burst = (name: string, length: number): void => {
      for (let number = 1; number <= length; number++) void channel.publish(`${name} ${number}`)
    }
    const asked = new Set<unknown>()
    const filtering = join({
      filter: ({ data }) => {
        if (data === 'start' && !asked.has(data)) {
          asked.add(data)
          void channel.publish('from the filter')
        }
        return true
      },
    })
    const plain = join()
    const throwing = join({
      filter: () => {
        throw new Error('cut')
      },
    })
    throwing.stream.onClose(() => burst('closed', 12))
    void channel.publish('start')
    await flushed()
    const snapshotting = join({
      snapshot: () => {
        burst('snapshot', 3)
        return { event: 'state', data: 'now' }
      },
    })
    await flushed()
    const ids = (text: string): string[] => [...text.matchAll(/data: .*\nid: (.*)\n/g)].map(([, each]) => each as string)
    const all = Array.from({ length: 17 }, (_, index) => id(index + 1))
    expect(ids(plain.text)).toEqual(all)
    expect(ids(filtering.text)).toEqual(all)
    // Its state is of before what its own function published.
    expect(snapshotting.text.startsWith(`event: state\ndata: now\nid: ${id(14)}\n\n`)).toBe(true)
    expect(ids(snapshotting.text)).toEqual(all.slice(13))
    for (const { text } of [plain, filtering]) expect(text).not.toContain('event: reset')
  })

  test('C1 C3 a filter that publishes more than the history holds causes at most a reset of its own reader, and no message comes twice', async () => {
    const { channel, join, id } = openChannel({ history: { messages: 5 } })
    let bursts = 0
    const filtering = join({
      filter: ({ data }) => {
        if (data === 'start' && bursts++ === 0) for (let number = 1; number <= 12; number++) void channel.publish(String(number))
        return true
      },
    })
    const plain = join()
    void channel.publish('start')
    await flushed()
    const ids = (text: string): string[] => [...text.matchAll(/data: \w+\nid: (.*)\n/g)].map(([, each]) => each as string)
    const all = Array.from({ length: 13 }, (_, index) => id(index + 1))
    expect(ids(plain.text)).toEqual(all)
    expect(filtering.text).toContain(reset('lagged', id(0), id(8)))
    expect(ids(filtering.text)).toEqual(all.slice(8))
  })

  test('C9 a message that a filter publishes while a reader catches up reaches that reader too', async () => {
    const { channel, join, id } = openChannel()
    for (const [data, key] of [
      ['1', 'a'],
      ['2', undefined],
      ['3', 'a'],
    ] as const)
      void channel.publish(data, { key })
    await flushed()
    let more = 0
    const { text, subscription } = join(
      {
        lag: 'conflate',
        filter: ({ data }) => {
          if (data === '2') void channel.publish(`more ${++more}`, { key: 'b' })
          return true
        },
      },
      id(0),
    )
    expect(text).toContain('data: 2\n')
    expect(text).toContain(`data: 3\nid: ${id(3)}\n`)
    expect(text.endsWith(`data: more ${more}\nid: ${id(3 + more)}\n\n`)).toBe(true)
    expect(subscription.lastEventId).toBe(id(3 + more))
  })

  test.each<[string, (joined: Joined) => void]>([
    ['leaves', ({ sink }) => sink.leave()],
    ['has its stream closed', ({ stream }) => stream.close()],
    ['closes its subscription', ({ subscription }) => subscription.close()],
    ['catches up', ({ sink }) => sink.take()],
    ['changes its topics', ({ subscription }) => subscription.add('b')],
  ])('C9 the newest message of each key is remembered while a reader is behind, until it %s', async (_, act) => {
    const { channel, join, id } = openChannel({ history: { messages: 1_000, bytes: 1e8 } })
    const filling = 'x'.repeat(40_000)
    for (let number = 0; number < 10; number++) void channel.publish(filling, { key: `${number}`, topic: 'a' })
    await flushed()
    const filter = vi.fn(() => true)
    const comeBack = (): number => {
      filter.mockClear()
      join({ lag: 'conflate', filter, topics: ['a'] }, id(0)).sink.leave()
      return filter.mock.calls.length
    }
    // One that keeps up has the view stay.
    join({ filter, topics: ['a'] })
    const behind = join({ lag: 'conflate', filter, topics: ['a'] }, id(0), {}, (sink) => {
      sink.highWaterMark = 1_000
      sink.hold()
    })
    expect(behind.sink.frames.length).toBeLessThan(6)
    void channel.publish(filling, { key: 'more', topic: 'a' })
    await flushed()
    expect(comeBack()).toBe(1)
    act(behind)
    void channel.publish(filling, { key: 'and more', topic: 'a' })
    await flushed()
    expect(comeBack()).toBe(12)
  })

  test('C3 C9 a filter that publishes more than the history holds causes a reset of a reader that conflates, and no silent gap', async () => {
    const { channel, join, id } = openChannel({ history: { messages: 5 } })
    for (const data of ['1', '2', '3']) void channel.publish(data, { key: data })
    await flushed()
    let bursts = 0
    const { text } = join(
      {
        lag: 'conflate',
        filter: () => {
          if (bursts++ === 0) for (let number = 1; number <= 12; number++) void channel.publish(`burst ${number}`, { key: `burst ${number}` })
          return true
        },
      },
      id(0),
    )
    expect(text.startsWith(`id: ${id(0)}\n\n${reset('lagged', id(0), id(10))}`)).toBe(true)
    expect([...text.matchAll(/data: burst (\d+)/g)].map(([, number]) => number)).toEqual(['8', '9', '10', '11', '12'])
  })

  test("C3 lag 'close' ends the stream of a reader that fell behind, which gets the reset when it reconnects", async () => {
    const { channel, join, id } = openChannel({ history: { messages: 2 } })
    const { sink, stream } = join({ lag: 'close' })
    sink.hold()
    for (const data of ['a', 'b', 'c', 'd']) {
      void channel.publish(data)
      await flushed()
    }
    sink.take()
    expect(sink.frames.slice(2)).toEqual([`data: a\nid: ${id(1)}\n\n`, expect.stringMatching(RETRY)])
    expect([stream.closed, sink.state, channel.subscribers]).toEqual([true, 'ended', 0])
    expect(join({ lag: 'close' }, id(1)).text).toContain(reset('trimmed', id(1), id(2)))
  })

  test('C3 resetEvent names the reset event', async () => {
    const { channel, join, id } = openChannel({ resetEvent: 'start-over' })
    expect(join({}, 'x').text).toBe(`event: start-over\ndata: {"reason":"unknown","lastEventId":"x"}\nid: ${id(0)}\n\n`)
    await channel.publish({ event: 'reset', data: 'free again' })
  })

  test('C3 C15 a snapshot follows the reset, and its last message has the position', async () => {
    const { channel, join, id } = openChannel({ history: { messages: 2 } })
    for (const data of ['a', 'b', 'c', 'd']) await channel.publish(data)
    expect(join({ snapshot: () => 'state' }, id(1)).text).toBe(`${reset('trimmed', id(1))}data: state\nid: ${id(4)}\n\n`)
    expect(join({ snapshot: () => 'state' }, 'x').text).toBe(`${reset('unknown', 'x')}data: state\nid: ${id(4)}\n\n`)
  })

  test('C3 a live reader of a quiet topic gets no reset, even if many messages of other topics come and go', async () => {
    const { channel, join, id, log } = openChannel({ history: { messages: 2 } })
    const { sink } = join({ topics: ['quiet'] })
    void channel.publish('once', { topic: 'quiet' })
    await flushed()
    const other = { block: 'data: x\n', event: 'message', data: 'x', isText: true, key: undefined }
    for (let index = 0; index < 100_010; index++) void log.append({ ...other, topic: `t${index}` })
    void channel.publish('a', { topic: 'quiet' })
    await flushed()
    expect(sink.frames.slice(3)).toEqual([`data: a\nid: ${id(100_012)}\n\n`])
  })
})

describe('C4 positions', () => {
  test('C4 a client gets its position at once, in a block with an id only', () => {
    const { join, id } = openChannel()
    const { sink } = join()
    expect(sink.frames).toEqual([':\n\n', `id: ${id(0)}\n\n`])
    expect(received(sink.frames.join(''))).toEqual({ events: [], lastEventId: id(0), reconnectionTime: undefined })
  })

  test("C4 with 'message', a client gets its position in an event", () => {
    const { join, id } = openChannel({ position: 'message' })
    const { text } = join()
    expect(text).toBe(`event: position\ndata: \nid: ${id(0)}\n\n`)
    expect(received(text).events).toEqual([{ type: 'position', data: '', lastEventId: id(0) }])
  })

  test('C4 with false, no position is sent, but messages and resets have their ids', async () => {
    const { channel, join, id } = openChannel({ position: false })
    const joined = join()
    const begun = join({ snapshot: () => 's' })
    await channel.publish('a')
    await flushed()
    expect(joined.text).toBe(`data: a\nid: ${id(1)}\n\n`)
    expect(begun.text).toBe(`data: s\n\ndata: a\nid: ${id(1)}\n\n`)
    expect(join({}, 'x').text).toBe(`event: reset\ndata: {"reason":"unknown","lastEventId":"x"}\nid: ${id(0)}\n\ndata: a\nid: ${id(1)}\n\n`)
  })

  test.each<[ChannelOptions['position'], (id: string) => string]>([
    [true, (id) => `:\nid: ${id}\n\n`],
    ['message', (id) => `:\n\nevent: position\ndata: \nid: ${id}\n\n`],
    [false, () => ':\n\n'],
  ])('C4 a heartbeat has the position only if it has moved (position: %j)', async (position, expected) => {
    const { channel, join, id } = openChannel({ position })
    const { stream, sink } = join({ topics: ['a'] }, '', { heartbeat: 1_000 })
    const beats = (): string[] => {
      const before = sink.frames.length
      beat(stream)
      return sink.frames.slice(before)
    }
    expect(beats()).toEqual([':\n\n'])
    await channel.publish('other', { topic: 'b' })
    await flushed()
    expect(beats()).toEqual([expected(id(1))])
    expect(beats()).toEqual([':\n\n'])
    await channel.publish('own', { topic: 'a' })
    await flushed()
    expect(beats()).toEqual([':\n\n'])
    clock.unwatch(stream)
  })

  test('C4 a named heartbeat has the position too, and dispatches once', async () => {
    const { channel, join, id } = openChannel()
    const { stream, sink } = join({ topics: ['a'] }, '', { heartbeat: { interval: 1_000, event: 'beat' } })
    await channel.publish('other', { topic: 'b' })
    await flushed()
    beat(stream)
    expect(sink.frames.at(-1)).toBe(`event: beat\ndata: \nid: ${id(1)}\n\n`)
    expect(received(sink.frames.at(-1) ?? '').events).toEqual([{ type: 'beat', data: '', lastEventId: id(1) }])
  })

  test('C4 the position in a heartbeat is never past a message that the client has yet to get', async () => {
    const { channel, join, id } = openChannel()
    const { stream, sink, subscription } = join({ topics: ['a'] }, '', { heartbeat: 1_000 })
    void channel.publish('other', { topic: 'b' })
    void channel.publish('own', { topic: 'a' })
    void channel.publish('other', { topic: 'b' })
    beat(stream)
    expect(subscription.lastEventId).toBe(id(1))
    await flushed()
    expect(sink.frames.slice(2)).toEqual([`:\nid: ${id(1)}\n\n`, `data: own\nid: ${id(2)}\n\n`])
    expect(subscription.lastEventId).toBe(id(3))
  })

  test('C4 the position of a subscription no longer moves after its stream has ended', async () => {
    const { channel, id, join } = openChannel()
    const { sink, subscription } = join({ topics: ['a'] })
    void channel.publish('x', { topic: 'a' })
    await flushed()
    void channel.publish('x', { topic: 'b' })
    sink.leave()
    expect(subscription.lastEventId).toBe(id(2))
    void channel.publish('x', { topic: 'a' })
    await flushed()
    expect(subscription.lastEventId).toBe(id(2))
    const closed = join()
    closed.stream.close()
    expect(closed.subscription.lastEventId).toBe(id(3))
  })

  test('C4 a stream that is closed when it is subscribed has no position', () => {
    const { channel } = openChannel()
    const { stream } = openStream()
    stream.close()
    expect(channel.subscribe(stream).lastEventId).toBe('')
  })

  test('C4 no heartbeat has a position while a snapshot is taken', async () => {
    const { join, id } = openChannel()
    let done = (_: string): void => {}
    const { stream, sink } = join({ snapshot: () => new Promise((resolve) => (done = resolve)) }, '', { heartbeat: 1_000 })
    beat(stream)
    done('s')
    await turn()
    expect(sink.frames.slice(1)).toEqual([':\n\n', `data: s\nid: ${id(0)}\n\n`])
  })
})

describe('C5 snapshots', () => {
  test('C5 a synchronous snapshot comes before messages that are published later in the same turn', async () => {
    const { channel, join, id } = openChannel()
    let state = 0
    const change = (): void => {
      state++
      void channel.publish({ data: state })
    }
    change()
    const { sink } = join({ snapshot: () => ({ event: 'state', data: state }) })
    change()
    await flushed()
    expect(sink.frames.slice(1)).toEqual([`event: state\ndata: 1\nid: ${id(1)}\n\n`, `data: 2\nid: ${id(2)}\n\n`])
  })

  test('C5 messages that are published while an asynchronous snapshot is taken follow it', async () => {
    const { channel, join, id } = openChannel()
    let done = (_: Message[]): void => {}
    const { sink } = join({ snapshot: () => new Promise<Message[]>((resolve) => (done = resolve)) })
    await channel.publish('a')
    await flushed()
    expect(sink.frames).toEqual([':\n\n'])
    done([{ event: 'x', data: 1 }, 'y'])
    await turn()
    expect(sink.frames.slice(1)).toEqual([`event: x\ndata: 1\n\ndata: y\nid: ${id(0)}\n\n`, `data: a\nid: ${id(1)}\n\n`])
  })

  test('C5 a snapshot with an id in after is not followed by messages that it contains', async () => {
    const { channel, join, id } = openChannel()
    let done = (_: { messages: Message[]; after: string }): void => {}
    const { sink } = join({ snapshot: () => new Promise<{ messages: Message[]; after: string }>((resolve) => (done = resolve)) })
    const a = await channel.publish('a')
    await channel.publish('b')
    done({ messages: ['has a'], after: a })
    await turn()
    expect(sink.frames.slice(1)).toEqual([`data: has a\nid: ${id(1)}\n\n`, `data: b\nid: ${id(2)}\n\n`])
  })

  test('C5 an empty snapshot sends a position only', () => {
    const { join, id } = openChannel()
    expect(join({ snapshot: () => [] }).text).toBe(`id: ${id(0)}\n\n`)
  })

  test('C5 no snapshot is taken for a client with a known id, or with after', async () => {
    const { channel, join, id } = openChannel()
    await channel.publish('a')
    const snapshot = vi.fn(() => 'state')
    expect(join({ snapshot }, id(0)).text).toBe(`id: ${id(0)}\n\ndata: a\nid: ${id(1)}\n\n`)
    expect(join({ snapshot, after: 'start' }).text).toBe(`id: ${id(0)}\n\ndata: a\nid: ${id(1)}\n\n`)
    expect(join({ snapshot, after: id(1) }).text).toBe(`id: ${id(1)}\n\n`)
    expect(snapshot).not.toHaveBeenCalled()
  })

  test('C5 clients at one position share a run that has not ended, and clients at other positions do not', async () => {
    const { channel, join, id } = openChannel()
    const snapshot = vi.fn(async () => {
      await turn()
      return 'state'
    })
    const first = [join({ snapshot }), join({ snapshot }), join({ snapshot, topics: ['a'] })]
    void channel.publish('x')
    const second = join({ snapshot })
    await turn()
    await turn()
    expect(snapshot).toHaveBeenCalledTimes(2)
    for (const { text } of first) expect(text.startsWith(`data: state\nid: ${id(0)}\n\n`)).toBe(true)
    expect(second.text).toBe(`data: state\nid: ${id(1)}\n\n`)
    join({ snapshot })
    expect(snapshot).toHaveBeenCalledTimes(3)
  })

  test('C5 a client that loses its connection during a snapshot gets all of it again', async () => {
    const { channel, join } = openChannel()
    await channel.publish('a')
    const snapshot = vi.fn(() => ['one', 'two'])
    const { text } = join({ snapshot })
    const half = received(text.slice(0, text.indexOf('data: two') + 5))
    expect(half).toMatchObject({ events: [{ data: 'one', lastEventId: '' }], lastEventId: '' })
    expect(join({ snapshot }, half.lastEventId).text).toBe(text)
  })

  test('C5 a stream that ends while its snapshot is taken gets nothing of it', async () => {
    const { channel, join, errors } = openChannel()
    const { stream, sink } = join({
      snapshot: async () => {
        await turn()
        return 's'
      },
    })
    sink.leave()
    await turn()
    await turn()
    expect([stream.closed, sink.frames.length, channel.subscribers, errors]).toEqual([true, 1, 0, []])
  })
})

describe('C6 topics and filters', () => {
  test('C6 topics and filters apply to missed messages as to live ones', async () => {
    const { channel, join, id } = openChannel<{ message: number }>()
    const options: SubscribeOptions<{ message: number }> = { topics: ['a', 'b'], filter: ({ data }) => data > 1 }
    const publish = async (): Promise<void> => {
      await channel.publish({ data: 1 }, { topic: 'a' })
      await channel.publish({ data: 2 }, { topic: 'b' })
      await channel.publish({ data: 3 }, { topic: 'c' })
      await channel.publish({ data: 4 })
      await channel.publish({ data: 5 }, { topic: 'a' })
    }
    const live = join(options)
    await publish()
    await flushed()
    const expected = `id: ${id(0)}\n\ndata: 2\nid: ${id(2)}\n\ndata: 5\nid: ${id(5)}\n\n`
    expect([live.text, join(options, id(0)).text, join({ ...options, after: 'start' }).text]).toEqual([expected, expected, expected])
  })

  test('C6 a filter gets the published data, parsed from its text, frozen and shared, once for each message', async () => {
    const parse = vi.fn(JSON.parse)
    const { channel, join, id } = openChannel({ parse })
    const seen: unknown[] = []
    const filter = (message: unknown) => seen.push(message) > 0
    join({ filter })
    join({ filter: (message) => filter(message) })
    const data = { at: new Date(0), deep: { list: [1] } }
    void channel.publish({ event: 'e', data }, { topic: 't' })
    data.deep.list.push(2)
    await flushed()
    expect(seen).toEqual([0, 1].map(() => ({ event: 'e', data: { at: '1970-01-01T00:00:00.000Z', deep: { list: [1] } }, id: id(1), topic: 't' })))
    const [first, second] = seen as { data: { deep: { list: number[] } } }[]
    expect(first?.data).toBe(second?.data)
    expect(Object.isFrozen(first?.data.deep.list)).toBe(true)
    expect(parse).toHaveBeenCalledTimes(1)
  })

  test('C6 values of another parser are frozen too, even with circles and bytes', async () => {
    const circle: { bytes: Uint8Array; itself?: unknown } = { bytes: Uint8Array.of(1) }
    circle.itself = circle
    const { channel } = openChannel({ serialize: () => 'x', parse: () => circle })
    const messages = channel.messages()
    void channel.publish({ data: {} })
    expect((await messages.next()).value?.data).toBe(circle)
    expect(Object.isFrozen(circle)).toBe(true)
  })

  test('C6 a subscription costs nothing for messages of other topics', async () => {
    const { channel, join } = openChannel()
    const filter = vi.fn(() => true)
    const { sink } = join({ topics: ['mine'], filter })
    const write = vi.spyOn(sink, 'write')
    for (let index = 0; index < 1_000; index++) void channel.publish('x', { topic: `t${index}` })
    await flushed()
    expect([filter.mock.calls.length, write.mock.calls.length]).toEqual([0, 0])
    void channel.publish('x', { topic: 'mine' })
    await flushed()
    expect([filter.mock.calls.length, write.mock.calls.length]).toEqual([1, 1])
  })

  test('C6 subscriptions of the same topics and filter function share its answers, and another function does not', async () => {
    const { channel, join } = openChannel()
    const filter = vi.fn(() => true)
    for (let index = 0; index < 10; index++) join({ topics: index % 2 ? ['a', 'b'] : ['b', 'a'], filter })
    const own = vi.fn(() => true)
    join({ topics: ['a', 'b'], filter: own })
    void channel.publish('x', { topic: 'a' })
    await flushed()
    expect([filter.mock.calls.length, own.mock.calls.length]).toEqual([1, 1])
  })

  test('C6 a topic that is added counts from the current position, and a topic that is removed no longer counts', async () => {
    const { channel, join, id } = openChannel()
    const joined = join({ topics: ['a'] })
    await channel.publish('1', { topic: 'b' })
    joined.subscription.add('b', 'c')
    await channel.publish('2', { topic: 'b' })
    await channel.publish('3', { topic: 'a' })
    await flushed()
    joined.subscription.remove('a', 'nothing')
    await channel.publish('4', { topic: 'a' })
    await channel.publish('5', { topic: 'c' })
    await flushed()
    expect(joined.text).toBe(`id: ${id(0)}\n\ndata: 2\nid: ${id(2)}\n\ndata: 3\nid: ${id(3)}\n\ndata: 5\nid: ${id(5)}\n\n`)
  })

  test('C6 a topic that is added to a reader that is behind counts from its position', async () => {
    const { channel, join, id } = openChannel()
    const { sink, subscription } = join({ topics: ['a'] })
    sink.hold()
    await channel.publish('1', { topic: 'a' })
    await flushed()
    await channel.publish('2', { topic: 'b' })
    await channel.publish('3', { topic: 'a' })
    await flushed()
    subscription.add('b')
    sink.take()
    expect(sink.frames.slice(2).join('')).toBe([1, 2, 3].map((n) => `data: ${n}\nid: ${id(n)}\n\n`).join(''))
  })

  test('C6 a topic that is added between a publish and its delivery causes no loss of other messages', async () => {
    const { channel, join, id } = openChannel()
    const { sink, subscription } = join({ topics: ['a'] })
    void channel.publish('1', { topic: 'a' })
    subscription.add('b')
    subscription.remove('a')
    await flushed()
    expect(sink.frames.slice(2).join('')).toBe(`data: 1\nid: ${id(1)}\n\n`)
  })

  test('C6 topics of a subscription to all of them cannot be changed', () => {
    const { join } = openChannel()
    const { subscription } = join()
    expect(() => subscription.add('a')).toThrow(coded('ERR_SSE_INVALID_OPTION'))
    expect(() => subscription.remove('a')).toThrow(coded('ERR_SSE_INVALID_OPTION'))
  })
})

describe('C6 the number of topics of a subscriber', () => {
  const names = (count: number): string[] => Array.from({ length: count }, (_, number) => `t${number}`)
  const tooMany = (most: number) =>
    expect.objectContaining({ code: 'ERR_SSE_INVALID_OPTION', message: expect.stringMatching(new RegExp(`at most ${most} .*maxTopics`)) })

  test('C6 is at most 256 by default, and one more is refused at the call, before anything is written', async () => {
    const { channel, join, log } = openChannel()
    const { stream, sink } = openStream()
    expect(() => channel.subscribe(stream, { topics: names(257) })).toThrow(tooMany(256))
    expect([sink.frames, channel.subscribers]).toEqual([[':\n\n'], 0])
    expect(() => channel.messages({ topics: names(257) })).toThrow(tooMany(256))
    await expect(channel.ended('', { topics: names(257) })).rejects.toThrow(tooMany(256))
    // The same name again is no other topic.
    const subscription = channel.subscribe(stream, { topics: [...names(256), ...names(256)] })
    expect(() => subscription.add('one more')).toThrow(tooMany(256))
    expect(() => join({ topics: [] }).subscription.add(...names(257))).toThrow(tooMany(256))
    subscription.add('t0', 't255')
    subscription.remove('t0')
    subscription.add('one more')
    void channel.publish('x', { topic: 'one more' })
    void channel.publish('y', { topic: 't0' })
    await flushed()
    expect(sink.frames.at(-1)).toBe(`data: x\nid: ${log.idOf(1)}\n\n`)
  })

  test('C6 is at most maxTopics of the channel', () => {
    const { channel, join } = openChannel({ maxTopics: 2 })
    expect(() => join({ topics: names(3) })).toThrow(tooMany(2))
    expect(join({ topics: names(2) }).stream.closed).toBe(false)
    expect(channel.subscribers).toBe(1)
    expect(() => join({ topics: names(1_000) })).toThrow(tooMany(2))
    expect(openChannel({ maxTopics: 1_000 }).join({ topics: names(1_000) }).stream.closed).toBe(false)
    for (const maxTopics of [0, 1.5, -1, Number.NaN, '2', null])
      expect(() => createChannel({ maxTopics: maxTopics as never })).toThrow(coded('ERR_SSE_INVALID_OPTION'))
  })

  test('C6 is checked while the names are read, so no more of them are read', () => {
    const { channel } = openChannel()
    let read = 0
    function* endless(): Generator<string> {
      for (;;) yield `t${read++}`
    }
    expect(() => channel.subscribe(openStream().stream, { topics: endless() })).toThrow(tooMany(256))
    expect(read).toBe(257)
  })

  test.each([
    ['spread over the log', (number: number) => number % 4_000],
    // Each topic has offsets of one remainder.
    ['by 64 producers in turn', (number: number) => number % 64],
  ])('C8 the cost of a client that reconnects with many topics depends on its answer: messages %s', async (_, topicOf) => {
    const { channel, join, id } = openChannel({ history: { messages: 100_000, bytes: 1e9 } })
    for (let number = 0; number < 20_000; number++) void channel.publish(`${number}`, { topic: `t${topicOf(number)}` })
    await flushed()
    const [asks, looks] = [vi.spyOn(TopicIndex.prototype, 'nextAfter'), vi.spyOn(KeptTail.prototype, 'at')]
    const topics = topicOf(64) === 0 ? ['t0', 't63', ...names(256).map((name) => `none/${name}`)].slice(0, 256) : names(256)
    const { text, sink } = join({ topics }, id(0))
    const messages = text.split('data: ').length - 1
    const batches = sink.frames.length - 2
    expect(messages).toBe(topicOf(64) === 0 ? 625 : 1_280)
    expect(batches).toBeLessThan(messages / 16)
    // Each topic once for a batch, and one for each message: not each for each.
    expect(asks.mock.calls.length).toBeLessThanOrEqual(256 * batches + 2 * messages)
    expect(looks.mock.calls.length).toBeLessThanOrEqual(2 * messages + 256)
    for (const spy of [asks, looks]) spy.mockRestore()
  })
})

describe('C7 an error ends its own stream only', () => {
  test.each<[string, SubscribeOptions, string]>([
    ['filter', { filter: () => fail('filter') }, 'filter'],
    ['snapshot', { snapshot: () => fail('snapshot') }, 'snapshot'],
    ['async snapshot', { snapshot: async () => fail('snapshot') }, 'snapshot'],
    ['snapshot that is none', { snapshot: () => 7 as never }, 'snapshot'],
    ['snapshot of undefined', { snapshot: () => undefined as never }, 'snapshot'],
    ['snapshot of null', { snapshot: () => null as never }, 'snapshot'],
    ['snapshot with an id', { snapshot: () => ({ id: '1', data: '' }) }, 'snapshot'],
    ['snapshot after an id that is unknown', { snapshot: () => ({ messages: [], after: 'x' }) }, 'snapshot'],
  ])('C7 a %s that throws cuts its own stream and reaches onError, and other streams go on', async (_, options, stage) => {
    const { channel, join, errors, id } = openChannel()
    const before = join()
    const broken = join(options)
    const after = join()
    void channel.publish('a')
    await flushed()
    void channel.publish('b')
    await flushed()
    const expected = `id: ${id(0)}\n\ndata: a\nid: ${id(1)}\n\ndata: b\nid: ${id(2)}\n\n`
    expect([before.text, after.text]).toEqual([expected, expected])
    expect(broken.sink.state).toBe('destroyed')
    expect(await ended(broken.stream)).toMatchObject({ reason: 'error', cause: errors[0]?.error })
    expect(errors.map((error) => error.stage)).toEqual([stage])
    expect(channel.subscribers).toBe(2)
  })

  function fail(what: string): never {
    throw new Error(`${what} broke`)
  }

  test('C7 a snapshot whose next messages are gone is reported, and is not taken again and again', async () => {
    const { channel, join, errors } = openChannel({ history: { messages: 1 } })
    const old = await channel.publish('a')
    await channel.publish('b')
    await channel.publish('c')
    const snapshot = vi.fn(() => ({ messages: ['state'], after: old }))
    const { stream } = join({ snapshot })
    expect([stream.closed, snapshot.mock.calls.length]).toEqual([true, 1])
    expect(errors).toEqual([{ error: coded('ERR_SSE_GAP'), stage: 'snapshot' }])
  })

  test('C7 a filter that throws is not called for a heartbeat, nor for the position', async () => {
    const { channel, join, id } = openChannel()
    const { stream, subscription } = join(
      {
        topics: ['a'],
        filter: () => {
          throw new Error('broken')
        },
      },
      '',
      { heartbeat: 1_000 },
    )
    void channel.publish('x', { topic: 'a' })
    beat(stream)
    expect(subscription.lastEventId).toBe(id(0))
    await flushed()
    expect(stream.closed).toBe(true)
  })

  test('C7 a sink that throws ends its own stream', async () => {
    const { channel, join, id } = openChannel()
    const transport = vi.fn()
    const broken = join({}, '', { onError: transport })
    const sound = join()
    broken.sink.write = () => {
      throw new Error('wrapped badly')
    }
    void channel.publish('a')
    await flushed()
    expect(sound.text).toBe(`id: ${id(0)}\n\ndata: a\nid: ${id(1)}\n\n`)
    expect(transport).toHaveBeenCalledWith(expect.objectContaining({ message: 'wrapped badly' }), { stage: 'transport' })
    expect([broken.stream.closed, channel.subscribers]).toEqual([true, 1])
  })

  test('C7 an onError that throws stops nothing', async () => {
    const quiet = vi.spyOn(console, 'error').mockImplementation(() => {})
    const { channel, join, id } = openChannel({
      onError: () => {
        throw new Error('told badly')
      },
    })
    join({
      filter: () => {
        throw new Error('broken')
      },
    })
    const sound = join()
    void channel.publish('a')
    await flushed()
    expect(sound.text).toBe(`id: ${id(0)}\n\ndata: a\nid: ${id(1)}\n\n`)
    expect(quiet).toHaveBeenCalledWith(expect.objectContaining({ message: 'broken' }), expect.objectContaining({ message: 'told badly' }))
    quiet.mockRestore()
  })
})

describe('C10 the end', () => {
  test('C10 subscribers get the rest, a final id, a retry and a clean end', async () => {
    const { channel, join, id } = openChannel()
    const all = join()
    const some = join({ topics: ['a'] })
    const slow = join()
    slow.sink.hold()
    void channel.publish('1', { topic: 'a' })
    await flushed()
    void channel.publish('2', { topic: 'b' })
    channel.end()
    channel.end()
    await flushed()
    expect(all.sink.frames.slice(2)).toEqual([`data: 1\nid: ${id(1)}\n\n`, `data: 2\nid: ${id(2)}\n\n`, expect.stringMatching(RETRY)])
    expect(some.sink.frames.slice(2)).toEqual([`data: 1\nid: ${id(1)}\n\n`, `id: ${id(2)}\n\n`, expect.stringMatching(RETRY)])
    expect([all.sink.state, some.sink.state, slow.sink.state]).toEqual(['ended', 'ended', 'open'])
    slow.sink.take()
    expect(slow.text.replace(/retry.*/, '')).toBe(all.text.replace(/retry.*/, ''))
    expect([slow.sink.state, channel.subscribers]).toEqual(['ended', 0])
  })

  test('C10 a client that comes later gets the messages that it lacks, and the end', async () => {
    const { channel, join, id } = openChannel()
    await channel.publish('1')
    await channel.publish('2')
    channel.end()
    expect(join({}, id(1)).sink.frames.slice(1)).toEqual([`id: ${id(1)}\n\n`, `data: 2\nid: ${id(2)}\n\n`, expect.stringMatching(RETRY)])
    expect(join({}, id(2)).sink.frames.slice(1)).toEqual([`id: ${id(2)}\n\n`, expect.stringMatching(RETRY)])
    expect(join({ after: 'start' }).sink.state).toBe('ended')
    expect(channel.subscribers).toBe(0)
  })

  test('C10 ended() is true if no message will follow', async () => {
    const { channel, id, log } = openChannel()
    await channel.publish('1')
    await channel.publish('2')
    for (const each of ['', id(2), 'x']) expect(await channel.ended(each)).toBe(false)
    channel.end()
    expect(await channel.ended(id(2))).toBe(true)
    expect(await channel.ended(id(2), { after: 'start' })).toBe(true)
    expect(await channel.ended('')).toBe(true)
    expect(await channel.ended('', { after: id(2) })).toBe(true)
    for (const each of [id(1), id(0), 'x', log.idOf(3)]) expect(await channel.ended(each), each).toBe(false)
    expect(await channel.ended('', { after: 'start' })).toBe(false)
    expect(await channel.ended('', { after: id(1) })).toBe(false)
  })

  test('C10 a reader of other topics gets the last id at the end, even without positions', async () => {
    const { channel, join, id } = openChannel({ position: false })
    const { sink } = join({ topics: ['a'] })
    await channel.publish('1', { topic: 'a' })
    await channel.publish('2', { topic: 'b' })
    channel.end()
    await flushed()
    expect(sink.frames.slice(1)).toEqual([`data: 1\nid: ${id(1)}\n\n`, expect.stringMatching(new RegExp(`^retry: \\d+\nid: ${id(2)}\n\n$`))])
    expect(await channel.ended(id(2))).toBe(true)
    expect(join({}, id(2)).sink.frames.slice(1)).toEqual([expect.stringMatching(RETRY)])
  })

  test('C10 an empty run has ended for all', async () => {
    const { channel } = openChannel()
    channel.end()
    expect(await channel.ended('', { after: 'start' })).toBe(true)
  })

  test('C10 publishing after the end, or after close, is refused', () => {
    for (const stop of ['end', 'close'] as const) {
      const { channel } = openChannel()
      channel[stop]()
      expect(() => channel.publish('late')).toThrow(coded('ERR_SSE_CHANNEL_ENDED'))
    }
  })

  test('C10 close ends all streams at once, and later streams too', async () => {
    const { channel, join } = openChannel()
    const { stream } = join()
    channel.close()
    channel.close()
    expect(await ended(stream)).toMatchObject({ reason: 'local' })
    expect(join().stream.closed).toBe(true)
    expect(channel.subscribers).toBe(0)
  })

  test('C10 a subscription that is closed leaves its stream open, and counts once', async () => {
    const { channel, join, id } = openChannel()
    const other = join()
    const joined = join({ topics: ['a'] })
    joined.subscription.close()
    joined.subscription.close()
    joined.subscription.add('b')
    expect(channel.subscribers).toBe(1)
    void channel.publish('x', { topic: 'b' })
    await flushed()
    expect(joined.text).toBe(`id: ${id(0)}\n\n`)
    expect(joined.stream.closed).toBe(false)
    const again = channel.subscribe(joined.stream)
    joined.subscription.close()
    void channel.publish('y')
    await flushed()
    expect(joined.sink.frames.at(-1)).toBe(`data: y\nid: ${id(2)}\n\n`)
    joined.sink.leave()
    again.close()
    other.stream.close()
    expect(channel.subscribers).toBe(0)
  })

  test('C10 a stream that is already closed is not subscribed', () => {
    const { channel } = openChannel()
    const snapshot = vi.fn(() => 's')
    const subscription = channel.subscribe(closedStream(resolveOptions({}), '', 'unopened'), { snapshot, topics: ['a'] })
    subscription.add('b')
    subscription.close()
    expect([channel.subscribers, snapshot.mock.calls.length]).toEqual([0, 0])
  })
})

describe('C17 ends by topic', () => {
  /**
   * What the client of a stream has dispatched last that had an id: blocks of an id alone are nothing to some
   * clients.
   */
  const lastDispatched = (text: string): string =>
    text
      .split('\n\n')
      .filter((block) => /^data:/m.test(block))
      .map((block) => /^id: (.*)$/m.exec(block)?.[1])
      .findLast(Boolean) ?? ''

  test('C17 ended() depends on the topics and the filter of the reader', async () => {
    const { channel, id } = openChannel()
    const short = ({ data }: { data: unknown }) => String(data).length === 1
    for (const [data, topic] of [
      ['1', 'a'],
      ['2', 'b'],
      ['long', 'a'],
      ['3', 'c'],
    ] as const)
      await channel.publish(data, { topic })
    expect(await channel.ended(id(4), { topics: ['a'] })).toBe(false)
    channel.end()
    for (const offset of [0, 1, 2, 3, 4]) {
      const asked = [{}, { topics: ['a'] }, { topics: ['b'] }, { topics: ['a', 'b'] }, { topics: ['z'] }, { topics: [] }, { filter: short }]
      const ended = await Promise.all([...asked, { topics: ['a'], filter: short }].map((options) => channel.ended(id(offset), options)))
      expect(ended, `after ${offset}`).toEqual([offset === 4, offset >= 3, offset >= 2, offset >= 3, true, true, offset === 4, offset >= 1])
    }
    expect(await channel.ended('', { after: 'start', topics: ['z'] })).toBe(true)
    expect(await channel.ended('', { after: 'start', topics: ['a'] })).toBe(false)
    expect(await channel.ended('', { topics: ['a'] })).toBe(true)
    expect(await channel.ended('', { after: id(3), topics: ['a'] })).toBe(true)
    for (const unknown of ['x', id(5)]) expect(await channel.ended(unknown, { topics: ['z'] })).toBe(false)
    for (const options of [{ topics: 'a' }, { filter: 'a' }, { snapshot: () => '' }])
      await expect(channel.ended('', options as never)).rejects.toThrow(coded('ERR_SSE_INVALID_OPTION'))
  })

  test('C17 a client that has lost a message of its topics has not had all', async () => {
    const { channel, id } = openChannel({ history: { messages: 2 } })
    for (const topic of ['a', 'a', 'b', 'b']) await channel.publish('x', { topic })
    channel.end()
    expect(await channel.ended(id(1), { topics: ['a'] })).toBe(false)
    expect(await channel.ended(id(2), { topics: ['a'] })).toBe(true)
    expect(await channel.ended(id(1), { topics: ['z'] })).toBe(true)
  })

  test('C17 a filter that throws reaches onError, and its reader gets a stream', async () => {
    const { channel, errors, id } = openChannel()
    await channel.publish('x')
    channel.end()
    const filter = () => {
      throw new Error('broken')
    }
    expect(await channel.ended(id(0), { filter })).toBe(false)
    expect(errors).toEqual([{ error: expect.objectContaining({ message: 'broken' }), stage: 'filter' }])
  })

  test.each([undefined, 'start'])('C17 a client that ignores ids alone has had all after one stream (after: %j)', async (after) => {
    const { channel, join, id } = openChannel()
    const options = { topics: ['a'], after }
    const live = join(options)
    for (const [data, topic] of [
      ['1', 'a'],
      ['2', 'b'],
      ['3', 'b'],
    ] as const)
      await channel.publish(data, { topic })
    channel.end()
    await flushed()
    const lastEventId = lastDispatched(live.text)
    expect(lastEventId).toBe(id(1))
    expect(await channel.ended(lastEventId, options)).toBe(true)
  })

  test('C17 a stream with no message left of an ended channel tells its client to stay away', async () => {
    const { channel, join, id } = openChannel({ history: { messages: 3 } })
    const retryOf = (text: string): number => Number(/^retry: (\d+)$/m.exec(text)?.[1])
    const live = join({ topics: ['a'] }, '', { retry: 100 })
    for (const topic of ['a', 'a', 'b', 'b']) await channel.publish('x', { topic })
    channel.end()
    await flushed()
    expect(retryOf(live.text)).toBeLessThanOrEqual(200)
    const stays = [
      join({ topics: ['a'] }, id(2), { retry: 100 }),
      join({}, id(4), { retry: 100 }),
      join({}, '', { retry: 100 }),
      join({ snapshot: () => 'state' }, 'unknown', { retry: 100 }),
    ]
    for (const { text, sink } of stays) {
      expect(retryOf(text)).toBeGreaterThanOrEqual(300_000)
      expect(retryOf(text)).toBeLessThanOrEqual(600_000)
      expect(sink.state).toBe('ended')
    }
    // One that is longer by the app's own choice stays so.
    expect(retryOf(join({}, id(4), { retry: 1_000_000 }).text)).toBeGreaterThanOrEqual(1_000_000)
    for (const { text } of [join({ topics: ['a'] }, id(1), { retry: 100 }), join({}, 'unknown', { retry: 100 })]) expect(retryOf(text)).toBeLessThanOrEqual(200)
  })
})

describe('C11 what belongs to the channel', () => {
  test('C11 a subscribed stream sends no id of its own, until its subscription is closed', async () => {
    const { join } = openChannel()
    const { stream, subscription } = join()
    expect(() => stream.send({ data: 'x', id: '1' })).toThrow(coded('ERR_SSE_ID_OWNED'))
    expect(() => stream.send({ id: '' })).toThrow(coded('ERR_SSE_ID_OWNED'))
    await stream.send({ data: 'x', id: undefined })
    subscription.close()
    await expect(stream.send({ data: 'x', id: '1' })).resolves.toBe(true)
  })

  test('C11 a second channel, or the same one twice, is refused', async () => {
    const { channel, join } = openChannel()
    const { stream } = join()
    expect(() => createChannel().subscribe(stream)).toThrow(coded('ERR_SSE_ID_OWNED'))
    expect(() => channel.subscribe(stream)).toThrow(coded('ERR_SSE_ID_OWNED'))
    expect(channel.subscribers).toBe(1)
  })

  test('C11 a message is published without an id', () => {
    const { channel, log } = openChannel()
    // @ts-expect-error an id
    expect(() => channel.publish({ data: 'x', id: '1' })).toThrow(coded('ERR_SSE_ID_OWNED'))
    // @ts-expect-error an id
    expect(() => channel.publish({ data: 'x', id: '' })).toThrow(coded('ERR_SSE_ID_OWNED'))
    expect(log.tail.head).toBe(0)
  })

  test("C11 a message is published under no name of the channel's own events", async () => {
    const { channel } = openChannel()
    expect(() => channel.publish({ event: 'reset', data: '' })).toThrow(coded('ERR_SSE_RESERVED_EVENT'))
    await channel.publish({ event: 'position', data: '' })
    const told = openChannel({ position: 'message', resetEvent: 'gone' }).channel
    for (const event of ['gone', 'position']) expect(() => told.publish({ event, data: '' })).toThrow(coded('ERR_SSE_RESERVED_EVENT'))
    await told.publish({ event: 'reset', data: '' })
  })

  test('C11 publish refuses the messages that send refuses', () => {
    const { channel, log } = openChannel()
    const wrong: [unknown, ErrorCode][] = [
      [undefined, 'ERR_SSE_INVALID_MESSAGE'],
      [null, 'ERR_SSE_INVALID_MESSAGE'],
      [7, 'ERR_SSE_INVALID_MESSAGE'],
      [[], 'ERR_SSE_INVALID_MESSAGE'],
      [{ foo: 1 }, 'ERR_SSE_INVALID_MESSAGE'],
      [{ event: 'a' }, 'ERR_SSE_INVALID_MESSAGE'],
      [{ comment: 'no data' }, 'ERR_SSE_INVALID_MESSAGE'],
      [{ retry: 1 }, 'ERR_SSE_INVALID_MESSAGE'],
      [{ data: undefined }, 'ERR_SSE_INVALID_MESSAGE'],
      [{ data: 1n }, 'ERR_SSE_INVALID_MESSAGE'],
      [{ data: '', event: 'a\nb' }, 'ERR_SSE_INVALID_FIELD'],
    ]
    for (const [message, code] of wrong) expect(() => channel.publish(message as PublishedMessage)).toThrow(coded(code))
    for (const options of [{ topic: 42 }, { topic: null }, { key: 42 }])
      expect(() => channel.publish('x', options as never)).toThrow(coded('ERR_SSE_INVALID_OPTION'))
    expect(log.tail.head).toBe(0)
  })

  test("C11 shared bytes use the channel's serialize, once for each message", async () => {
    const serialize = vi.fn((data: unknown) => `<${data}>`)
    const { channel, join, id } = openChannel({ serialize, parse: (text) => text.slice(1, -1) })
    const seen: unknown[] = []
    const joined = [join({ filter: ({ data }) => seen.push(data) > 0 }, '', { serialize: () => 'not this' }), join({ snapshot: () => ({ data: 8 }) })]
    serialize.mockClear()
    void channel.publish({ data: 7 })
    await flushed()
    expect(serialize).toHaveBeenCalledTimes(1)
    expect(joined.map(({ text }) => text)).toEqual([`id: ${id(0)}\n\ndata: <7>\nid: ${id(1)}\n\n`, `data: <8>\nid: ${id(0)}\n\ndata: <7>\nid: ${id(1)}\n\n`])
    expect(seen).toEqual(['7'])
  })

  test("C20 strings: 'json' sends strings as JSON, and filters and messages() get them as they were published", async () => {
    const published = ['a "b"', '', 'x\r\ny', '[DONE]', 'ä🎉'] as const
    for (const strings of ['text', 'json'] as const) {
      const encoded = (data: string): string => encodeMessage(strings === 'json' ? JSON.stringify(data) : data).slice(0, -1)
      const { channel, join, id, log } = openChannel({ strings })
      const seen: unknown[] = []
      const snapshot = () => ['state', { event: 's', data: 'more' }]
      const other = strings === 'json' ? 'text' : 'json'
      const plain = join({ filter: ({ data }) => seen.push(data) > 0 })
      const joined = [plain, join({}, '', { strings }), join({}, '', { strings: other })]
      const fresh = join({ snapshot })
      const reader = channel.messages()
      const told = reader.next()
      void channel.publish('typing', { keep: false, topic: 't' })
      for (const data of published) void channel.publish(data, { topic: 't' })
      void channel.publish({ data: new TextEncoder().encode('bytes') })
      void channel.publish({ data: { n: 1 } })
      await flushed()
      const frames = [
        `${encoded('typing')}\n`,
        ...published.map((data, index) => `${encoded(data)}id: ${id(index + 1)}\n\n`),
        `data: bytes\nid: ${id(6)}\n\n`,
        `data: {"n":1}\nid: ${id(7)}\n\n`,
      ].join('')
      for (const { text } of joined) expect(text).toBe(`id: ${id(0)}\n\n${frames}`)
      expect(fresh.text).toBe(`${encoded('state')}\nevent: s\n${encoded('more')}id: ${id(0)}\n\n${frames}`)
      const all = ['typing', ...published, 'bytes', { n: 1 }]
      expect(new Set(seen)).toEqual(new Set(all))
      const got = [(await told).value]
      for (let count = 1; count < all.length; count++) got.push((await reader.next()).value)
      expect(got.map(({ data }) => data)).toEqual(all)
      expect(log.tail.at(1)).toMatchObject({ data: strings === 'json' ? JSON.stringify(published[0]) : published[0], isText: strings === 'text' })
      joined[2]?.stream.send('own')
      expect(joined[2]?.sink.frames.at(-1)).toBe(other === 'json' ? 'data: "own"\n\n' : 'data: own\n\n')
      await reader.return?.()
    }
  })

  test("C20 strings: 'json' passes strings through serialize and parse", async () => {
    const { channel, join, id } = openChannel({ strings: 'json', serialize: (data) => `<${data}>`, parse: (text) => text.slice(1, -1) })
    const seen: unknown[] = []
    const joined = join({ filter: ({ data }) => seen.push(data) > 0 })
    void channel.publish('a')
    await flushed()
    expect([joined.text, seen]).toEqual([`id: ${id(0)}\n\ndata: <a>\nid: ${id(1)}\n\n`, ['a']])
  })

  test('C7 a subscription that its own filter closes gets no more messages, and its stream stays open', async () => {
    const { channel, join, id } = openChannel()
    const reader = join({
      filter: ({ data }) => {
        if (data === 'done') reader.subscription.close()
        return true
      },
    })
    for (const data of ['a', 'done', 'b']) void channel.publish(data)
    await flushed()
    void channel.publish('c')
    channel.end()
    await flushed()
    expect(reader.text).toBe(`id: ${id(0)}\n\n`)
    expect([reader.stream.closed, channel.subscribers, reader.subscription.lastEventId]).toEqual([false, 0, id(0)])
  })

  test('C6 a topic that a filter adds counts from the position of the subscription, and a topic that it removes again changes nothing', async () => {
    const { channel, join, id } = openChannel()
    const reader = join({
      topics: ['a'],
      filter: ({ data }) => {
        if (data === 'open b') reader.subscription.add('b')
        reader.subscription.add('c')
        reader.subscription.remove('c')
        return true
      },
    })
    for (const [data, topic] of [
      ['open b', 'a'],
      ['b1', 'b'],
      ['a2', 'a'],
      ['c1', 'c'],
      ['b2', 'b'],
    ] as const)
      void channel.publish(data, { topic })
    await flushed()
    expect(reader.text).toBe(`id: ${id(0)}\n\ndata: open b\nid: ${id(1)}\n\ndata: b1\nid: ${id(2)}\n\ndata: a2\nid: ${id(3)}\n\ndata: b2\nid: ${id(5)}\n\n`)
  })

  test('C3 a reader gets the reset if its filter publishes a message of its topic that is trimmed before the reader is at the end', async () => {
    const { channel, join, id } = openChannel({ history: { messages: 5 } })
    const reader = join({
      topics: ['a'],
      filter: ({ data }) => {
        if (data !== 'noise') return true
        void channel.publish('lost', { topic: 'a' })
        for (let count = 0; count < 5; count++) void channel.publish('loud', { topic: 'b' })
        return false
      },
    })
    void channel.publish('go', { topic: 'a' })
    void channel.publish('noise', { topic: 'a' })
    await flushed()
    expect(reader.text).toBe(`id: ${id(0)}\n\ndata: go\nid: ${id(1)}\n\nevent: reset\ndata: {"reason":"lagged","lastEventId":"${id(1)}"}\nid: ${id(3)}\n\n`)
  })

  test('C11 arguments that cannot work are refused at the call', async () => {
    const wrong: ChannelOptions[] = [
      null as never,
      { foo: 1 } as never,
      { history: null as never },
      { history: { messages: 0 } },
      { history: { messages: 0.5 } },
      { history: { age: Number.NaN } },
      { history: { size: 1 } as never },
      { history: {}, log: memoryLog() },
      { position: 'yes' as never },
      { resetEvent: '' },
      { resetEvent: 'message' },
      { resetEvent: 'a\nb' },
      { resetEvent: 'position', position: 'message' },
      { log: {} as never },
      [] as never,
      { snapshotTimeout: 0 },
      { snapshotTimeout: Number.POSITIVE_INFINITY },
      { serialize: 1 as never },
      { strings: 'JSON' as never },
      { onError: null as never },
    ]
    for (const options of wrong) expect(() => createChannel(options), JSON.stringify(options)).toThrow(coded('ERR_SSE_INVALID_OPTION'))
    const { channel, log } = openChannel()
    const subscriptions: SubscribeOptions[] = [
      { topic: 'a' } as never,
      { topics: 'abc' },
      { topics: [1 as never] },
      { lag: 'wait' as never },
      { filter: 'x' as never },
      { snapshot: {} as never },
      { after: 1 as never },
      null as never,
    ]
    for (const options of subscriptions)
      expect(() => channel.subscribe(openStream().stream, options), JSON.stringify(options)).toThrow(coded('ERR_SSE_INVALID_OPTION'))
    expect(() => channel.messages({ topic: 'a' } as never)).toThrow(coded('ERR_SSE_INVALID_OPTION'))
    expect(() => channel.messages({ topics: 'abc' })).toThrow(coded('ERR_SSE_INVALID_OPTION'))
    expect(() => channel.messages({ signal: 'now' as never })).toThrow(coded('ERR_SSE_INVALID_OPTION'))
    for (const options of [{ topics: 'a' }, { topic: 1 }, { key: 1 }, { idempotencyKey: 1 }, null])
      expect(() => channel.publish('a', options as never), JSON.stringify(options)).toThrow(coded('ERR_SSE_INVALID_OPTION'))
    await expect(channel.ended('', { from: 'start' } as never)).rejects.toThrow(coded('ERR_SSE_INVALID_OPTION'))
    expect([channel.subscribers, log.tail.head]).toEqual([0, 0])
  })

  test('C8 the names of topics and keys have at most 1,024 characters, and nothing of a longer name is kept', async () => {
    const { channel, join, log } = openChannel()
    const [longest, longer] = ['ä'.repeat(1_024), 'ä'.repeat(1_025)]
    for (const name of ['topic', 'key', 'idempotencyKey'])
      expect(() => channel.publish('a', { [name]: longer }), name).toThrow(
        expect.objectContaining({ code: 'ERR_SSE_INVALID_OPTION', message: expect.stringContaining(`${name} must have at most 1024 characters, got 1025`) }),
      )
    expect(() => join({ topics: ['a', longer] })).toThrow(coded('ERR_SSE_INVALID_OPTION'))
    expect(() => channel.messages({ topics: [longer] })).toThrow(coded('ERR_SSE_INVALID_OPTION'))
    const { subscription, sink } = join({ topics: [longest] })
    expect(() => subscription.add('b', longer)).toThrow(coded('ERR_SSE_INVALID_OPTION'))
    expect([channel.subscribers, log.tail.head]).toEqual([1, 0])
    await channel.publish('a', { topic: longest, key: longest, idempotencyKey: longest })
    await channel.publish('b', { topic: 'b' })
    await flushed()
    expect(sink.frames.at(-1)).toBe(`data: a\nid: ${log.idOf(1)}\n\n`)
  })

  test('C11 types: events and their data are checked, and any name of the map may be published', () => {
    const { channel } = openChannel<{ goal: { minute: number }; message: string; card: 'red' }>()
    channel.subscribe(openStream().stream as EventStream<{ goal: { minute: number }; message: string; card: 'red'; more: 1 }>)
    // @ts-expect-error a stream of other events
    channel.subscribe(openStream().stream as EventStream<{ other: 1 }>)
    // @ts-expect-error no stream
    expect(() => channel.subscribe({})).toThrow(coded('ERR_SSE_INVALID_OPTION'))
    const publishes = (): unknown => [
      channel.publish('text'),
      channel.publish({ data: 'text' }),
      channel.publish({ event: 'goal', data: { minute: 1 } }, { topic: 'a', key: 'k', idempotencyKey: 'i' }),
      channel.publish({ event: 'card', data: 'red' }),
      // @ts-expect-error a name that is not in the map
      channel.publish({ event: 'gaol', data: '' }),
      // @ts-expect-error another event's data
      channel.publish({ event: 'goal', data: 'red' }),
      // @ts-expect-error no such option
      channel.publish('text', { topics: ['a'] }),
    ]
    expectTypeOf(publishes).toBeFunction()
    expectTypeOf(channel.publish).returns.toEqualTypeOf<Promise<string>>()
    const any = createChannel()
    expectTypeOf(any.publish).toBeCallableWith({ event: 'whatever', data: 1n })
    expectTypeOf(any.publish).toBeCallableWith('text')
  })

  test('C11 the channel’s own events are absent from its types', () => {
    type Events = { price: number; reset: string; gone: string; position: [number, number] }
    const usual = createChannel<Events>()
    const renamed = createChannel<Events, 'gone'>({ resetEvent: 'gone' })
    const told = createChannel<Events, 'reset' | 'position'>({ position: 'message' })
    const publishes = () => [
      // @ts-expect-error the channel's own
      usual.publish({ event: 'reset', data: '' }),
      usual.publish({ event: 'gone', data: '' }),
      usual.publish({ event: 'position', data: [1, 2] }),
      renamed.publish({ event: 'reset', data: '' }),
      // @ts-expect-error its own under another name
      renamed.publish({ event: 'gone', data: '' }),
      // @ts-expect-error the event that tells positions
      told.publish({ event: 'position', data: [1, 2] }),
      // @ts-expect-error a name that the types have not been told of
      createChannel<Events>({ resetEvent: 'gone' }),
      // @ts-expect-error neither this
      createChannel<Events>({ position: 'message' }),
      createChannel({ resetEvent: 'gone', position: 'message' }),
    ]
    expectTypeOf(publishes).toBeFunction()
    expectTypeOf(createChannel<{ goal: string }>()).toExtend<Channel<{ goal: string }>>()
    const options: ChannelOptions = { resetEvent: 'gone', position: 'message' }
    expectTypeOf(createChannel(options)).toEqualTypeOf<Channel>()
  })
})

describe('C12 messages()', () => {
  test('C12 messages() gives messages in order, from the call on', async () => {
    const { channel, id } = openChannel()
    await channel.publish('before')
    const messages = channel.messages()
    void channel.publish({ event: 'e', data: { n: 1 } }, { topic: 't' })
    void channel.publish('two')
    expect(await messages.next()).toEqual({ done: false, value: { event: 'e', data: { n: 1 }, id: id(2), topic: 't' } })
    expect(await messages.next()).toEqual({ done: false, value: { event: 'message', data: 'two', id: id(3), topic: undefined } })
    const waiting = messages.next()
    void channel.publish('three')
    expect((await waiting).value?.data).toBe('three')
  })

  test('C12 messages() gives the kept messages after an id, of the given topics', async () => {
    const { channel, id } = openChannel()
    for (const [data, topic] of [
      ['1', 'a'],
      ['2', 'b'],
      ['3', 'a'],
    ] as const)
      await channel.publish(data, { topic })
    channel.end()
    const read = async (options: Parameters<typeof channel.messages>[0]): Promise<unknown[]> => {
      const data: unknown[] = []
      for await (const message of channel.messages(options)) data.push(message.data)
      return data
    }
    expect(await read({ after: 'start' })).toEqual(['1', '2', '3'])
    expect(await read({ after: id(1) })).toEqual(['2', '3'])
    expect(await read({ after: 'start', topics: ['a'] })).toEqual(['1', '3'])
    expect(await read({})).toEqual([])
  })

  test('C12 the values are frozen, and the same for all', async () => {
    const { channel } = openChannel()
    const [one, other] = [channel.messages(), channel.messages()]
    void channel.publish({ data: { deep: [1] } })
    const [first, second] = [(await one.next()).value, (await other.next()).value]
    expect(first?.data).toBe(second?.data)
    const data = first?.data as { deep: number[] } | undefined
    expect(() => data?.deep.push(2)).toThrow(TypeError)
  })

  test('C12 messages() rejects and ends if its reader fell behind the history, or came too late', async () => {
    const { channel } = openChannel({ history: { messages: 2 } })
    const messages = channel.messages()
    const only = channel.messages({ topics: ['a'] })
    for (const data of ['a', 'b', 'c']) await channel.publish(data, { topic: 'b' })
    await expect(messages.next()).rejects.toMatchObject({ code: 'ERR_SSE_GAP' })
    expect(await messages.next()).toEqual({ done: true, value: undefined })
    await expect(channel.messages({ after: 'x' }).next()).rejects.toMatchObject({ code: 'ERR_SSE_GAP' })
    void channel.publish('mine', { topic: 'a' })
    expect((await only.next()).value?.data).toBe('mine')
  })

  test('C12 messages() ends with its signal, in a wait or not', async () => {
    const { channel } = openChannel()
    const controller = new AbortController()
    const messages = channel.messages({ signal: controller.signal })
    const waiting = messages.next()
    controller.abort()
    expect(await waiting).toEqual({ done: true, value: undefined })
    await channel.publish('late')
    expect(await channel.messages({ after: 'start', signal: controller.signal }).next()).toEqual({ done: true, value: undefined })
  })

  test('C12 return() ends messages() while it waits, as when the peer of a stream leaves', async () => {
    const { channel } = openChannel()
    const messages = channel.messages()
    const waiting = messages.next()
    expect(await messages.return?.()).toEqual({ done: true, value: undefined })
    expect(await waiting).toEqual({ done: true, value: undefined })
    const { stream, sink } = openStream()
    const sent = stream.sendAll(channel.messages(), ({ data }) => ({ data }))
    await turn()
    sink.leave()
    expect(await sent).toBe(false)
  })

  test('C12 messages() ends when the channel ends', async () => {
    for (const stop of ['end', 'close'] as const) {
      const { channel } = openChannel()
      const messages = channel.messages()
      const waiting = messages.next()
      channel[stop]()
      expect(await waiting).toEqual({ done: true, value: undefined })
    }
  })
})

describe('G1 publishing', () => {
  test('G1 publishing again with an idempotency key adds nothing, and resolves to the first id', async () => {
    const { channel, join, id } = openChannel()
    const { sink } = join()
    expect(await channel.publish('a', { idempotencyKey: 'k' })).toBe(id(1))
    expect(await channel.publish('b', { idempotencyKey: 'k' })).toBe(id(1))
    await flushed()
    expect(sink.frames.slice(2)).toEqual([`data: a\nid: ${id(1)}\n\n`])
  })

  test('G1 a rejection of publish goes to onError, and is never an unhandled rejection', async () => {
    const log: TailedLog = memoryLog()
    const failure = new Error('the log is away')
    log.append = () => Promise.reject(failure)
    const told: unknown[] = []
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    const channel = createChannel({ log, onError: (error, context) => told.push([error, context]) })
    void channel.publish('a')
    await expect(channel.publish('b')).rejects.toBe(failure)
    await turn()
    await turn()
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
    expect(told).toEqual([
      [failure, { stage: 'publish' }],
      [failure, { stage: 'publish' }],
    ])
  })

  test('G1 two channels on one log have one order and one set of ids', async () => {
    const log = memoryLog()
    const [one, other] = [createChannel({ log }), createChannel({ log })]
    const [a, b] = [openStream(), openStream()]
    one.subscribe(a.stream)
    other.subscribe(b.stream)
    void one.publish('1')
    void other.publish('2')
    await flushed()
    expect(a.sink.frames.join('')).toBe(b.sink.frames.join(''))
    expect(a.sink.frames.slice(2).join('')).toBe(`data: 1\nid: ${log.idOf(1)}\n\ndata: 2\nid: ${log.idOf(2)}\n\n`)
    one.close()
    void other.publish('3')
    await flushed()
    expect(b.sink.frames.at(-1)).toBe(`data: 3\nid: ${log.idOf(3)}\n\n`)
  })

  test('G1 changing the data after the call has no effect', async () => {
    const { channel, join, id } = openChannel()
    const { sink } = join()
    const bytes = new TextEncoder().encode('abc')
    const data = { list: [1] }
    void channel.publish({ data })
    void channel.publish({ data: bytes })
    data.list.push(2)
    bytes.fill(0)
    await flushed()
    expect(sink.frames.at(-1)).toBe(`data: {"list":[1]}\nid: ${id(1)}\n\ndata: abc\nid: ${id(2)}\n\n`)
  })
})

test('C11 a value that is not a stream is refused with an error that says what to write', () => {
  const channel = createChannel()
  for (const wrong of [undefined, {}, 'stream', { send: () => {} }]) {
    expect(() => channel.subscribe(wrong as never)).toThrow(
      expect.objectContaining({ code: 'ERR_SSE_INVALID_OPTION', message: expect.stringContaining('channel.subscribe(res.sse())') }),
    )
  }
  expect(channel.subscribers).toBe(0)
})
