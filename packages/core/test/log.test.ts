import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import type { HistoryBounds } from '../src/lib/log/history-bounds.ts'
import { KeptTail } from '../src/lib/log/kept-tail.ts'
import { memoryLog } from '../src/lib/log/memory-log.ts'
import type { LogMessage, TailedLog } from '../src/lib/log/message-log.ts'
import { ReadableTail } from '../src/lib/log/readable-tail.ts'
import { TopicIndex } from '../src/lib/log/topic-index.ts'
import { openChannel } from './support/joined-channel.ts'

const SEED = Number(process.env['TIDINGS_SEED'] ?? Date.now() % 2 ** 31)

function message(data: string, topic?: string): LogMessage {
  return { block: `data: ${data}\n`, event: 'message', data, isText: true, topic, key: undefined }
}

function filled(bounds: HistoryBounds, messages: string[], topic?: (index: number) => string | undefined): TailedLog {
  const log = memoryLog(bounds)
  for (const [index, data] of messages.entries()) void log.append(message(data, topic?.(index)))
  return log
}

const many = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index + 1))
const bytesOf = ({ tail }: TailedLog): number => (ReadableTail.behind(tail) as KeptTail).bytes
const sizeOf = ({ tail }: TailedLog): number => tail.head - tail.floor
const kept = (log: TailedLog): (string | undefined)[] => many(sizeOf(log)).map((_, index) => log.tail.at(log.tail.floor + 1 + index)?.data)

