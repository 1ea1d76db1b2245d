import { afterEach, describe, expect, test, vi } from 'vitest'
import { createChannel, metrics } from '../src/index.ts'
import type { LogEntry, TailedLog } from '../src/lib/log/message-log.ts'
import { HeldSink } from './support/held-sink.ts'
import { flushed, openChannel } from './support/joined-channel.ts'

const TELL = { keep: false } as const

afterEach(() => {
  HeldSink.takesShared = false
})

/** Both ways in which a stream is written to: by itself, and with all others at the shared cursor. */
describe.each([
  ['streams that are written to one by one', false],
  ['streams that share a cursor', true],
])('C14 %s', (_, takesShared) => {
  const open = (...args: Parameters<typeof openChannel>) => {
    HeldSink.takesShared = takesShared
    return openChannel(...args)
  }

  test('C14 a message that is not kept comes once, between the kept ones, without an id, and moves no position', async () => {
    const { channel, log, join, id } = open()
    const [first, second] = [join(), join()]
    expect(await channel.publish('typing', TELL)).toBe('')
    await flushed()
    void channel.publish('a')
    void channel.publish({ event: 'typing', data: { by: 'Ada' } }, TELL)
    void channel.publish('b')
    void channel.publish('c')
    void channel.publish('cursor', TELL)
    await flushed()
    for (const { sink, subscription } of [first, second]) {
      expect(sink.frames.slice(2)).toEqual([
        'data: typing\n\n',
        `data: a\nid: ${id(1)}\n\nevent: typing\ndata: {"by":"Ada"}\n\ndata: b\nid: ${id(2)}\n\ndata: c\nid: ${id(3)}\n\ndata: cursor\n\n`,
      ])
      expect(subscription.lastEventId).toBe(id(3))
    }
    expect((await log.read(0, 10)).entries.map(({ data }) => data)).toEqual(['a', 'b', 'c'])
    expect(join({ after: 'start' }).text).not.toMatch(/typing|cursor/)
    expect(join({}, id(1)).text).not.toMatch(/typing|cursor|reset/)
  })

  test('C14 C4 a heartbeat tells the position that the client does not know, also behind a message that is not kept', async () => {
    const { channel, join, id } = open()
    const { stream, sink } = join({ topics: ['a'] })
    const other = join({ topics: ['a'] })
    void channel.publish('a', { topic: 'a' })
    await flushed()
    void channel.publish('b', { topic: 'b' })
    void channel.publish('typing', { topic: 'a', keep: false })
    await flushed()
    expect(sink.frames.at(-1)).toBe('data: typing\n\n')
    const feeder = stream['~feeder']
    expect(feeder?.heartbeat()).toBe(`id: ${id(2)}\n`)
    expect(feeder?.heartbeat()).toBe('')
    void channel.publish('typing', { topic: 'a', keep: false })
    await flushed()
    expect(feeder?.heartbeat()).toBe('')
    expect(other.stream['~feeder']?.heartbeat()).toBe(`id: ${id(2)}\n`)
  })

  test('C14 C6 C19 it goes to readers of its topics, once, and past a filter', async () => {
    const { channel, join } = open()
    const even = ({ data, id }: { data: unknown; id: string }) => Number(data) % 2 === 0 && id === ''
    const readers = [undefined, ['a'], ['b'], ['a', 'b'], ['c']].map((topics) => join({ topics }))
    const filtered = join({ filter: even })
    void channel.publish('1', { topic: ['a', 'b'], keep: false })
    void channel.publish('2', { topic: 'a', keep: false })
    void channel.publish('4', TELL)
    await flushed()
    const datas = (text: string) => [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => data)
    expect(readers.map(({ text }) => datas(text))).toEqual([['1', '2', '4'], ['1', '2'], ['1'], ['1', '2'], []])
    expect(datas(filtered.text)).toEqual(['2', '4'])
  })

  test('C14 C6 its readers do not move past it to a later message of their topic', async () => {
    const { channel, join, id } = open()
    const { sink } = join({ topics: ['b'] })
    void channel.publish('1', { topic: 'a' })
    void channel.publish('typing', { topic: 'b', keep: false })
    void channel.publish('2', { topic: 'a' })
    void channel.publish('3', { topic: 'b' })
    await flushed()
    expect(sink.frames.slice(2)).toEqual([`data: typing\n\ndata: 3\nid: ${id(3)}\n\n`])
  })

  test('C14 C9 not a reader that is slow, behind, or waits for a snapshot: it is never sent later', async () => {
    const { channel, join, id } = open()
    const [slow, conflates, reads] = [join(), join({ lag: 'conflate' }), join()]
    const waits = join({ snapshot: () => new Promise(() => {}) })
    for (const { sink } of [slow, conflates]) sink.hold()
    void channel.publish('a', { key: 'k' })
    await flushed()
    void channel.publish('typing', TELL)
    await flushed()
    void channel.publish('b', { key: 'k' })
    void channel.publish('c', { key: 'k' })
    await flushed()
    expect(reads.text).toContain('data: typing\n\n')
    for (const { sink } of [slow, conflates]) sink.take()
    await flushed()
    expect(slow.text).not.toContain('typing')
    expect(slow.sink.frames.at(-1)).toBe(`data: b\nid: ${id(2)}\n\ndata: c\nid: ${id(3)}\n\n`)
    expect(conflates.sink.frames.at(-1)).toBe(`data: c\nid: ${id(3)}\n\n`)
    expect(waits.text).toBe('')
    // At the head again, it gets them as the others do.
    void channel.publish('again', TELL)
    await flushed()
    for (const { sink } of [slow, conflates, reads]) expect(sink.frames.at(-1)).toBe('data: again\n\n')
  })

  test('C14 C10 it comes before the end', async () => {
    const { channel, join, id } = open()
    const { sink } = join()
    void channel.publish('a')
    void channel.publish('typing', TELL)
    channel.end()
    await flushed()
    expect(sink.frames.slice(2).join('')).toMatch(new RegExp(`^data: a\nid: ${id(1)}\n\ndata: typing\n\nretry: \\d+\n\n$`))
    expect(() => channel.publish('late', TELL)).toThrow(expect.objectContaining({ code: 'ERR_SSE_CHANNEL_ENDED' }))
  })

  test('C14 B4 a turn with many of them is bounded: a reader that is full gets no more', async () => {
    const { channel, join } = open()
    const [slow, reads] = [join(), join()]
    slow.sink.hold()
    const filling = 'x'.repeat(10_000)
    for (let count = 0; count < 100; count++) void channel.publish(`${count} ${filling}`, TELL)
    await flushed()
    expect([...reads.text.matchAll(/^data: (\d+) /gm)].map(([, count]) => Number(count))).toEqual(Array.from({ length: 100 }, (__, count) => count))
    expect(slow.text.length).toBeLessThan(100_000)
  })

  test('C14 a filter that publishes repeats nothing and skips nothing', async () => {
    const { channel, join } = open()
    const left = ['x', 'y', 'z']
    const publishes = ({ data }: { data: unknown }) => {
      const next = data === 'told' ? left.pop() : undefined
      if (next !== undefined) {
        void channel.publish(next)
        void channel.publish(`after ${next}`, TELL)
      }
      return true
    }
    const readers = [join({ filter: publishes }), join({ filter: publishes }), join()]
    void channel.publish('kept')
    void channel.publish('told', TELL)
    for (let count = 0; count < 4; count++) await flushed()
    for (const { text } of readers) {
      const datas = [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => data)
      expect(datas.sort()).toEqual([...new Set(datas)])
      expect(datas).toEqual(expect.arrayContaining(['kept', 'told']))
    }
  })

  test('C14 C7 a filter that throws at it cuts its own stream', async () => {
    const { channel, join, errors } = open()
    const throws = () => {
      throw new Error('of the test')
    }
    const [cut, reads] = [join({ filter: throws }), join()]
    void channel.publish('typing', TELL)
    await flushed()
    expect(cut.sink.destroyedFor).toBe('error')
    expect(reads.sink.frames.at(-1)).toBe('data: typing\n\n')
    expect(errors.map(({ stage }) => stage)).toEqual(['filter'])
  })
})

