import { describe, expect, test } from 'vitest'
import { type Channel, type ChannelOptions, createChannel, memoryLog, metrics, type SubscribeOptions, type TailedLog } from '../src/index.ts'
import { joinStream } from '../src/lib/delivery/joined-channels.ts'
import { pacer } from '../src/lib/delivery/pacer.ts'
import type { TidingsError } from '../src/lib/errors.ts'
import type { SharedFrames } from '../src/lib/message/shared-frames.ts'
import { FEED, type FedStream, type Feedable, type Feeder } from '../src/lib/stream/feeder.ts'
import type { SinkStream } from '../src/lib/stream/sink-stream.ts'
import { DrivenClock } from './support/driven-clock.ts'
import { type HeldSink, openStream, turn } from './support/held-sink.ts'
import { flushed } from './support/joined-channel.ts'
import { received } from './support/parsers.ts'

interface Named {
  channel: Channel
  log: TailedLog
  id(offset: number): string
  errors: unknown[]
}

function named(name: string | undefined, { history, ...options }: ChannelOptions = {}): Named {
  const log = memoryLog(history)
  const errors: unknown[] = []
  return { channel: createChannel({ log, name, onError: (error) => errors.push(error), ...options }) as Channel, log, id: (offset) => log.idOf(offset), errors }
}

const coded = (code: string) => expect.objectContaining({ code })
/** What was written since the stream opened, without the opening comment. */
const textOf = ({ frames }: HeldSink): string => frames.slice(1).join('')
const lastIdOf = (sink: HeldSink): string => received(textOf(sink)).lastEventId

function open(lastEventId = '', options = {}): { stream: SinkStream; sink: HeldSink } {
  return openStream(options, lastEventId)
}

