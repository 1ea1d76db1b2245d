import { afterEach, describe, expect, test, vi } from 'vitest'
import { type After, metrics, type SubscribeOptions } from '../src/index.ts'
import { memoryLog } from '../src/lib/log/memory-log.ts'
import type { EnginePage } from '../src/log.ts'
import { Store } from './support/faulty-engine.ts'
import { turn } from './support/held-sink.ts'
import { flushed, type Opened, openChannel } from './support/joined-channel.ts'
import { closeMachines, type Machine, machine } from './support/machine.ts'
import { randomOf } from './support/random.ts'
import { pickerOf, runsOf, SEED } from './support/random-runs.ts'

afterEach(async () => {
  vi.restoreAllMocks()
  await closeMachines()
})

const BAD: unknown[] = [
  null,
  7,
  true,
  () => 1,
  [],
  {},
  { last: 1, within: 1 },
  { latest: 1 },
  { last: 1, of: 'a' },
  { last: 0 },
  { last: -1 },
  { last: 1.5 },
  { last: '5' },
  { last: Number.POSITIVE_INFINITY },
  { within: 0 },
  { within: -1 },
  { within: Number.NaN },
  { within: Number.POSITIVE_INFINITY },
  { within: '5' },
  { last: undefined },
]

const numbers = (from: number, to: number): number[] => Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index)