describe('C8 the history of a memory log', () => {
  test('C8 is bounded by messages', () => {
    const log = filled({ messages: 3 }, many(5_000))
    expect([kept(log), log.tail.floor, log.tail.head, sizeOf(log)]).toEqual([['4998', '4999', '5000'], 4_997, 5_000, 3])
  })

  test('C8 is bounded by bytes: those of a message in UTF-8, and 150 more', () => {
    // `data: x\n` is 8 bytes, `data: ä\n` 9, `data: €\n` 10 and `data: 💥\n` 11.
    for (const [letter, length] of [
      ['x', 8],
      ['ä', 9],
      ['€', 10],
      ['💥', 11],
    ] as const) {
      const size = 150 + length
      expect(kept(filled({ bytes: 2 * size }, [letter, letter]))).toEqual([letter, letter])
      expect(kept(filled({ bytes: 2 * size - 1 }, [letter, letter]))).toEqual([letter])
      expect(kept(filled({ bytes: 2 * size }, [letter, letter, letter]))).toEqual([letter, letter])
    }
  })

  test.each<[string, Partial<LogMessage>, number]>([
    ['a key', { key: 'ä' }, 2],
    ['a topic, once in the message and once with 150 bytes for all of its messages', { topic: 'ä' }, 2 + 150 + 2],
    ['data whose line ends its block says otherwise', { data: 'ä\r' }, 3],
  ])('C8 counts more than the message: %s', (_, fields, more) => {
    const log = memoryLog()
    void log.append({ ...message('1'), ...fields })
    expect(bytesOf(log)).toBe(158 + more)
    void log.append({ ...message('1'), ...fields })
    expect(bytesOf(log)).toBe(2 * (158 + more) - ('topic' in fields ? 152 : 0))
  })

  test('C8 a topic counts while its floor is remembered; beyond an eighth of the bytes they are forgotten before messages are dropped', () => {
    const log = memoryLog({ bytes: 8_000 })
    const tail = ReadableTail.behind(log.tail) as KeptTail
    // 158 for each message and 1 for its topic, 151 for each topic.
    const topics = [...'abcdefghijklmnopqrstuvwxyz']
    for (const topic of topics.slice(0, 25)) void log.append(message('1', topic))
    expect([tail.bytes, sizeOf(log)]).toEqual([25 * (159 + 151), 25])
    void log.append(message('1', 'z'))
    expect([tail.bytes, sizeOf(log)]).toEqual([25 * 159 + 26 * 151, 25])
    for (let index = 0; index < 100; index++) void log.append(message('1', topics[index % 26]))
    expect(tail.bytes).toBeLessThanOrEqual(8_000)
    // One large message drops what is kept of all others. Of their floors it leaves an eighth, the last ones to run
    // empty.
    void log.append(message('x'.repeat(6_840)))
    const remembered = Math.floor(1_000 / 151)
    const floors = topics.map((topic) => [0, tail.floor - 1].map((cursor) => tail.hasGap(cursor, new Set([topic]))))
    expect([sizeOf(log), tail.bytes]).toEqual([1, 6_997 + remembered * 151])
    expect(floors.every(([atFirst]) => atFirst)).toBe(true)
    // A larger one leaves the same: it is kept whatever its size.
    void log.append(message('x'.repeat(9_000)))
    expect([sizeOf(log), tail.bytes]).toEqual([1, 9_157 + remembered * 151])
    const forgotten = tail.floor - 1 - remembered
    expect([forgotten - 1, forgotten].map((cursor) => tail.hasGap(cursor, new Set(['never seen'])))).toEqual([true, false])
  })

  test('C8 no trimming is announced if forgetting topics makes room', () => {
    const log = memoryLog({ messages: 10, bytes: 8_000 })
    const announced: number[] = []
    log.follow({ entry: () => {}, trimming: (upTo) => announced.push(upTo) })
    for (let index = 0; index < 1_000; index++) void log.append(message('1', `t${index % 100}`))
    expect(announced).toEqual(many(990).map(Number))
    expect(bytesOf(log)).toBeGreaterThan(7_500)
  })

  test('C8 counts the last idempotency keys, which have an eighth of the bytes', async () => {
    const log = memoryLog({ bytes: 8_000 })
    const ids: string[] = []
    // 101 for each of them, beside 158 for its message.
    for (const idempotencyKey of 'abcdefghi') ids.push(await log.append(message('1'), { idempotencyKey }))
    expect(bytesOf(log)).toBe(9 * 158 + 9 * 101)
    ids.push(await log.append(message('1'), { idempotencyKey: 'j' }))
    expect(bytesOf(log)).toBe(10 * 158 + 9 * 101)
    for (const [index, idempotencyKey] of [...'bcdefghij'].entries()) expect(await log.append(message('2'), { idempotencyKey })).toBe(ids[index + 1])
    expect(await log.append(message('1'), { idempotencyKey: 'a' })).not.toBe(ids[0])
    // One longer than an eighth is the only one that is remembered.
    const idempotencyKey = 'x'.repeat(1_000)
    const id = await log.append(message('1'), { idempotencyKey })
    expect([await log.append(message('1'), { idempotencyKey }), bytesOf(log)]).toEqual([id, 12 * 158 + 1_100])
  })

  test('C8 keeps the newest message at any size, since no reader would get it otherwise', () => {
    expect(kept(filled({ bytes: 10 }, ['a', 'x'.repeat(100)]))).toEqual(['x'.repeat(100)])
    expect(kept(filled({ bytes: 10 }, ['x'.repeat(100), 'b']))).toEqual(['b'])
  })

  test('C8 is bounded by age, even while nothing is appended', async () => {
    const clock = vi.spyOn(Date, 'now').mockReturnValue(1_000)
    const log = filled({ age: 100 }, ['a', 'b'])
    clock.mockReturnValue(1_050)
    void log.append(message('c'))
    clock.mockReturnValue(1_100)
    expect((await log.read(0, 10)).entries).toHaveLength(3)
    clock.mockReturnValue(1_101)
    expect(await log.read(0, 10)).toMatchObject({ floor: 2, entries: [{ data: 'c' }] })
    void log.append(message('d'))
    clock.mockReturnValue(2_000)
    expect(await log.read(0, 10)).toEqual({ entries: [], floor: 4 })
    clock.mockRestore()
  })

  test('C8 gives a new client, and messages(), nothing that is too old', async () => {
    const clock = vi.spyOn(Date, 'now').mockReturnValue(1_000)
    const { channel, join, id } = openChannel({ history: { age: 100 } })
    await channel.publish('a')
    await channel.publish('b')
    clock.mockReturnValue(1_050)
    await channel.publish('c')
    clock.mockReturnValue(1_101)
    expect(join({}, id(1)).text).toBe(`event: reset\ndata: {"reason":"trimmed","lastEventId":"${id(1)}"}\nid: ${id(2)}\n\ndata: c\nid: ${id(3)}\n\n`)
    clock.mockReturnValue(1_151)
    channel.end()
    expect(await channel.messages({ after: 'start' }).next()).toEqual({ done: true, value: undefined })
    clock.mockRestore()
  })

  test('C8 gives a reader that keeps up each message before it is too old', async () => {
    const clock = vi.spyOn(Date, 'now').mockReturnValue(1_000)
    const { channel, join, id } = openChannel({ history: { age: 100 } })
    const reader = join()
    void channel.publish('a')
    clock.mockReturnValue(1_200)
    void channel.publish('b')
    clock.mockReturnValue(1_400)
    join()
    expect(reader.text).toBe(`id: ${id(0)}\n\ndata: a\nid: ${id(1)}\n\ndata: b\nid: ${id(2)}\n\n`)
    clock.mockRestore()
    channel.close()
  })

  test('C8 a bound is a positive number, or Infinity', () => {
    expect(sizeOf(filled({ messages: Number.POSITIVE_INFINITY, age: Number.POSITIVE_INFINITY }, many(1_500)))).toBe(1_500)
    for (const bounds of [{ messages: 1.5 }, { bytes: 0 }, { bytes: '1' }, { age: -1 }, { size: 1 }, null, 5])
      expect(() => memoryLog(bounds as never), JSON.stringify(bounds)).toThrow(expect.objectContaining({ code: 'ERR_SSE_INVALID_OPTION' }))
  })

  test('C8 the bound that is reached first applies, and the default is 1,000 messages', () => {
    expect(sizeOf(filled({ messages: 5, bytes: 1_000 }, many(10)))).toBe(5)
    expect(sizeOf(filled({ messages: 500, bytes: 10 * 158 }, many(9).concat(many(9))))).toBe(10)
    expect(sizeOf(filled({}, many(1_500)))).toBe(1_000)
  })

  test('C8 the cost of reading from any position depends on the answer, not on the length of the history', () => {
    const log = filled({ messages: 100_000, bytes: 1e9 }, many(100_000), (index) => (index % 1_000 === 7 ? 'rare' : 'common'))
    const { tail } = log
    const at = vi.spyOn(KeptTail.prototype, 'at')
    for (const from of [0, 50_000, 99_000]) {
      let found = 0
      const walk = tail.walk(from, new Set(['rare']))
      for (let offset = walk.next(); offset <= tail.head; offset = walk.next()) found++
      expect(found).toBe((100_000 - from) / 1_000)
    }
    expect(at).not.toHaveBeenCalled()
    at.mockRestore()
  })
})

