import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { type Filter, View } from '../src/lib/delivery/view.ts'
import { KeptTail } from '../src/lib/log/kept-tail.ts'
import { memoryLog } from '../src/lib/log/memory-log.ts'
import type { LogMessage, TailedLog } from '../src/lib/log/message-log.ts'
import { turn } from './support/held-sink.ts'

const SEED = Number(process.env['TIDINGS_SEED'] ?? Date.now() % 2 ** 31)

function message(data: string, key?: string, topic?: string): LogMessage {
  return { block: `data: ${data}\n`, event: 'message', data, isText: true, topic, key }
}

function viewOf(log: TailedLog, filter?: Filter, topics?: readonly string[]): View {
  return new View({ log, tail: log.tail, valueOf: ({ data }) => data }, topics && new Set(topics), filter, '')
}

/** The offsets of the messages in a batch. */
function offsetsIn(text: string): number[] {
  return [...text.matchAll(/^id: .*-(\d+)$/gm)].map(([, offset]) => Number(offset))
}

/** The batches of a reader that conflates, from a position on. */
function readAll(view: View, log: TailedLog, reader: object, from = 0): { offsets: number[]; batches: number } {
  const offsets: number[] = []
  let batches = 0
  for (let cursor = from; cursor < log.tail.head; batches++) {
    const { text, to } = view.conflatedAfter(cursor, reader)
    offsets.push(...offsetsIn(text))
    cursor = to
  }
  return { offsets, batches }
}

const FILLING = 'x'.repeat(1_000)

/** A log with a number of messages, of the same number of keys. */
function filled(count: number, keyOf = (number: number): string | undefined => `key ${number}`): TailedLog {
  const log = memoryLog({ messages: 1_000_000, bytes: 2 ** 40 })
  for (let number = 1; number <= count; number++) void log.append(message(`${number} ${count > 10_000 ? '' : FILLING}`, keyOf(number)))
  return log
}

test('C8 a batch of either kind is dropped when the head moves and the next batch is made', async () => {
  if (!global.gc) throw new Error('run with --expose-gc')
  const log = memoryLog()
  const view = viewOf(log)
  await log.append(message('1', 'k'))
  const old = [view.batchAfter(0), view.conflatedAfter(0, {})].map((batch) => new WeakRef(batch))
  await log.append(message('2', 'k'))
  view.batchAfter(1)
  await turn()
  global.gc()
  expect(old.map((batch) => batch.deref())).toEqual([undefined, undefined])
})

describe('C9 the cost of conflation', () => {
  test('C9 each message is read at most twice, for any number of batches', () => {
    const log = filled(2_000)
    const at = vi.spyOn(KeptTail.prototype, 'at')
    const { offsets, batches } = readAll(viewOf(log), log, {})
    expect(offsets).toHaveLength(2_000)
    expect(batches).toBeGreaterThan(30)
    // And the one at which each batch ends.
    expect(at.mock.calls.length).toBeGreaterThanOrEqual(2_000)
    expect(at.mock.calls.length).toBeLessThanOrEqual(2 * 2_000 + batches)
    at.mockRestore()
  })

  test('C9 a filter is called once for each message, for all readers that are behind, at any position', () => {
    const log = filled(2_000, (number) => (number % 4 === 0 ? undefined : `key ${number % 1_500}`))
    const filter = vi.fn(() => true)
    const view = viewOf(log, filter)
    const readers = [1_990, 1_500, 700, 0, 1_200].map((from) => ({ from }))
    for (const reader of readers) {
      const { offsets } = readAll(view, log, reader, reader.from)
      expect(offsets.at(-1)).toBe(2_000)
    }
    // One without a key is asked about by each batch that it is in.
    expect(new Set(filter.mock.calls.flat().map((asked) => (asked as { id: string }).id)).size).toBe(2_000)
    const keyed = filter.mock.calls.flat().filter((asked) => Number((asked as { id: string }).id.split('-')[1]) % 4 > 0)
    expect(keyed).toHaveLength(1_500)
    // What comes now is all that is looked at.
    for (let number = 0; number < 10; number++) void log.append(message(`more ${number}`, 'key 7'))
    filter.mockClear()
    expect(readAll(view, log, readers[0] as object, 2_000).offsets).toEqual([2_010])
    expect(filter).toHaveBeenCalledTimes(10)
  })

  test('C9 nothing is kept once no reader is behind, or after the log of a view has changed', () => {
    const log = filled(100)
    const filter = vi.fn(() => true)
    const view = viewOf(log, filter)
    const asks = (act: () => unknown): number => {
      filter.mockClear()
      act()
      return filter.mock.calls.length
    }
    const [one, other] = [{}, {}]
    // One more, or what was made for the same cursor would be given.
    const next = (reader: object) => (): unknown => {
      void log.append(message('next', 'n'))
      return readAll(view, log, reader)
    }
    expect(asks(next(one))).toBe(101)
    expect(asks(next(other))).toBe(1)
    view.caughtUp(one)
    view.caughtUp({})
    expect(asks(next(other))).toBe(1)
    view.caughtUp(other)
    expect(asks(next(one))).toBe(104)
    view.forget()
    expect(asks(next(one))).toBe(105)
  })

  test('C9 all views together keep a bounded number of keys, and the views that began first look again', () => {
    const count = 100_000
    const log = filled(count)
    const filters = [0, 1, 2].map(() => vi.fn(() => true))
    const views = filters.map((filter) => viewOf(log, filter))
    const readers = views.map(() => ({}))
    const head = (): number => log.tail.head
    const look = (index: number): number => {
      void log.append(message('next', 'n'))
      filters[index]?.mockClear()
      views[index]?.conflatedAfter(head() - 1_000, readers[index] as object)
      return filters[index]?.mock.calls.length ?? 0
    }
    for (const [index, view] of views.entries()) {
      const { text } = view.conflatedAfter(0, readers[index] as object)
      expect(offsetsIn(text)[0]).toBe(1)
    }
    expect(filters.map((filter) => filter.mock.calls.length)).toEqual([count, count, count])
    expect([look(1), look(2), look(0)]).toEqual([1, 2, 1_000])
    for (const [index, view] of views.entries()) view.caughtUp(readers[index] as object)
  })

  test('C9 keys without a kept message are forgotten, and take no room', () => {
    const [small, log] = [filled(100), memoryLog({ messages: 100 })]
    const filter = vi.fn(() => true)
    const [first, view] = [viewOf(small, filter), viewOf(log)]
    const reader = {}
    first.conflatedAfter(0, reader)
    for (let number = 1; number <= 300_000; number++) {
      void log.append(message('x', `key ${number}`))
      if (number % 50 === 0) view.conflatedAfter(log.tail.floor, reader)
    }
    void small.append(message('x', 'n'))
    filter.mockClear()
    first.conflatedAfter(0, reader)
    expect(filter).toHaveBeenCalledTimes(1)
    for (const each of [first, view]) each.caughtUp(reader)
  })
})

