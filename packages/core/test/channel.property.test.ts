import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { countOf } from '../../testing/src/lib/count-of.ts'
import { BookkeepingClient, type ClientOptions, evenOnes, World } from './support/channel-world.ts'
import { turn } from './support/held-sink.ts'
import { flushed, type Joined, openChannel } from './support/joined-channel.ts'
import { EventStreamParser } from './support/parsers.ts'

/** `TIDINGS_RUNS=100000 npx vitest run channel.property` runs longer, and `TIDINGS_SEED` repeats a run. */
const RUNS = Number(process.env['TIDINGS_RUNS'] ?? countOf(1_200))
const SEED = Number(process.env['TIDINGS_SEED'] ?? Date.now() % 2 ** 31)

// The clock stands still, so that no run is paced, and each seed gives one course of events.
beforeEach(() => void vi.spyOn(performance, 'now').mockReturnValue(0))
afterEach(() => void vi.restoreAllMocks())

const TOPICS = ['a', 'b', 'c', 'd']
const MOST_CLIENTS = 6

type Step =
  | { do: 'publish'; topic: string | undefined; size: number; count: number }
  | { do: 'tell'; topic: string | undefined; count: number }
  | { do: 'turn' }
  | { do: 'restart' }
  | { do: 'connect'; client: number }
  | { do: 'take' | 'drop'; client: number; bytes: number }

const client = fc.nat({ max: MOST_CLIENTS - 1 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant('publish' as const),
      topic: fc.option(fc.constantFrom(...TOPICS), { nil: undefined }),
      size: fc.oneof({ weight: 500, arbitrary: fc.nat({ max: 60 }) }, { weight: 1, arbitrary: fc.integer({ min: 10_000, max: 40_000 }) }),
      count: fc.integer({ min: 1, max: 5 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('tell' as const),
      topic: fc.option(fc.constantFrom(...TOPICS), { nil: undefined }),
      count: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 10, arbitrary: fc.constant({ do: 'turn' as const }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('connect' as const), client }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('take' as const), client, bytes: fc.nat({ max: 400 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('drop' as const), client, bytes: fc.nat({ max: 300 }) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'restart' as const }) },
)

const history = fc
  .record(
    {
      messages: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constant(1_000)),
      // An eighth of them remembers the floors of all topics: no gap is false then.
      bytes: fc.oneof(fc.integer({ min: 5_000, max: 15_000 }), fc.constant(100_000)),
    },
    { requiredKeys: [] },
  )
  .map(({ messages, bytes }) => ({ messages, bytes }))

const clientOptions: fc.Arbitrary<ClientOptions> = fc.record({
  topics: fc.option(fc.subarray(TOPICS, { minLength: 0 }), { nil: undefined }),
  filter: fc.oneof(
    fc.constant(undefined),
    fc.constant(evenOnes),
    fc.constant(1).map(() => (message: Parameters<typeof evenOnes>[0]) => evenOnes(message)),
  ),
  after: fc.constantFrom(undefined, 'start' as const),
  snapshot: fc.constantFrom('none', 'none', 'none', 'sync', 'async', 'says after', 'says an old after'),
  lag: fc.constantFrom('reset', 'reset', 'close'),
  capacity: fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.nat({ max: 500 })),
  framed: fc.boolean(),
})

async function play(world: World, clients: BookkeepingClient[], steps: Step[]): Promise<void> {
  const poll = (): void => {
    for (const each of clients) each.poll()
  }
  for (const each of clients) each.connect()
  for (const next of steps) {
    if (next.do === 'publish') for (let count = next.count; count > 0; count--) world.publish(next.topic, next.size + count)
    else if (next.do === 'tell') for (let count = next.count; count > 0; count--) world.tell(next.topic)
    else if (next.do === 'turn') await turn()
    else if (next.do === 'restart') {
      for (const each of clients) each.drop(0)
      world.restart()
    } else if (next.do === 'connect') clients[next.client % clients.length]?.connect()
    else clients[next.client % clients.length]?.[next.do](next.bytes)
    poll()
  }
  // Then nothing happens any more but that all come back and read what there is.
  for (let round = 0; round < 12; round++) {
    for (const each of clients) {
      each.connect()
      each.take(Number.POSITIVE_INFINITY)
    }
    await flushed()
    poll()
  }
  for (const each of clients) each.isComplete()
}