describe('C13 the ids of named channels', () => {
  test('C13 each frame has the positions of all channels, its own last', async () => {
    const [a, b] = [named('a'), named('b')]
    const { stream, sink } = open()
    a.channel.subscribe(stream)
    b.channel.subscribe(stream)
    void a.channel.publish({ event: 'x', data: 'one' })
    await flushed()
    void b.channel.publish('two\nlines')
    void b.channel.publish('id: three')
    await flushed()
    const [a0, a1, b0, b1, b2] = [a.id(0), a.id(1), b.id(0), b.id(1), b.id(2)]
    expect(textOf(sink)).toBe(
      `id: a~${a0}\n\nid: a~${a0}~b~${b0}\n\nevent: x\ndata: one\nid: b~${b0}~a~${a1}\n\n` +
        `data: two\ndata: lines\nid: a~${a1}~b~${b1}\n\ndata: id: three\nid: a~${a1}~b~${b2}\n\n`,
    )
  })

  test('C13 a name of the subscription stands before the one of the channel', () => {
    const a = named('a')
    const { stream, sink } = open()
    a.channel.subscribe(stream, { name: 'x' })
    a.channel.subscribe(stream)
    expect(lastIdOf(sink)).toBe(`x~${a.id(0)}~a~${a.id(0)}`)
  })

  test('C13 data that looks like an id is not touched', async () => {
    const a = named('a')
    const { stream, sink } = open()
    a.channel.subscribe(stream, { snapshot: () => [{ data: 'x\u2028id: 1\u0085id: 2', comment: 'c\nid: 3' }] })
    expect(textOf(sink)).toBe(`: c\n: id: 3\ndata: x\u2028id: 1\u0085id: 2\nid: a~${a.id(0)}\n\n`)
  })

  test('C13 streams at one position write the same bytes', async () => {
    const [a, b] = [named('a'), named('b')]
    const written: SharedFrames[][] = []
    for (let times = 0; times < 3; times++) {
      const { stream, sink } = open()
      const frames: SharedFrames[] = []
      written.push(frames)
      Object.assign(sink, { shared: { write: (each: SharedFrames) => frames.push(each) > 0 } })
      a.channel.subscribe(stream)
      b.channel.subscribe(stream)
    }
    void a.channel.publish('1')
    await flushed()
    void b.channel.publish('2')
    await flushed()
    const [first, second, third] = written.map((frames) => frames.slice(-2))
    for (const index of [0, 1]) {
      expect(second?.[index]).toBe(first?.[index])
      expect(third?.[index]).toBe(first?.[index])
    }
  })

  test('C13 a client comes back to each of its channels, in any order', async () => {
    const [a, b, c] = [named('a'), named('b'), named('c')]
    const first = open()
    for (const { channel } of [a, b, c]) channel.subscribe(first.stream)
    await flushed()
    const id = lastIdOf(first.sink)
    first.sink.leave()
    for (const { channel } of [a, b, c]) void channel.publish('missed')
    for (const order of [
      [a, b, c],
      [c, a, b],
    ]) {
      const { stream, sink } = open(id)
      for (const { channel } of order) channel.subscribe(stream)
      expect(received(textOf(sink)).events.map(({ type, data }) => [type, data])).toEqual([1, 2, 3].map(() => ['message', 'missed']))
      sink.leave()
    }
  })

  test('C13 a part of a channel that is not subscribed is carried, and a new channel begins as for a new client', async () => {
    const [a, b, c] = [named('a'), named('b'), named('c')]
    for (const { channel } of [a, b, c]) void channel.publish('old')
    const { stream, sink } = open(`a~${a.id(0)}~b~${b.id(0)}`)
    b.channel.subscribe(stream)
    expect(textOf(sink)).toBe(`id: a~${a.id(0)}~b~${b.id(0)}\n\ndata: old\nid: a~${a.id(0)}~b~${b.id(1)}\n\n`)
    sink.frames.length = 1
    c.channel.subscribe(stream, { snapshot: () => 'state' })
    expect(textOf(sink)).toBe(`data: state\nid: a~${a.id(0)}~b~${b.id(1)}~c~${c.id(1)}\n\n`)
    sink.frames.length = 1
    a.channel.subscribe(stream, { snapshot: () => 'state' })
    expect(lastIdOf(sink)).toBe(`b~${b.id(1)}~c~${c.id(1)}~a~${a.id(1)}`)
    expect(received(textOf(sink)).events.map(({ data }) => data)).toEqual(['old'])
  })

  test('C13 a new client has no part of a channel until its snapshot is whole', async () => {
    const [a, b] = [named('a'), named('b')]
    let give = (_: string): void => {}
    const state = new Promise<string>((resolve) => {
      give = resolve
    })
    const { stream, sink } = open()
    const subscription = a.channel.subscribe(stream, { snapshot: () => state })
    b.channel.subscribe(stream)
    void b.channel.publish('1')
    void a.channel.publish('1')
    await flushed()
    expect([lastIdOf(sink), subscription.lastEventId]).toEqual([`b~${b.id(1)}`, ''])
    give('state')
    await turn()
    expect([lastIdOf(sink), subscription.lastEventId]).toEqual([`b~${b.id(1)}~a~${a.id(1)}`, a.id(1)])
  })

  test('C3 C13 a reset names its channel, and the others go on', async () => {
    const [a, b] = [named('a', { history: { messages: 2 } }), named('b')]
    for (const { channel } of [a, b]) for (const data of ['1', '2', '3', '4']) void channel.publish(data)
    let give = (_: string): void => {}
    const state = new Promise<string>((resolve) => {
      give = resolve
    })
    const { stream, sink } = open(`a~${a.id(1)}~b~${b.id(3)}`)
    const subscription = a.channel.subscribe(stream, { snapshot: () => state })
    b.channel.subscribe(stream)
    const data = `{"reason":"trimmed","lastEventId":"${a.id(1)}","channel":"a"}`
    expect(textOf(sink)).toBe(`event: reset\ndata: ${data}\n\nid: a~${a.id(1)}~b~${b.id(3)}\n\ndata: 4\nid: a~${a.id(1)}~b~${b.id(4)}\n\n`)
    expect(subscription.lastEventId).toBe(a.id(1))
    give('state')
    await turn()
    expect(lastIdOf(sink)).toBe(`b~${b.id(4)}~a~${a.id(4)}`)
  })

  test('C13 a channel that is subscribed again goes on from its part', async () => {
    const [a, b] = [named('a'), named('b')]
    const { stream, sink } = open()
    const subscription = a.channel.subscribe(stream)
    b.channel.subscribe(stream)
    subscription.close()
    void a.channel.publish('missed')
    void b.channel.publish('1')
    await flushed()
    a.channel.subscribe(stream)
    expect(received(textOf(sink)).events.map(({ data }) => data)).toEqual(['1', 'missed'])
    expect([a.channel.subscribers, stream.closed]).toEqual([1, false])
  })
})