test('C14 C13 on a stream of several channels it has no id either, and keeps the parts of all', async () => {
  const [one, two] = [openChannel({ name: 'one' }), openChannel({ name: 'two' })]
  const { stream, sink, text } = one.join()
  two.channel.subscribe(stream)
  expect(text).toBe(`id: one~${one.id(0)}\n\n`)
  void one.channel.publish('a')
  void one.channel.publish('typing', TELL)
  await flushed()
  void two.channel.publish('typing too', TELL)
  await flushed()
  void two.channel.publish('b')
  await flushed()
  expect(sink.frames.slice(3)).toEqual([
    `data: a\nid: two~${two.id(0)}~one~${one.id(1)}\n\ndata: typing\n\n`,
    'data: typing too\n\n',
    `data: b\nid: one~${one.id(1)}~two~${two.id(1)}\n\n`,
  ])
})

describe('C14 messages()', () => {
  test('C14 C12 a reader gets them between the kept ones, each once, with the id ""', async () => {
    const { channel, id } = openChannel()
    void channel.publish('before', TELL)
    const read: unknown[] = []
    const collect = async (): Promise<void> => {
      for await (const { data, id: own, topic } of channel.messages()) read.push([data, own, topic])
    }
    const onlyA = channel.messages({ topics: ['a'] })
    const [collecting, next] = [collect(), onlyA.next()]
    void channel.publish('1', TELL)
    void channel.publish('a')
    void channel.publish('2', { topic: 'b', keep: false })
    void channel.publish({ data: { n: 3 } }, { topic: 'a', keep: false })
    void channel.publish('b', { topic: 'a' })
    channel.end()
    await collecting
    expect(read).toEqual([
      ['1', '', undefined],
      ['a', id(1), undefined],
      ['2', '', 'b'],
      [{ n: 3 }, '', 'a'],
      ['b', id(2), 'a'],
    ])
    expect(await next).toEqual({ done: false, value: { event: 'message', data: { n: 3 }, id: '', topic: 'a' } })
    expect((await onlyA.next()).value).toMatchObject({ data: 'b' })
    expect(await onlyA.next()).toEqual({ done: true, value: undefined })
  })

  test('C14 a reader that does not ask for a second misses them, and no kept message', async () => {
    const { channel } = openChannel()
    const messages = channel.messages({ after: 'start' })
    void channel.publish('a')
    expect((await messages.next()).value).toMatchObject({ data: 'a' })
    const present = performance.now()
    const clock = vi.spyOn(performance, 'now').mockReturnValue(present)
    void channel.publish('old', TELL)
    void channel.publish('b')
    clock.mockReturnValue(present + 1_001)
    void channel.publish('new', TELL)
    expect((await messages.next()).value).toMatchObject({ data: 'b' })
    expect((await messages.next()).value).toMatchObject({ data: 'new' })
    clock.mockRestore()
    channel.close()
  })
})