describe('C2 in any course of events', () => {
  const total = { messages: 0, resets: 0, snapshots: 0, drops: 0, told: 0 }

  test(`C1 C2 C3 C14 each client gets its messages once and in order, or a reset where some may be gone (seed ${SEED})`, {
    timeout: 60_000 + RUNS * 50,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(
        history,
        fc.constantFrom(true, true, false),
        fc.array(clientOptions, { minLength: 1, maxLength: MOST_CLIENTS }),
        fc.array(step, { minLength: 20, maxLength: 120, size: 'max' }),
        async (bounds, position, options, steps) => {
          const world = new World(bounds, position)
          // Without positions nothing says where a snapshot ends.
          const each = position ? options : options.map((option) => ({ ...option, snapshot: 'none' as const }))
          await play(
            world,
            each.map((option) => new BookkeepingClient(world, option)),
            steps,
          )
          const failures = world.errors.filter((error) => (error as { code?: string }).code !== 'ERR_SSE_GAP')
          expect(failures).toEqual([])
          world.channel.close()
          expect(world.channel.subscribers).toBe(0)
          for (const name of ['messages', 'resets', 'snapshots', 'drops', 'told'] as const) total[name] += world.seen[name]
        },
      ),
      { numRuns: RUNS, seed: SEED },
    )
    // Runs of this length must show enough cases to prove something.
    expect(total.messages).toBeGreaterThan(RUNS * 10)
    expect(total.resets).toBeGreaterThan(RUNS)
    expect(total.snapshots).toBeGreaterThan(RUNS / 4)
    expect(total.drops).toBeGreaterThan(RUNS)
    expect(total.told).toBeGreaterThan(RUNS)
  })
})

describe('C9 conflation', () => {
  type Move =
    | { do: 'publish'; key: string | undefined; topic: string; value: number; count: number }
    | { do: 'flush' | 'hold' | 'take' }
    | { do: 'drop'; share: number }

  const move: fc.Arbitrary<Move> = fc.oneof(
    {
      weight: 10,
      arbitrary: fc.record({
        do: fc.constant('publish' as const),
        key: fc.constantFrom('x', 'y', 'z', undefined),
        topic: fc.constantFrom('a', 'b', 'c'),
        value: fc.nat({ max: 9 }),
        count: fc.integer({ min: 1, max: 3 }),
      }),
    },
    { weight: 8, arbitrary: fc.constant({ do: 'flush' as const }) },
    { weight: 3, arbitrary: fc.constant({ do: 'hold' as const }) },
    { weight: 3, arbitrary: fc.constant({ do: 'take' as const }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('drop' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }) },
  )
  interface Price {
    key: string | undefined
    value: number
    topic: string
    offset: number
  }

  test(`C9 a reader that was behind ends in the same state as one that never was, and its ids are exact (seed ${SEED})`, async () => {
    let skipped = 0
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom<string[] | undefined>(undefined, ['a', 'b']),
        fc.boolean(),
        fc.array(move, { minLength: 10, maxLength: 60, size: 'max' }),
        async (topics, filters, moves) => {
          const { channel, join, id } = openChannel()
          const filter = filters ? ({ data }: { data: unknown }) => (data as Price).value % 3 !== 0 : undefined
          const published: Price[] = []
          const got: number[] = []
          let lastEventId = id(0)
          let parser = new EventStreamParser()
          let read = 0
          const connect = (): Joined => {
            const next = join({ topics, filter, lag: 'conflate' }, lastEventId)
            parser = new EventStreamParser()
            read = 0
            return next
          }
          let joined = connect()
          /** Reads a share of the waiting bytes. */
          const receive = (share: number): void => {
            const before = parser.events.length
            const bytes = new TextEncoder().encode(joined.text)
            const end = read + Math.round((bytes.length - read) * share)
            parser.feed(bytes.subarray(read, end))
            read = end
            for (const { data, lastEventId: last } of parser.events.slice(before)) {
              const { offset } = JSON.parse(data) as Price
              expect(last).toBe(id(offset))
              got.push(offset)
            }
            lastEventId = parser.lastEventId || lastEventId
          }
          for (const next of moves) {
            if (next.do === 'publish') {
              for (let count = 0; count < next.count; count++) {
                const { key, topic, value } = next
                const data = { key, topic, value: (value + count) % 10, offset: published.length + 1 }
                published.push(data)
                void channel.publish({ data }, { topic, key })
              }
            } else if (next.do === 'flush') await flushed()
            else if (next.do === 'drop') {
              receive(next.share)
              joined.sink.leave()
              joined = connect()
            } else joined.sink[next.do]()
          }
          await flushed()
          joined.sink.take()
          receive(1)
          const wanted = published.filter(({ topic, value }) => (!topics || topics.includes(topic)) && (!filter || value % 3 !== 0))
          expect(got).toEqual([...new Set(got)].sort((a, b) => a - b))
          expect(got.filter((offset) => !wanted.some((price) => price.offset === offset))).toEqual([])
          // For each message that it did not get, it got a newer one of that key.
          for (const { offset, key } of wanted) {
            if (got.includes(offset)) continue
            skipped++
            const newer = wanted.findLast((price) => price.key === key)?.offset ?? 0
            expect([key === undefined, newer > offset && got.includes(newer)], `${offset} was skipped`).toEqual([false, true])
          }
          channel.close()
        },
      ),
      { numRuns: Math.min(RUNS, 400), seed: SEED },
    )
    expect(skipped).toBeGreaterThan(Math.min(RUNS, 400) / 4)
  })

  test('C9 gives the newest message of each key that the reader asked for, in order, and all messages without a key', async () => {
    const { channel, join, id } = openChannel()
    const { sink } = join({ topics: ['a', 'b'], filter: ({ data }) => data !== 'x3', lag: 'conflate' })
    const plain = join({ topics: ['a', 'b'] })
    sink.hold()
    plain.sink.hold()
    await channel.publish('first', { topic: 'a' })
    await flushed()
    for (const [data, topic, key] of [
      ['x1', 'a', 'x'],
      ['y1', 'a', 'y'],
      ['none', 'a', undefined],
      ['x2', 'b', 'x'],
      ['x3', 'b', 'x'],
      ['y2', 'c', 'y'],
    ] as const)
      await channel.publish(data, { topic, key })
    await flushed()
    sink.take()
    expect(sink.frames.slice(3)).toEqual([`data: y1\nid: ${id(3)}\n\ndata: none\nid: ${id(4)}\n\ndata: x2\nid: ${id(5)}\n\n`])
    plain.sink.take()
    expect(plain.sink.frames.slice(3).join('').split('data: ')).toHaveLength(6)
    // At the head again, it gets all messages.
    await channel.publish('y3', { topic: 'a', key: 'y' })
    await channel.publish('y4', { topic: 'a', key: 'y' })
    await flushed()
    expect(sink.frames.at(-1)).toBe(`data: y3\nid: ${id(8)}\n\ndata: y4\nid: ${id(9)}\n\n`)
  })
})