describe('C13 ids that are not joined ids', () => {
  const part = 'x'.repeat(80)
  test.each([
    ['no parts', '~'],
    ['a part without an id', 'a~'],
    ['a name without a part', 'a~1~b'],
    ['a name that is none', 'a b~1'],
    ['a name that is too long', `${'a'.repeat(33)}~1`],
    ['an id that is none', 'a~1 2'],
    ['an id that is too long', `a~${part}x`],
    ['one channel twice', 'ID~ID'],
    ['one channel twice with one id', 'A~A'],
    ['nine channels', [...'123456789'].map((each) => `${each}~1`).join('~')],
    ['a kilobyte of parts', `${'a~1~'.repeat(255)}a~1`],
    ['a kilobyte of separators', '~'.repeat(1_024)],
    ['a kilobyte of text', 'x'.repeat(1_024)],
    ['one that no server sent', '\uFFFD'],
    ['the id of another server', '17'],
  ])('C13 %s: each channel tells a reset', async (_, text) => {
    const [a, b] = [named('a'), named('b')]
    for (const { channel } of [a, b]) void channel.publish('kept')
    const id = text.replaceAll('ID', `a~${a.id(0)}`).replaceAll('A', `a~${a.id(0)}~b~${b.id(0)}`)
    const { stream, sink } = open(id)
    a.channel.subscribe(stream)
    // The connection is cut here: the next one must not take the client for a new one.
    const next = open(lastIdOf(sink))
    b.channel.subscribe(next.stream)
    b.channel.subscribe(stream)
    for (const { data, type } of [...received(textOf(sink)).events, ...received(textOf(next.sink)).events].filter((event) => event.type === 'reset'))
      expect([type, JSON.parse(data).reason]).toEqual(['reset', 'unknown'])
    const seen = received(textOf(sink)).events.map(({ type, data }) => (type === 'reset' ? JSON.parse(data).channel : data))
    expect(seen).toEqual(['a', 'kept', 'b', 'kept'])
    expect(received(textOf(next.sink)).events.map(({ type }) => type)).toEqual(['reset', 'message'])
    expect(lastIdOf(sink).length).toBeLessThan(1_024)
    // The id that it has now is exact.
    const back = open(lastIdOf(sink))
    for (const { channel } of [b, a]) channel.subscribe(back.stream)
    expect(received(textOf(back.sink)).events).toEqual([])
  })

  test('C13 an id without a name is of the channel that knows it', () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const [a, b] = [named('a'), named('b')]
      for (const { channel } of [a, b]) for (const data of ['1', '2']) void channel.publish(data)
      const { stream, sink } = open(a.id(1))
      for (const index of order) [a, b][index]?.channel.subscribe(stream)
      const events = received(textOf(sink)).events.map(({ type, data }) => (type === 'reset' ? JSON.parse(data).channel : data))
      // Before the one that knows it, another cannot tell whether it was its own.
      expect(events).toEqual(order[0] === 0 ? ['2'] : ['b', '1', '2', '2'])
      expect(lastIdOf(sink).split('~').sort()).toEqual(['a', a.id(2), 'b', b.id(2)].sort())
    }
  })

  test('C13 an id without a name is carried until a channel knows it', () => {
    const [a, b] = [named('a'), named('b')]
    for (const data of ['1', '2']) void a.channel.publish(data)
    const first = open(a.id(1))
    b.channel.subscribe(first.stream)
    expect(lastIdOf(first.sink)).toBe(`~${a.id(1)}~b~${b.id(0)}`)
    const second = open(lastIdOf(first.sink))
    a.channel.subscribe(second.stream)
    expect(received(textOf(second.sink)).events.map(({ data }) => data)).toEqual(['2'])
    expect(lastIdOf(second.sink)).toBe(`b~${b.id(0)}~a~${a.id(2)}`)
  })

  test('C13 with more than eight names the oldest is dropped, and its channel tells a reset', () => {
    const all = [...'abcdefghi'].map((name) => named(name))
    const id = all
      .slice(0, 8)
      .map(({ id: idOf }, index) => `${'abcdefgh'[index]}~${idOf(0)}`)
      .join('~')
    const { stream, sink } = open(id)
    all[8]?.channel.subscribe(stream)
    expect(lastIdOf(sink)).toBe(`${id.slice(id.indexOf('~b~') + 1)}~~-~i~${all[8]?.id(0)}`)
    const back = open(lastIdOf(sink))
    all[0]?.channel.subscribe(back.stream)
    expect(received(textOf(back.sink)).events.map(({ type }) => type)).toEqual(['reset'])
    all[2]?.channel.subscribe(back.stream)
    expect(received(textOf(back.sink)).events).toHaveLength(1)
  })

  test('C13 the longest id is below a kilobyte', () => {
    const { stream, sink } = open('x'.repeat(80))
    for (const letter of 'abcdefgh') {
      const log = memoryLog()
      log.idOf = () => letter.repeat(80)
      createChannel({ log, name: letter.repeat(32) }).subscribe(stream)
    }
    const id = lastIdOf(sink)
    expect(id.split('~')).toHaveLength(18)
    expect(id.length).toBeLessThanOrEqual(1_024)
  })
})