describe('C8 a walk over topics', () => {
  test('C8 looks at each topic once, and then at one topic for each message', () => {
    const log = filled({ messages: 100_000 }, many(20_000), (index) => `t${index % 4_000}`)
    const [asks, looks] = [vi.spyOn(TopicIndex.prototype, 'nextAfter'), vi.spyOn(KeptTail.prototype, 'at')]
    const walk = log.tail.walk(0, new Set(many(256).map((number) => `t${number}`)))
    const found: number[] = []
    for (let offset = walk.next(); offset <= log.tail.head; offset = walk.next()) found.push(offset)
    expect(found).toEqual(
      many(20_000)
        .map(Number)
        .filter((offset) => (offset - 1) % 4_000 >= 1 && (offset - 1) % 4_000 <= 256),
    )
    expect(asks.mock.calls.length).toBeLessThanOrEqual(256 + found.length)
    // Near the head.
    expect(looks.mock.calls.length).toBeLessThanOrEqual(256)
    for (const spy of [asks, looks]) spy.mockRestore()
  })

  test(`C8 is right while messages come and go (seed ${SEED})`, () => {
    const topic = fc.constantFrom('a', 'b', 'c', 'd', 'e', undefined)
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ do: fc.constant('append' as const), topics: fc.array(topic, { minLength: 1, maxLength: 12 }) }) },
      { weight: 6, arbitrary: fc.record({ do: fc.constant('walk' as const), steps: fc.integer({ min: 1, max: 8 }) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), ahead: fc.integer({ min: -20, max: 3 }) }) },
    )
    let found = 0
    fc.assert(
      fc.property(
        fc.option(fc.subarray(['a', 'b', 'c', 'd']), { nil: undefined }),
        fc.array(step, { maxLength: 60, size: 'max' }),
        fc.constantFrom(1, 7, 20, 1_000),
        (names, steps, keep) => {
          const log = memoryLog({ messages: keep })
          const tail = ReadableTail.behind(log.tail) as KeptTail
          const topics = names && new Set(names)
          const walk = tail.walk(0, topics)
          let at = 0
          for (const each of steps) {
            if (each.do === 'append') {
              for (const name of each.topics) void log.append(message('x', name))
            } else if (each.do === 'restart') {
              // What follows where the walk stands is another's from now on.
              tail.restartAt(Math.max(at, tail.head + each.ahead), 0)
            } else {
              for (let left = each.steps; left > 0; left--) {
                const wanted = [...Array(tail.head + 1).keys()].find((offset) => {
                  const entry = offset > Math.max(at, tail.floor) ? tail.at(offset) : undefined
                  return entry && (!topics || (entry.topic !== undefined && topics.has(entry.topic)))
                })
                const got = walk.next()
                expect(got).toBe(wanted ?? Number.POSITIVE_INFINITY)
                // Where nothing is left it stands at the head.
                at = wanted ?? tail.head
                if (wanted !== undefined) found++
              }
            }
          }
        },
      ),
      { numRuns: 500, seed: SEED },
    )
    expect(found).toBeGreaterThan(5_000)
  })
})