describe('C17 ends by topic', () => {
  const moves = fc.array(fc.record({ topic: fc.constantFrom('a', 'b', 'c', undefined), value: fc.nat({ max: 9 }), flush: fc.boolean() }), {
    minLength: 1,
    maxLength: 40,
  })

  test(`C17 a client that ignores ids alone has had all once it has the last message that it asked for (seed ${SEED})`, async () => {
    let returns = 0
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          topics: fc.option(fc.subarray(TOPICS, { minLength: 0 }), { nil: undefined }),
          filter: fc.constantFrom(undefined, ({ data }: { data: unknown }) => (data as { value: number }).value % 3 !== 0),
          after: fc.constantFrom(undefined, 'start' as const),
        }),
        fc.constantFrom(3, 1_000),
        moves,
        fc.nat({ max: 40 }),
        async (options, messages, published, leavesAt) => {
          const { channel, join, errors } = openChannel({ history: { messages } })
          const got: number[] = []
          let resets = 0
          let lastEventId = ''
          const read = ({ text }: Joined): void => {
            const parser = new EventStreamParser()
            for (const block of text.split(/(?<=\n\n)/)) {
              const before = parser.events.length
              parser.feed(new TextEncoder().encode(block))
              const [event] = parser.events.slice(before)
              if (!event) continue
              // Only what dispatches moves it.
              lastEventId = event.lastEventId
              if (event.type === 'reset') resets++
              else got.push((JSON.parse(event.data) as { n: number }).n)
            }
          }
          const first = join(options)
          for (const [n, { topic, value, flush }] of published.entries()) {
            if (n === leavesAt) first.sink.leave()
            void channel.publish({ data: { n, value } }, { topic })
            if (flush) await flushed()
          }
          await flushed()
          const goesOn = leavesAt >= published.length
          channel.end()
          await flushed()
          read(first)
          const isKnown = goesOn || lastEventId !== ''
          for (let times = 0; !(await channel.ended(lastEventId, options)); times++) {
            expect(times).toBeLessThan(2)
            returns++
            read(join(options, lastEventId))
          }
          expect([...got].sort((a, b) => a - b)).toEqual([...new Set(got)])
          const { topics, filter } = options
          const wanted = [...published.entries()].filter(
            ([n, { topic, value }]) => (!topics || (topic !== undefined && topics.includes(topic))) && (filter?.({ data: { n, value } }) ?? true),
          )
          // A client that left before it had an id reconnects as a new client.
          if (resets === 0 && isKnown) expect(got).toEqual(wanted.map(([n]) => n))
          expect(errors).toEqual([])
        },
      ),
      // Few clients reconnect, so these are less than a tenth.
      { numRuns: 400, seed: SEED },
    )
    expect(returns).toBeGreaterThan(400 / 20)
  })
})