describe('C11 C13 what is refused', () => {
  test('C11 a second channel without a name, two with one name, and a ninth, before a byte is written', () => {
    const [a, b, nameless] = [named('a'), named('b'), named(undefined)]
    const { stream, sink } = open()
    a.channel.subscribe(stream)
    const before = sink.frames.length
    for (const subscribe of [() => nameless.channel.subscribe(stream), () => a.channel.subscribe(stream), () => b.channel.subscribe(stream, { name: 'a' })])
      expect(subscribe).toThrow(coded('ERR_SSE_ID_OWNED'))
    for (const name of 'cdefghi') b.channel.subscribe(stream, { name })
    expect(sink.frames.length).toBe(before + 7)
    expect(() => b.channel.subscribe(stream)).toThrow(coded('ERR_SSE_ID_OWNED'))
    expect(sink.frames.length).toBe(before + 7)
    expect([a.channel.subscribers, b.channel.subscribers, nameless.channel.subscribers]).toEqual([1, 7, 0])
  })

  test('C11 a channel with a name beside one without', () => {
    const [a, nameless] = [named('a'), named(undefined)]
    const { stream } = open()
    nameless.channel.subscribe(stream)
    expect(() => a.channel.subscribe(stream)).toThrow(coded('ERR_SSE_ID_OWNED'))
    expect(a.channel.subscribers).toBe(0)
  })

  test('C11 a message with an id', () => {
    const { stream } = open()
    named('a').channel.subscribe(stream)
    expect(() => stream.send({ data: 'x', id: '1' })).toThrow(coded('ERR_SSE_ID_OWNED'))
  })

  test.each(['', 'a b', 'a~b', 'ä', 'a\n', 'x'.repeat(33), 7, null])('C13 %j is no name', async (name) => {
    const bad = name as string
    const { stream, sink } = open()
    expect(() => createChannel({ name: bad })).toThrow(coded('ERR_SSE_INVALID_OPTION'))
    expect(() => createChannel().subscribe(stream, { name: bad })).toThrow(coded('ERR_SSE_INVALID_OPTION'))
    await expect(createChannel().ended('', { name: bad })).rejects.toThrow(coded('ERR_SSE_INVALID_OPTION') as unknown as TidingsError)
    expect(sink.frames).toHaveLength(1)
  })
})