describe('C18 the last messages of a log in memory', () => {
  /** Ten messages, by turns of the topics a, b and none. */
  async function ten(history = {}): Promise<Opened<Record<string, unknown>>> {
    const opened = openChannel({ history })
    for (let number = 1; number <= 10; number++) await opened.channel.publish(`${number}`, { topic: [undefined, 'a', 'b'][number % 3] })
    return opened
  }
  const dataIn = (text: string): string[] => [...text.matchAll(/^data: (.*)$/gm)].map(([, data = '']) => data)

  test('C18 C4 a new client gets its position, the last ones of all topics, and then what is published', async () => {
    const { channel, join, id } = await ten()
    const client = join({ after: { last: 2 } })
    expect(client.text).toBe(`id: ${id(8)}\n\ndata: 9\nid: ${id(9)}\n\ndata: 10\nid: ${id(10)}\n\n`)
    expect(client.subscription.lastEventId).toBe(id(10))
    await channel.publish('11')
    await flushed()
    expect(dataIn(client.text)).toEqual(['9', '10', '11'])
  })

  test.each<[string, SubscribeOptions, string[]]>([
    ['of one topic', { topics: ['a'], after: { last: 2 } }, ['7', '10']],
    ['of two topics', { topics: ['a', 'b'], after: { last: 3 } }, ['7', '8', '10']],
    ['of a topic that has none', { topics: ['c'], after: { last: 2 } }, []],
    ['of a topic that has fewer', { topics: ['b'], after: { last: 20 } }, ['2', '5', '8']],
    ['of all, where it has fewer', { after: { last: 1e15 } }, ['1', '2', '3', '4', '5', '6', '7', '8', '9', '10']],
    ['of a topic, and of those what passes the filter', { topics: ['a'], after: { last: 2 }, filter: ({ data }) => data !== '7' }, ['10']],
    ['and no snapshot', { after: { last: 1 }, snapshot: () => 'state' }, ['10']],
  ])('C18 the last ones %s', async (_, options, expected) => {
    const { join } = await ten()
    expect(dataIn(join(options).text)).toEqual(expected)
  })

  test('C18 the last kept ones: what the history has dropped makes no gap', async () => {
    const { join, id } = await ten({ messages: 4 })
    expect(join({ after: { last: 9 } }).text).toMatch(new RegExp(`^id: ${id(6)}\n\ndata: 7\n`))
    expect(dataIn(join({ topics: ['a'], after: { last: 3 } }).text)).toEqual(['7', '10'])
  })

  test('C18 an empty log has none, and a client gets what is published next', async () => {
    const { channel, join, id } = openChannel()
    const clients = [join({ after: { last: 3 } }), join({ after: { within: 1 } })]
    await channel.publish('first')
    await flushed()
    for (const { text } of clients) expect(text).toBe(`id: ${id(0)}\n\ndata: first\nid: ${id(1)}\n\n`)
  })

  test('C18 C2 a client that comes back with an id goes on from there, or is told', async () => {
    const { join, id } = await ten()
    expect(dataIn(join({ after: { last: 2 } }, id(4)).text)).toEqual(['5', '6', '7', '8', '9', '10'])
    expect(dataIn(join({ after: { within: 60_000 } }, id(9)).text)).toEqual(['10'])
    expect(join({ after: { last: 2 } }, 'of another log').text).toMatch(/^event: reset\ndata: \{"reason":"unknown"/)
  })

  test("C18 those of the last milliseconds, by the log's clock", async () => {
    let present = 1_000_000
    vi.spyOn(Date, 'now').mockImplementation(() => present)
    const { channel, join } = openChannel()
    for (let number = 1; number <= 10; number++) {
      present += 1_000
      await channel.publish(`${number}`, { topic: number % 2 === 0 ? 'even' : 'odd' })
    }
    const within = (milliseconds: number, options: SubscribeOptions = {}): string[] => dataIn(join({ ...options, after: { within: milliseconds } }).text)
    expect(within(2_500)).toEqual(['8', '9', '10'])
    expect(within(2_500, { topics: ['odd'] })).toEqual(['9'])
    expect(within(60_000)).toEqual(['1', '2', '3', '4', '5', '6', '7', '8', '9', '10'])
    present += 10_000
    expect(within(2_500)).toEqual([])
    expect(within(11_500)).toEqual(['9', '10'])
  })

  test('C18 C12 messages() begins with them, counted back from its call', async () => {
    const { channel } = await ten()
    const iterators = [
      channel.messages({ after: { last: 2 } }),
      channel.messages({ topics: ['a'], after: { last: 1 } }),
      channel.messages({ after: { within: 60_000 } }),
    ]
    for (let number = 11; number <= 20; number++) await channel.publish(`${number}`, { topic: 'a' })
    channel.end()
    const read: string[][] = []
    for (const messages of iterators) {
      const data: string[] = []
      for await (const message of messages) data.push(message.data as string)
      read.push(data)
    }
    const later = ['11', '12', '13', '14', '15', '16', '17', '18', '19', '20']
    expect(read).toEqual([
      ['9', '10', ...later],
      ['10', ...later],
      ['1', '2', '3', '4', '5', '6', '7', '8', '9', '10', ...later],
    ])
  })

  test('C18 C10 ended() is false for a client that would begin with a message', async () => {
    const { channel } = await ten()
    expect(await channel.ended('', { after: { last: 1 } })).toBe(false)
    channel.end()
    const ended = (options: Parameters<typeof channel.ended>[1]): Promise<boolean> => channel.ended('', options)
    expect(await Promise.all([ended({ after: { last: 1 } }), ended({ after: { within: 60_000 } }), ended({ topics: ['a'], after: { last: 1 } })])).toEqual([
      false,
      false,
      false,
    ])
    expect(await Promise.all([ended({}), ended({ topics: ['c'], after: { last: 1 } }), ended({ topics: ['c'], after: { within: 60_000 } })])).toEqual([
      true,
      true,
      true,
    ])
  })

  test('C18 C10 on an ended channel a new client gets them, and is told to come back as usual', async () => {
    const { channel, join } = await ten()
    channel.end()
    const { replayed } = metrics().channels
    const { text } = join({ after: { last: 2 } })
    expect(dataIn(text)).toEqual(['9', '10'])
    expect(Number(/^retry: (\d+)$/m.exec(text)?.[1])).toBeLessThan(300_000)
    expect(metrics().channels.replayed - replayed).toBe(2)
  })

  test('C18 a beginning that cannot be is refused at the call, also for a client that comes back', async () => {
    const { channel, join, id } = openChannel()
    const refused = expect.objectContaining({ code: 'ERR_SSE_INVALID_OPTION', message: expect.stringMatching(/after/) })
    for (const each of BAD) {
      const after = each as After
      expect(() => join({ after }), String(each)).toThrow(refused)
      expect(() => join({ after }, id(0)), String(each)).toThrow(refused)
      expect(() => channel.messages({ after }), String(each)).toThrow(refused)
      await expect(channel.ended('', { after }), String(each)).rejects.toEqual(refused)
    }
    expect(channel.subscribers).toBe(0)
    expect(() => join({ after: { last: 1, within: 1 } as never })).toThrow('{ last: messages } or { within: milliseconds }')
    expect(() => join({ after: { last: '5' } as never })).toThrow('{ within: milliseconds } with a number above 0, got "5"')
  })

  test('C18 C8 the last ones of a rare topic cost no walk over the rest', async () => {
    const log = memoryLog({ messages: 100_000, bytes: 1e9 })
    const { channel, join } = openChannel({ log })
    for (let number = 1; number <= 50_000; number++) void channel.publish(`${number}`, { topic: number % 10_000 === 1 ? 'rare' : 'other' })
    await flushed()
    const at = vi.spyOn(Object.getPrototypeOf(log.tail), 'at')
    expect(dataIn(join({ topics: ['rare'], after: { last: 2 } }).text)).toEqual(['30001', '40001'])
    expect(at.mock.calls.length).toBeLessThan(20)
    at.mockClear()
    expect(dataIn(join({ topics: ['rare'], after: { within: 3_600_000 } }).text)).toHaveLength(5)
    expect(at.mock.calls.length).toBeLessThan(40)
  })
})

describe('C18 the last messages of a log on an engine', () => {
  const COUNT = 300

  async function publish({ channel }: Machine, from: number, to: number): Promise<void> {
    await Promise.all(numbers(from, to).map((number) => channel.publish(`${number}`, { topic: number % 50 === 0 ? 'rare' : 'other' })))
  }

  /** A process whose tail has the last two of 300 messages, and reads them back in pages of ten. */
  async function far(history = {}): Promise<{ here: Machine; there: Machine; store: Store }> {
    const store = new Store()
    const there = machine(store)
    await publish(there, 1, 200)
    store.clock += 100_000
    await publish(there, 201, COUNT)
    const here = machine(store, { tail: { messages: 2 }, history })
    here.engine.mostEntries = 10
    await here.log.read(COUNT, 1)
    return { here, there, store }
  }
  const dataOf = ({ lines }: { lines(): string[] }): string[] => lines().flatMap((line) => (/^\d+@/.test(line) ? [line.slice(0, line.indexOf('@'))] : []))

  test.each<[string, SubscribeOptions, number[]]>([
    ['in the tail', { after: { last: 2 } }, [299, 300]],
    ['in pages', { after: { last: 45 } }, numbers(256, 300)],
    ['of all, where there are fewer', { after: { last: 1_000 } }, numbers(1, 300)],
    ['of a topic', { topics: ['rare'], after: { last: 3 } }, [200, 250, 300]],
    ['of a topic that has none', { topics: ['none'], after: { last: 3 } }, []],
    ['of the last milliseconds', { after: { within: 50_000 } }, numbers(201, 300)],
    ['of the last milliseconds and a topic', { topics: ['rare'], after: { within: 50_000 } }, [250, 300]],
    ['of all, in time', { topics: ['rare'], after: { within: 10_000_000 } }, [50, 100, 150, 200, 250, 300]],
  ])('C18 G5 the last ones %s, for a stream, messages() and ended()', async (_, options, expected) => {
    const { here } = await far()
    const client = here.join(options)
    const { topics, after } = options
    const messages = here.channel.messages({ topics, after })
    const read: string[] = []
    const reading = (async () => {
      for await (const { data } of messages) read.push(data as string)
    })()
    await here.channel.publish('301', { topic: 'rare' })
    if (topics?.[Symbol.iterator]().next().value === 'none') await here.channel.publish('302', { topic: 'none' })
    const all = [...expected, topics && expected.length === 0 ? 302 : 301].map(String)
    await expect.poll(() => dataOf(client)).toEqual(all)
    await expect.poll(() => read).toEqual(all)
    expect(client.lines()[0]).toMatch(/^@\d+$/)
    here.channel.end()
    await reading
    expect(await here.channel.ended('', { topics, after })).toBe(false)
    expect(here.errors).toEqual([])
  })

  test('C18 C16 they are counted back from the call, and what the process publishes after it follows', async () => {
    const { store } = await far()
    const here = machine(store, { tail: { messages: 2 } })
    here.engine.mostEntries = 10
    here.engine.cut()
    const clients = [here.join({ after: { last: 3 } }), here.join({ topics: ['rare'], after: { last: 1 } }), here.join({ after: { within: 50_000 } })]
    const messages = here.channel.messages({ after: { last: 3 } })
    for (const { subscription } of clients) expect(subscription.lastEventId).toBe('')
    const published = publish(here, 301, 350)
    here.engine.connect()
    await published
    const expected = [numbers(298, 350), [300, 350], numbers(201, 350)]
    await expect.poll(() => clients.map(dataOf)).toEqual(expected.map((each) => each.map(String)))
    for (const number of numbers(298, 350)) expect((await messages.next()).value?.data).toBe(`${number}`)
    await messages.return?.()
  })

  test('C18 C3 what the engine has dropped makes no gap for a new client', async () => {
    const { here, there, store } = await far()
    store.trim(55)
    const asked: SubscribeOptions[] = [
      { after: { last: 100 } },
      { topics: ['rare'], after: { last: 3 } },
      { after: { within: 10_000_000 } },
      { after: { last: 55 } },
    ]
    const clients = asked.map((options) => here.join(options))
    const kept = numbers(246, 300).map(String)
    await expect.poll(() => clients.map(dataOf)).toEqual([kept, ['250', '300'], kept, kept])
    for (const { lines } of clients) expect(lines().join()).not.toMatch(/reset/)
    const { here: bounded } = await far({ messages: 20 })
    const client = bounded.join({ after: { last: 100 } })
    await expect.poll(() => dataOf(client)).toEqual(numbers(281, 300).map(String))
    there.channel.close()
  })

  test('C18 C3 a client is told when the engine loses, while it looks back, what it begins with', async () => {
    const { here, store } = await far()
    const read = here.engine.read.bind(here.engine)
    let pages = 0
    vi.spyOn(here.engine, 'read').mockImplementation(async (direction, position, limit) => {
      if (position.offset < COUNT - 20 && pages++ === 0) {
        store.loseAll()
        here.engine.cut()
        here.engine.connect()
      }
      return read(direction, position, limit)
    })
    const client = here.join({ after: { last: 100 } })
    const messages = here.channel.messages({ topics: ['rare'], after: { last: 5 } })
    await expect(messages.next()).rejects.toMatchObject({ code: 'ERR_SSE_GAP' })
    await here.channel.publish('new')
    await expect.poll(() => client.lines()).toEqual([expect.stringMatching(/^reset lost@/), 'new@1'])
    expect(client.subscription.lastEventId).toBe(here.log.idOf(1))
  })

  test('C18 G5 clients that begin at once share the pages, and a client that leaves has none read for it', async () => {
    const { here } = await far()
    const read = vi.spyOn(here.engine, 'read')
    const clients = Array.from({ length: 100 }, () => here.join({ topics: ['rare'], after: { last: 2 } }))
    await expect.poll(() => clients.map(dataOf)).toEqual(clients.map(() => ['250', '300']))
    const shared = read.mock.calls.length
    expect(shared).toBeLessThan(10)
    const left = here.join({ topics: ['rare'], after: { last: 6 } })
    const messages = here.channel.messages({ topics: ['rare'], after: { last: 6 } })
    const first = messages.next()
    left.stream.close()
    await messages.return?.()
    expect(await first).toEqual({ done: true, value: undefined })
    for (let turns = 0; turns < 50; turns++) await turn()
    expect(read.mock.calls.length).toBeLessThanOrEqual(shared + 2)
  })

  test('C18 a client that waits for its pages is told no position, and none is read once it has all', async () => {
    const { here } = await far()
    const read = here.engine.read.bind(here.engine)
    let answer = (): void => {}
    const held = new Promise<void>((resolve) => {
      answer = resolve
    })
    vi.spyOn(here.engine, 'read').mockImplementation(async (...asked): Promise<EnginePage> => {
      await held
      return read(...asked)
    })
    const client = here.join({ after: { last: 20 } })
    await turn()
    expect([client.lines(), client.subscription.lastEventId]).toEqual([[], ''])
    answer()
    await expect.poll(() => dataOf(client)).toEqual(numbers(281, 300).map(String))
    expect(client.subscription.lastEventId).toBe(here.log.idOf(COUNT))
  })

  test('C18 C8 no page is read where the tail knows that the topics have no older messages', async () => {
    const store = new Store()
    const here = machine(store, { tail: { messages: 2 } })
    await here.log.read(0, 1)
    await publish(here, 1, 60)
    const read = vi.spyOn(here.engine, 'read')
    const clients = [here.join({ topics: ['none'], after: { last: 3 } }), here.join({ topics: ['none'], after: { within: 50_000 } })]
    for (const { lines } of clients) expect(lines()).toHaveLength(1)
    expect(read).not.toHaveBeenCalled()
  })

  test.each([
    [19, numbers(300, 319).map(String), /^@299$/],
    [30, numbers(311, 330).map(String), /^reset lagged@310$/],
  ])('C18 C16 where %i messages come while it looks back, it begins within the history, and is told of those that are gone', async (count, expected, first) => {
    const { here, there } = await far({ messages: 20 })
    const read = here.engine.read.bind(here.engine)
    let answer = (): void => {}
    const held = new Promise<void>((resolve) => {
      answer = resolve
    })
    vi.spyOn(here.engine, 'read').mockImplementation(async (...asked): Promise<EnginePage> => {
      if (asked[0] === 'before') await held
      return read(...asked)
    })
    const client = here.join({ after: { last: 20 } })
    await publish(there, 301, 300 + count)
    await expect.poll(() => here.log.tail.head).toBe(300 + count)
    answer()
    await expect.poll(() => dataOf(client).at(-1)).toBe(`${300 + count}`)
    expect(dataOf(client)).toEqual(expected)
    expect(client.lines()[0]).toMatch(first)
  })

  test('C18 for any history, topics, tail and pages, a client begins with exactly what was asked for', async () => {
    for (let run = 0; run < runsOf(40); run++) {
      const seed = SEED + run
      const random = randomOf(seed)
      const pick = pickerOf(random)
      const store = new Store()
      const { channel } = machine(store)
      const count = Math.floor(random() * 400)
      const topics = Array.from({ length: count }, () => pick(['a', 'a', 'a', 'b', 'c', undefined]))
      const half = Math.floor(random() * count)
      const publishAll = (from: number, to: number): Promise<unknown> =>
        Promise.all(topics.slice(from, to).map((topic, index) => channel.publish(`${from + index + 1}`, { topic })))
      await publishAll(0, half)
      store.clock += 100_000
      await publishAll(half, count)
      const here = machine(store, { tail: { messages: pick([1, 2, 50, 1_000]) } })
      here.engine.mostEntries = pick([1, 7, 100])
      if (random() < 0.5) await here.log.read(count, 1)
      const kept = pick([1, Math.ceil(count / 3), count])
      if (random() < 0.5) store.trim(kept)
      const from = count - store.read('before', { offset: count + 1, at: Number.MAX_SAFE_INTEGER }, { messages: 1_000, bytes: 1e9 }).entries.length
      const cases = Array.from({ length: 6 }, () => {
        const wanted = pick([undefined, ['a'], ['b'], ['c', 'a'], ['none']])
        const last = pick([1, 2, 30, 100, 1_000])
        const isTime = random() < 0.3
        const all = numbers(from + 1, count).filter((number) => !wanted || wanted.includes(topics[number - 1] ?? ''))
        const expected = isTime ? all.filter((number) => number > half) : all.slice(-last)
        return { client: here.join({ topics: wanted, after: isTime ? { within: 50_000 } : { last } }), expected, wanted }
      })
      await here.channel.publish('end', { topic: 'none' })
      await here.channel.publish('end', { topic: 'a' })
      await here.channel.publish('end', { topic: 'b' })
      for (const { client, expected, wanted } of cases) {
        await expect.poll(() => client.lines().at(-1), { message: `${seed}` }).toMatch(/^end@/)
        expect(dataOf(client), `${seed} ${wanted}`).toEqual(expected.map(String))
        expect(client.lines()[0], `${seed}`).toMatch(/^@\d+$/)
      }
      await closeMachines()
    }
  })
})

test('C18 C13 each of several channels on a stream begins with its own, and a client that comes back resumes both', async () => {
  const [rooms, notices] = [openChannel({ name: 'rooms' }), openChannel({ name: 'notices' })]
  for (let number = 1; number <= 5; number++) {
    await rooms.channel.publish(`room ${number}`)
    await notices.channel.publish(`notice ${number}`)
  }
  const begin = (lastEventId?: string) => {
    const joined = rooms.join({ after: { last: 2 } }, lastEventId)
    notices.channel.subscribe(joined.stream, { after: { last: 1 } })
    return joined
  }
  const client = begin()
  const dataIn = (text: string): string[] => [...text.matchAll(/^data: (.*)$/gm)].map(([, data = '']) => data)
  await expect.poll(() => dataIn(client.text)).toEqual(['room 4', 'room 5', 'notice 5'])
  await rooms.channel.publish('room 6')
  await flushed()
  const id = /id: (.*)\n\n$/.exec(client.text)?.[1]
  expect(id).toBe(`notices~${notices.id(5)}~rooms~${rooms.id(6)}`)
  await notices.channel.publish('notice 6')
  expect(dataIn(begin(id).text)).toEqual(['notice 6'])
})