describe('C9 the result of conflation', () => {
  type Step = { do: 'append'; key: string | undefined; topic: string; size: number; value: number } | { do: 'read' | 'join'; reader: number; share: number }
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('append' as const),
        key: fc.constantFrom('x', 'y', 'z', undefined),
        topic: fc.constantFrom('a', 'b', 'c'),
        size: fc.constantFrom(1, 10, 25_000, 50_000, 70_000),
        value: fc.nat({ max: 9 }),
      }),
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('read' as const), reader: fc.nat({ max: 3 }), share: fc.constant(0) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('join' as const), reader: fc.nat({ max: 3 }), share: fc.double({ min: 0, max: 1, noNaN: true }) }) },
  )
  interface Place {
    from: number
    cursor: number
    got: number[]
  }

  test(`C9 is every message that no newer one supersedes, in batches, at several positions, while messages come and go (seed ${SEED})`, () => {
    let [batches, skipped] = [0, 0]
    fc.assert(
      fc.property(
        fc.constantFrom<string[] | undefined>(undefined, ['a', 'b'], ['c']),
        fc.boolean(),
        fc.integer({ min: 3, max: 60 }),
        fc.array(step, { minLength: 20, maxLength: 120, size: 'max' }),
        (topics, filters, messages, steps) => {
          const log = memoryLog({ messages })
          const { tail } = log
          const appended: { offset: number; key: string | undefined }[] = []
          const view = viewOf(log, filters ? ({ data }) => !String(data).startsWith('0') : undefined, topics)
          const places: Place[] = [0, 1, 2, 3].map(() => ({ from: 0, cursor: 0, got: [] }))
          const join = (place: Place, from: number): void => void Object.assign(place, { from, cursor: from, got: [] })
          const read = (place: Place): void => {
            if (view.hasGap(place.cursor)) join(place, tail.floor)
            if (place.cursor === tail.head) return
            const batch = view.conflatedAfter(place.cursor, place)
            batches++
            expect(batch.to).toBeGreaterThan(place.cursor)
            place.got.push(...offsetsIn(batch.text))
            place.cursor = batch.to
            if (place.cursor === tail.head) view.caughtUp(place)
          }
          for (const next of steps) {
            const place = next.do === 'append' ? undefined : (places[next.reader] as Place)
            if (next.do === 'append') {
              const { key, topic, size, value } = next
              void log.append(message(`${value}${'.'.repeat(size)}`, key, topic))
              if ((!topics || topics.includes(topic)) && (!filters || value > 0)) appended.push({ offset: tail.head, key })
            } else if (place && next.do === 'read') read(place)
            else if (place) join(place, tail.floor + Math.round((tail.head - tail.floor) * next.share))
          }
          for (const place of places) {
            while (place.cursor < tail.head) read(place)
            const wanted = appended.filter(({ offset }) => offset > place.from)
            expect(place.got).toEqual([...new Set(place.got)].sort((a, b) => a - b))
            expect(place.got.filter((offset) => !wanted.some((each) => each.offset === offset))).toEqual([])
            for (const { offset, key } of wanted) {
              if (place.got.includes(offset)) continue
              skipped++
              const newer = wanted.findLast((each) => each.key === key)?.offset ?? 0
              expect([key === undefined, newer > offset && place.got.includes(newer)], `${offset} was skipped`).toEqual([false, true])
            }
          }
        },
      ),
      { numRuns: 120, seed: SEED },
    )
    expect(batches).toBeGreaterThan(2_000)
    expect(skipped).toBeGreaterThan(200)
  })
})