describe('C10 C13 ends', () => {
  test('C10 the stream ends when all of its channels have ended, and each knows a client that has had all', async () => {
    const [a, b] = [named('a'), named('b')]
    const { stream, sink } = open('', { retry: 100 })
    a.channel.subscribe(stream)
    b.channel.subscribe(stream)
    void a.channel.publish('last')
    a.channel.end()
    await flushed()
    await turn()
    void b.channel.publish('goes on')
    await flushed()
    expect(sink.state).toBe('open')
    expect(received(textOf(sink)).events.map(({ data }) => data)).toEqual(['last', 'goes on'])
    const id = lastIdOf(sink)
    expect(await Promise.all([a.channel.ended(id), b.channel.ended(id)])).toEqual([true, false])
    await new Promise((resolve) => setTimeout(resolve, 5))
    b.channel.end()
    await flushed()
    expect(sink.state).toBe('ended')
    expect(textOf(sink)).toMatch(new RegExp(`retry: 1\\d\\d\nid: a~${a.id(1)}~b~${b.id(1)}\n\n$`))
    expect(await Promise.all([a, b].map(({ channel }) => channel.ended(lastIdOf(sink))))).toEqual([true, true])
    expect([a.channel.subscribers, b.channel.subscribers]).toEqual([0, 0])
  })

  test('C10 a channel that has ended before does not end the stream while the handler subscribes others', async () => {
    const [a, b] = [named('a'), named('b')]
    a.channel.end()
    const { stream, sink } = open()
    a.channel.subscribe(stream)
    b.channel.subscribe(stream)
    await sink.until(({ frames }) => frames.length > 2)
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(sink.state).toBe('open')
    const ended = open()
    a.channel.subscribe(ended.stream)
    expect(ended.sink.state).toBe('open')
    await ended.sink.until(({ state }) => state === 'ended')
    // The other leaves, so that all that is left has ended.
    const third = open()
    a.channel.subscribe(third.stream)
    const subscription = b.channel.subscribe(third.stream)
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(third.sink.state).toBe('open')
    subscription.close()
    await third.sink.until(({ state }) => state === 'ended')
  })

  test('C10 a client that finds nothing on any channel is told to wait, and otherwise not', async () => {
    const [a, b] = [named('a'), named('b')]
    void a.channel.publish('1')
    for (const { channel } of [a, b]) channel.end()
    const retryOf = async (id: string): Promise<number> => {
      const { stream, sink } = open(id, { retry: 100 })
      for (const { channel } of [a, b]) channel.subscribe(stream)
      await sink.until(({ state }) => state === 'ended')
      return received(textOf(sink)).reconnectionTime ?? 0
    }
    expect(await retryOf(`a~${a.id(1)}~b~${b.id(0)}`)).toBeGreaterThanOrEqual(300_000)
    expect(await retryOf(`a~${a.id(0)}~b~${b.id(0)}`)).toBeLessThanOrEqual(200)
  })

  test('C10 ended() reads the part of its own name, and an id without a name', async () => {
    const a = named('a')
    void a.channel.publish('1')
    a.channel.end()
    await flushed()
    const asked = [`a~${a.id(1)}`, `b~1~a~${a.id(1)}`, a.id(1), 'b~1', '', `a~${a.id(0)}`, `b~${a.id(1)}~a~${a.id(0)}`, '17', `a~${a.id(1)}~a~${a.id(1)}`]
    expect(await Promise.all(asked.map((id) => a.channel.ended(id)))).toEqual([true, true, true, true, true, false, false, false, false])
    expect(await a.channel.ended(`x~${a.id(1)}`, { name: 'x', after: 'start' })).toBe(true)
    expect(await a.channel.ended(`x~${a.id(1)}`, { after: 'start' })).toBe(false)
  })

  test('C10 close() of one channel ends the stream, and so does a reader that lags with lag: close', async () => {
    const [a, b] = [named('a', { history: { messages: 2 } }), named('b')]
    const first = open()
    for (const { channel } of [a, b]) channel.subscribe(first.stream)
    b.channel.close()
    expect([first.sink.state, a.channel.subscribers]).toEqual(['ended', 0])
    const c = named('c')
    const second = open()
    a.channel.subscribe(second.stream, { lag: 'close' })
    c.channel.subscribe(second.stream)
    second.sink.hold()
    void c.channel.publish('fills')
    await flushed()
    for (const data of ['1', '2', '3', '4']) void a.channel.publish(data)
    await flushed()
    second.sink.take()
    expect(second.sink.state).toBe('ended')
    expect(received(textOf(second.sink)).reconnectionTime).toBeGreaterThan(0)
  })
})