describe('C14 publish with keep: false', () => {
  test('C14 refuses key, idempotencyKey, an id, and a keep that is no boolean, at the call', () => {
    const { channel } = openChannel()
    const refused = (options: object, message: unknown = 'x') => {
      try {
        void channel.publish(message as string, options as typeof TELL)
      } catch (error) {
        return (error as { code: string }).code
      }
      return undefined
    }
    expect([{ key: 'k' }, { idempotencyKey: 'k' }].map((options) => refused({ keep: false, ...options }))).toEqual([
      'ERR_SSE_INVALID_OPTION',
      'ERR_SSE_INVALID_OPTION',
    ])
    for (const keep of [0, 'false', null]) expect(refused({ keep })).toBe('ERR_SSE_INVALID_OPTION')
    expect(refused({ keep: false }, { data: 'x', id: '1' })).toBe('ERR_SSE_ID_OWNED')
    expect(refused({ keep: false }, { event: 'reset', data: 'x' })).toBe('ERR_SSE_RESERVED_EVENT')
    expect([refused({ keep: true, key: 'k', idempotencyKey: 'i' }), refused({ keep: undefined, key: 'k' })]).toEqual([undefined, undefined])
  })

  test('C14 throws at the call where the log cannot', () => {
    const log: TailedLog = Object.assign(Object.create(openChannel().log), { tell: undefined })
    log.follow = () => () => {}
    const channel = createChannel({ log })
    expect(() => channel.publish('x', TELL)).toThrow(expect.objectContaining({ code: 'ERR_SSE_INVALID_OPTION' }))
  })

  test('C14 counts as published, and each write of it as a message of a stream', async () => {
    const { channel, join } = openChannel()
    join()
    join()
    await flushed()
    const before = metrics()
    await channel.publish('typing', TELL)
    await flushed()
    const { streams, channels } = metrics()
    // `flushed` publishes one, to one stream.
    expect(channels.published - before.channels.published).toBe(2)
    expect(streams.messages - before.streams.messages).toBe(3)
  })

  test('C14 a follower of a memory log gets it between the entries, without an id', async () => {
    const { log } = openChannel()
    const followed: unknown[] = []
    const note = ({ data, id, offset }: LogEntry) => followed.push([data, id, offset])
    log.follow({ entry: note, told: note })
    const message = { block: 'data: x\n', event: 'message', data: 'x', isText: true, topic: undefined, key: undefined }
    const first = await log.append(message)
    expect(await log.tell?.(message)).toBe('')
    expect(followed).toEqual([
      ['x', first, 1],
      ['x', '', 1],
    ])
    await log.end()
    await expect(log.tell?.(message)).rejects.toMatchObject({ code: 'ERR_SSE_CHANNEL_ENDED' })
  })
})