describe('C3 the floors of topics', () => {
  test('C3 are the offsets of their last trimmed messages', () => {
    const { tail } = filled({ messages: 4 }, many(10), (index) => ['a', 'b', undefined][index % 3])
    // 1a 2b 3 4a 5b 6 | 7a 8b 9 10a
    const gaps = (topic: string) => many(11).map((_, cursor) => tail.hasGap(cursor, new Set([topic])))
    expect(gaps('a').lastIndexOf(true)).toBe(3)
    expect(gaps('b').lastIndexOf(true)).toBe(4)
    expect(gaps('c')).not.toContain(true)
    expect(tail.hasGap(5, undefined)).toBe(true)
    expect(tail.hasGap(6, undefined)).toBe(false)
    expect(tail.hasGap(0, new Set())).toBe(false)
  })

  test('C3 are remembered for topics without a message, and used again when these get one', () => {
    const log = filled({ messages: 2 }, many(5), (index) => (index === 0 ? 'a' : 'b'))
    void log.append(message('again', 'a'))
    expect([0, 1].map((cursor) => log.tail.hasGap(cursor, new Set(['a'])))).toEqual([true, false])
    expect(log.tail.walk(0, new Set(['a'])).next()).toBe(6)
  })

  test('C3 become one floor of the channel once forgotten: a gap may then be false, and is never missed', () => {
    const log = memoryLog({ messages: 1 })
    for (let index = 1; index <= 100_003; index++) void log.append(message('x', `t${index}`))
    const { tail } = log
    // Of 100,002 trimmed topics the first two are forgotten.
    const gap = (cursor: number, topic: string) => tail.hasGap(cursor, new Set([topic]))
    expect([gap(0, 't1'), gap(1, 't1'), gap(2, 't1')]).toEqual([true, true, false])
    expect([gap(1, 't2'), gap(2, 't2')]).toEqual([true, false])
    expect([gap(2, 't3'), gap(3, 't3')]).toEqual([true, false])
    expect([gap(1, 'never seen'), gap(2, 'never seen')]).toEqual([true, false])
    void log.append(message('x', 't1'))
    expect([gap(1, 't1'), gap(2, 't1'), gap(3, 't1')]).toEqual([true, false, false])
    expect(tail.walk(0, new Set(['t1'])).next()).toBe(100_004)
  })

  test('C3 a topic that came back is forgotten in the order in which it ran empty last', () => {
    const log = memoryLog({ messages: 1 })
    const topics = many(100_003).map((number) => `t${number}`)
    for (const topic of [...topics.slice(0, 3), 't1', 't2', ...topics.slice(3)]) void log.append(message('x', topic))
    const { tail } = log
    const gap = (cursor: number, topic: string) => tail.hasGap(cursor, new Set([topic]))
    // All but the last have run empty, 100,002 of them, and two are forgotten: t3, and t1, which came back as the
    // fourth message.
    expect([gap(3, 't3'), gap(4, 't3')]).toEqual([true, false])
    expect([gap(3, 't1'), gap(4, 't1')]).toEqual([true, false])
    expect([gap(4, 't2'), gap(5, 't2')]).toEqual([true, false])
    expect([gap(3, 'never seen'), gap(4, 'never seen')]).toEqual([true, false])
  })

  test('C3 begin anew when the log goes on after another position', () => {
    const log = memoryLog({ messages: 1 })
    for (const number of many(100_001)) void log.append(message('x', `before${number}`))
    const tail = ReadableTail.behind(log.tail) as KeptTail
    tail.restartAt(200_000, 0)
    for (const number of many(3)) void log.append(message('x', `t${number}`))
    const gap = (cursor: number, topic: string) => tail.hasGap(cursor, new Set([topic]))
    expect([gap(200_000, 't1'), gap(200_001, 't1')]).toEqual([true, false])
    expect([gap(199_999, 'before7'), gap(200_000, 'before7')]).toEqual([true, false])
  })

  test('C3 and the offsets of a topic stay right at any trimming', () => {
    const log = memoryLog({ messages: 700 })
    const all: { offset: number; topic: string }[] = []
    for (let offset = 1; offset <= 5_000; offset++) {
      const topic = `t${(offset * 7_919) % 13}`
      all.push({ offset, topic })
      void log.append(message(String(offset), topic))
      if (offset % 97 > 0) continue
      const { tail } = log
      for (const after of [0, tail.floor, tail.floor + 100, offset - 20, offset - 1, offset]) {
        const topics = new Set([topic, 't0', 't5'].slice(0, 1 + (offset % 3)))
        const expected = all.find((each) => each.offset > Math.max(after, tail.floor) && topics.has(each.topic))?.offset
        expect(tail.walk(after, topics).next()).toBe(expected ?? Number.POSITIVE_INFINITY)
        const lost = all.slice(0, tail.floor).some((each) => each.offset > after && topics.has(each.topic))
        expect(tail.hasGap(after, topics)).toBe(lost)
      }
    }
  })
})

describe('G1 a memory log', () => {
  test('G1 has its own epoch of at least 64 random bits', () => {
    const epochs = Array.from({ length: 100 }, () => memoryLog().idOf(0).split('-')[0] ?? '')
    expect(new Set(epochs).size).toBe(100)
    for (const epoch of epochs) expect(epoch).toMatch(/^[0-9a-f]{16,}$/)
  })

  test('G1 remembers the last 10,000 idempotency keys', async () => {
    const log = memoryLog()
    const first = await log.append(message('a'), { idempotencyKey: '0' })
    for (let index = 1; index < 10_000; index++) void log.append(message('x'), { idempotencyKey: String(index) })
    expect(await log.append(message('a'), { idempotencyKey: '0' })).toBe(first)
    void log.append(message('x'), { idempotencyKey: 'one more' })
    expect(await log.append(message('a'), { idempotencyKey: '0' })).not.toBe(first)
  })
})