describe('C13 slow peers', () => {
  test('B2 C13 frames of channels do not count against maxBufferedBytes, and snapshots wait for their turn', async () => {
    const all = [...'abcd'].map((name) => named(name))
    const { stream, sink } = open('', { maxBufferedBytes: 1_000 })
    sink.hold()
    let taken = 0
    const snapshot: SubscribeOptions['snapshot'] = () => {
      taken++
      return 'x'.repeat(5_000)
    }
    const later: SubscribeOptions['snapshot'] = async () => 'y'.repeat(5_000)
    for (const [index, { channel }] of all.entries()) channel.subscribe(stream, { snapshot: index === 1 ? later : snapshot })
    await turn()
    // Only the first was written, and only the first was taken.
    expect([taken, textOf(sink).length < 6_000]).toEqual([1, true])
    void stream.comment('own')
    for (const { channel } of all) void channel.publish('1')
    await flushed()
    for (let times = 0; times < 20; times++) {
      sink.take()
      sink.hold()
      await turn()
    }
    sink.take()
    await flushed()
    expect([stream.closed, taken]).toEqual([false, 3])
    const { events, lastEventId } = received(textOf(sink))
    expect(events.filter(({ data }) => data.length === 5_000)).toHaveLength(4)
    expect(lastEventId.split('~').sort()).toEqual([...'abcd'].flatMap((name, index) => [name, all[index]?.id(1) ?? '']).sort())
  })

  test('C5 C13 a snapshot that is taken in a later turn repeats nothing', async () => {
    const [a, b] = [named('a'), named('b')]
    let count = 0
    const { stream, sink } = open()
    b.channel.subscribe(stream)
    sink.hold()
    void b.channel.publish('fills')
    await flushed()
    a.channel.subscribe(stream, { snapshot: () => `state ${count}` })
    for (; count < 3; ) void a.channel.publish(`${++count}`)
    await flushed()
    sink.take()
    void a.channel.publish(`${++count}`)
    await flushed()
    expect(received(textOf(sink)).events.map(({ data }) => data)).toEqual(['fills', 'state 3', '4'])
  })

  test('C13 another channel is the first each time when the peer takes bytes again', () => {
    let joined: Feeder | undefined
    const fed = {
      get '~feeder'() {
        return joined
      },
    } as unknown as FedStream
    const stream: Feedable & { lastEventId: string } = {
      lastEventId: '',
      [FEED]: (feeder) => {
        joined ??= feeder
        return fed
      },
    }
    const order: string[] = []
    const reader = (name: string) => ({ drained: () => order.push(name), streamEnded: () => {} }) as unknown as Feeder
    for (const name of 'abc') joinStream(stream, name, reader(name), () => false)
    for (let times = 0; times < 4; times++) joined?.drained()
    expect(order.join('')).toBe('abcbcacababc')
    joined?.streamEnded()
    joined?.drained()
  })

  test('C9 C13 a channel that conflates goes on with the newest of each key, and its part is exact', async () => {
    const [a, b] = [named('a'), named('b')]
    const { stream, sink } = open()
    a.channel.subscribe(stream, { lag: 'conflate' })
    b.channel.subscribe(stream)
    sink.hold()
    void b.channel.publish('fills')
    await flushed()
    for (const data of ['1', '2', '3']) void a.channel.publish(data, { key: 'k' })
    void b.channel.publish('all')
    await flushed()
    sink.take()
    expect(
      received(textOf(sink))
        .events.map(({ data }) => data)
        .sort(),
    ).toEqual(['3', 'all', 'fills'])
    expect(lastIdOf(sink).split('~').sort()).toEqual(['a', a.id(3), 'b', b.id(2)].sort())
  })
})

describe('C13 one write for the channels of a stream', () => {
  test('C13 the messages of a turn are one write, the same bytes for streams at one position', async () => {
    const [a, b, c] = [named('a'), named('b'), named('c')]
    const written: SharedFrames[][] = []
    for (const channels of [
      [a, b],
      [a, b],
      [b, c],
    ]) {
      const { stream, sink } = open()
      const frames: SharedFrames[] = []
      written.push(frames)
      Object.assign(sink, { shared: { write: (each: SharedFrames) => frames.push(each) > 0 } })
      for (const { channel } of channels) channel.subscribe(stream)
      frames.length = 0
    }
    for (const turns of [1, 2]) {
      for (const { channel } of [a, b, c]) void channel.publish(`${turns}`)
      await flushed()
    }
    const texts = written.map((frames) => frames.map(({ text }) => text))
    const both = (first: Named, second: Named, offset: number): string =>
      `data: ${offset}\nid: SECOND~${second.id(offset - 1)}~FIRST~${first.id(offset)}\n\ndata: ${offset}\nid: FIRST~${first.id(offset)}~SECOND~${second.id(offset)}\n\n`
    const ofAB = [1, 2].map((offset) => both(a, b, offset).replaceAll('FIRST', 'a').replaceAll('SECOND', 'b'))
    const ofBC = [1, 2].map((offset) => both(b, c, offset).replaceAll('FIRST', 'b').replaceAll('SECOND', 'c'))
    expect(texts).toEqual([ofAB, ofAB, ofBC])
    expect(written[1]?.[0]).toBe(written[0]?.[0])
    expect(written[1]?.[1]).toBe(written[0]?.[1])
  })

  test('C1 C13 more than 32 KB is written in parts, in order', async () => {
    const [a, b] = [named('a'), named('b')]
    const { stream, sink } = open()
    for (const { channel } of [a, b]) channel.subscribe(stream)
    for (let round = 0; round < 6; round++) for (const { channel } of [a, b]) void channel.publish(`${round} ${'x'.repeat(15_000)}`)
    await flushed()
    const { events, lastEventId } = received(textOf(sink))
    for (const name of ['a', 'b']) {
      const own = events.filter(({ lastEventId: id }) => id.split('~').at(-2) === name)
      expect(own.map(({ data }) => data.split(' ')[0])).toEqual(['0', '1', '2', '3', '4', '5'])
    }
    expect(lastEventId.split('~').sort()).toEqual(['a', a.id(6), 'b', b.id(6)].sort())
    expect(Math.max(...sink.frames.map(({ length }) => length))).toBeLessThan(100_000)
  })

  test('B1 C13 a peer that is full after that write gets the rest of both channels when it takes bytes again', async () => {
    const [a, b] = [named('a'), named('b')]
    const { stream, sink } = open()
    for (const { channel } of [a, b]) channel.subscribe(stream)
    const publish = async (data: string): Promise<void> => {
      for (const { channel } of [a, b]) void channel.publish(data)
      await flushed()
    }
    await publish('0')
    sink.hold()
    await publish('1')
    const { length } = sink.frames
    await publish('2')
    await publish('3')
    expect(sink.frames).toHaveLength(length)
    sink.take()
    await publish('4')
    const datas = received(textOf(sink)).events.map(({ data }) => data)
    for (const data of '01234') expect(datas.filter((each) => each === data)).toHaveLength(2)
    expect(lastIdOf(sink).split('~').sort()).toEqual(['a', a.id(5), 'b', b.id(5)].sort())
  })

  test('C13 a filter closes the stream before that write: lastEventId is the id that the client has', async () => {
    const [a, b] = [named('a'), named('b')]
    const { stream, sink } = open()
    const subscription = a.channel.subscribe(stream)
    b.channel.subscribe(stream, { filter: () => stream.close() as never })
    void a.channel.publish('1')
    void b.channel.publish('1')
    await flushed()
    expect(stream.closed).toBe(true)
    expect(subscription.lastEventId).toBe(lastIdOf(sink).split('~')[1])
  })

  test('C13 a filter subscribes another channel before that write: its ids follow what was gathered', async () => {
    const [a, b, c] = [named('a'), named('b'), named('c')]
    const { stream, sink } = open()
    a.channel.subscribe(stream)
    let isSubscribed = false
    const filter = (): boolean => {
      if (!isSubscribed) c.channel.subscribe(stream)
      isSubscribed = true
      return true
    }
    b.channel.subscribe(stream, { filter })
    const { length } = sink.frames
    void a.channel.publish('1')
    void b.channel.publish('1')
    await flushed()
    expect(sink.frames.slice(length).join('')).toBe(
      `data: 1\nid: b~${b.id(0)}~a~${a.id(1)}\n\nid: b~${b.id(0)}~a~${a.id(1)}~c~${c.id(0)}\n\ndata: 1\nid: a~${a.id(1)}~c~${c.id(0)}~b~${b.id(1)}\n\n`,
    )
  })

  test('C10 C13 the messages of a turn in which all channels end come before the end', async () => {
    const [a, b] = [named('a'), named('b')]
    const { stream, sink } = open()
    for (const { channel } of [a, b]) channel.subscribe(stream)
    await turn()
    for (const { channel } of [a, b]) {
      void channel.publish('last')
      channel.end()
    }
    await sink.until(({ state }) => state === 'ended')
    const { events, lastEventId } = received(textOf(sink))
    expect(events.map(({ data }) => data)).toEqual(['last', 'last'])
    expect(lastEventId).toBe(`a~${a.id(1)}~b~${b.id(1)}`)
  })

  test('C13 streams with the same ids, and the same channel under different names, each have their own', async () => {
    const log = memoryLog()
    const [d, e] = [named('d', { log }), named('e', { log })]
    const c = named('c')
    const [first, second] = [open(), open()]
    for (const [{ stream }, x, y] of [[first, d, e] as const, [second, e, d] as const]) {
      x.channel.subscribe(stream, { name: 'x' })
      y.channel.subscribe(stream, { name: 'y' })
      c.channel.subscribe(stream)
    }
    // Now both streams share their ids.
    void c.channel.publish('1')
    await flushed()
    const { length } = first.sink.frames
    void d.channel.publish('2')
    await flushed()
    const of = (name: string, offset: number): string => `${name}~${log.idOf(offset)}`
    const texts = [first, second].map(({ sink }) => sink.frames.slice(length).join(''))
    const [x, y] = ['x', 'y'].map((name) => [of(name, 0), of(name, 1)]) as [[string, string], [string, string]]
    const ofC = `c~${c.id(1)}`
    expect(texts).toEqual([
      `data: 2\nid: ${y[0]}~${ofC}~${x[1]}\n\ndata: 2\nid: ${ofC}~${x[1]}~${y[1]}\n\n`,
      `data: 2\nid: ${x[0]}~${ofC}~${y[1]}\n\ndata: 2\nid: ${ofC}~${y[1]}~${x[1]}\n\n`,
    ])
  })

  test('C13 a stream gets no frames of a channel whose part it only carries', async () => {
    const [a, b] = [named('a'), named('b')]
    const both = open()
    for (const { channel } of [a, b]) channel.subscribe(both.stream)
    // Its part of the other channel is the one that the first stream will have.
    const carries = open(`a~${a.id(0).replace(/0$/, '1')}`)
    b.channel.subscribe(carries.stream)
    void a.channel.publish('of a')
    void b.channel.publish('of b')
    await flushed()
    const datas = [both, carries].map(({ sink }) => received(textOf(sink)).events.map(({ data }) => data))
    expect(datas).toEqual([['of a', 'of b'], ['of b']])
    expect(lastIdOf(carries.sink)).toBe(lastIdOf(both.sink))
  })

  test('C3 C13 the resets of streams with unknown ids have their own', async () => {
    const [a, b] = [named('a'), named('b')]
    const streams = ['rubbish 1', 'rubbish 2'].map((id) => open(id))
    for (const { stream } of streams) a.channel.subscribe(stream)
    void a.channel.publish('1')
    await flushed()
    for (const { stream } of streams) b.channel.subscribe(stream)
    const told = streams.map(({ sink }) => received(textOf(sink)).events.flatMap(({ type, data }) => (type === 'reset' ? JSON.parse(data).lastEventId : [])))
    expect(told).toEqual([1, 2].map((n) => [`rubbish ${n}`, `rubbish ${n}`]))
  })

  test('C13 what was gathered is written also where a channel of the flush throws', async () => {
    const a = named('a')
    const { stream, sink } = open()
    a.channel.subscribe(stream)
    const thrown: unknown[] = []
    process.setUncaughtExceptionCaptureCallback((error) => thrown.push(error))
    try {
      void a.channel.publish('1')
      await null
      pacer.schedule({
        flush() {
          throw new Error('fault')
        },
      })
      await sink.until(() => textOf(sink).includes('data: 1'))
      void a.channel.publish('2')
      await sink.until(() => textOf(sink).includes('data: 2'))
    } finally {
      process.setUncaughtExceptionCaptureCallback(null)
    }
    expect(thrown).toEqual([new Error('fault')])
  })

  test('C13 an empty snapshot without a position writes nothing', async () => {
    const a = named('a', { position: false })
    const { stream, sink } = open()
    a.channel.subscribe(stream, { snapshot: () => [] })
    expect(sink.frames).toHaveLength(1)
    void a.channel.publish('1')
    await flushed()
    expect(sink.frames.slice(1)).toEqual([`data: 1\nid: a~${a.id(1)}\n\n`])
  })

  test('messages are counted once for each stream', async () => {
    const [a, b] = [named('a'), named('b')]
    for (const times of [1, 2]) {
      const { stream } = open()
      const unsubscribed = metrics().streams.messages
      for (const { channel } of [a, b]) channel.subscribe(stream, { snapshot: () => 'state' })
      const before = metrics().streams.messages
      expect(before - unsubscribed).toBe(2)
      for (const { channel } of [a, b]) void channel.publish('1')
      await flushed()
      expect(metrics().streams.messages - before).toBe(2 * times + 1) // One more is of `flushed`.
    }
  })
})

describe('C4 C13 positions', () => {
  test('C4 a heartbeat has the moved positions of all channels, as an event where one of them sends an event', async () => {
    for (const position of [true, 'message'] as const) {
      const clock = new DrivenClock()
      try {
        const [a, b] = [named('a'), named('b', { position })]
        const { stream, sink } = open('', { heartbeat: 1_000 })
        for (const { channel } of [a, b]) channel.subscribe(stream, { topics: ['mine'] })
        for (const { channel } of [a, b]) void channel.publish('x', { topic: 'other' })
        const before = sink.frames.length
        clock.advance(1_250)
        const id = `a~${a.id(1)}~b~${b.id(1)}`
        expect(sink.frames.slice(before)).toEqual([position === true ? `:\nid: ${id}\n\n` : `:\n\nevent: position\ndata: \nid: ${id}\n\n`])
        clock.advance(1_250)
        expect(sink.frames.at(-1)).toBe(':\n\n')
        sink.leave()
      } finally {
        clock.restore()
      }
    }
  })
})
