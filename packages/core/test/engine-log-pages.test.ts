import { afterEach, describe, expect, test, vi } from 'vitest'
import type { SubscribeOptions } from '../src/index.ts'
import type { EnginePage } from '../src/log.ts'
import { Store } from './support/faulty-engine.ts'
import { turn } from './support/held-sink.ts'
import { closeMachines, type Machine, machine } from './support/machine.ts'

const COUNT = 600
const TAIL_BYTES = 20_000
const PAGE = 10
// The tail, the pages beside it, and the page that was read last.
const MOST_BYTES = 2 * TAIL_BYTES + PAGE * 1_200

interface Far {
  here: Machine
  /** The ids of all messages, the oldest first. */
  ids: string[]
  store: Store
}

/** A process that follows a log: of 600 messages of 1 KB, twenty have room in its tail, and ten in a page. */
async function far(keyOf = (_index: number): string | undefined => undefined, tail = { bytes: TAIL_BYTES }): Promise<Far> {
  const store = new Store()
  const { channel } = machine(store)
  const here = machine(store, { tail })
  here.engine.mostEntries = PAGE
  await here.log.read(0, 1)
  const published = Array.from({ length: COUNT }, (_, index) =>
    channel.publish(`${index + 1} ${'x'.repeat(1_000)}`, { topic: index % 100 === 0 ? 'rare' : 'other', key: keyOf(index) }),
  )
  const ids = await Promise.all(published)
  await expect.poll(() => here.log.tail.head).toBe(COUNT)
  channel.close()
  return { here, ids, store }
}

/** The bytes of blocks in the memory of the process. */
function keptBytes({ log }: Machine): number {
  let bytes = 0
  for (let offset = 1; offset <= log.tail.head; offset++) bytes += (log.tail.at(offset) ?? log.older?.(offset - 1)?.at(offset))?.block.length ?? 0
  return bytes
}

/** The writes to a subscribed client: its position and resets first, then the numbers of the messages. */
function numbersOf({ lines }: { lines(): string[] }): (number | string)[] {
  return lines().map((line) => (/^\d/.test(line) ? Number.parseInt(line, 10) : line))
}

const after = (offset: number): number[] => Array.from({ length: COUNT - offset }, (_, index) => offset + index + 1)
const all = (offset: number): (number | string)[] => [`@${offset}`, ...after(offset)]
const untilAllAre = (holds: () => boolean): Promise<void> => expect.poll(holds).toBe(true)
const hasAll = (client: { lines(): string[] }, offset: number): boolean => String(numbersOf(client)) === String(all(offset))

afterEach(async () => {
  vi.useRealTimers()
  await closeMachines()
})

describe('G5 a log with more messages before its tail than a process may hold', () => {
  test("G5 C8 messages() gives all from the start, and at most twice the tail's bytes and a page are kept", async () => {
    const { here } = await far()
    const read: number[] = []
    for await (const { data } of here.channel.messages({ after: 'start' })) {
      read.push(Number.parseInt(data as string, 10))
      if (read.length % 25 === 0) expect(keptBytes(here)).toBeLessThan(MOST_BYTES)
      if (read.length === COUNT) break
    }
    expect(read).toEqual(after(0))
  })

  test('G5 C2 clients reconnect at different positions, read at their own pace, and each gets the messages after its id', async () => {
    const { here, ids } = await far()
    const places = [3, 57, 58, 250, 430, 599]
    const clients = places.map((offset) => ({ offset, ...here.join({}, ids[offset - 1]) }))
    const slow = clients[1] as (typeof clients)[number]
    slow.sink.hold()
    await untilAllAre(() => clients.every((client) => client === slow || hasAll(client, client.offset)))
    expect(keptBytes(here)).toBeLessThan(MOST_BYTES)
    // It took nothing until the others were through. By then what it reads next was given up for them.
    await untilAllAre(() => {
      slow.sink.take()
      return hasAll(slow, slow.offset)
    })
    const next = await here.channel.publish('live')
    await expect.poll(() => clients.every(({ subscription }) => subscription.lastEventId === next)).toBe(true)
  })

  test('G5 clients that reconnect at one position share its pages, which are read once', async () => {
    const { here, ids } = await far()
    const read = vi.spyOn(here.engine, 'read')
    const clients = Array.from({ length: 200 }, (_, index) => ({ offset: 100 + (index % 3), ...here.join({}, ids[99 + (index % 3)]) }))
    await untilAllAre(() => clients.every(({ sink }) => sink.frames.at(-1)?.endsWith(`id: ${ids.at(-1)}\n\n`) === true))
    for (const client of clients) expect(hasAll(client, client.offset)).toBe(true)
    // Each page once, and one read of the position.
    expect(read.mock.calls.length).toBeLessThanOrEqual((COUNT - 100) / PAGE + 2)
    expect(keptBytes(here)).toBeLessThan(MOST_BYTES)
  })

  test('G5 C2 a client that falls behind the tail goes on from its position, and earlier messages are not read', async () => {
    const { here } = await far()
    const { sink, lines } = here.join()
    await expect.poll(() => lines()).toEqual([`@${COUNT}`])
    sink.hold()
    await Promise.all(Array.from({ length: 100 }, (_, index) => here.channel.publish(`${COUNT + index + 1} ${'x'.repeat(1_000)}`)))
    const read = vi.spyOn(here.engine, 'read')
    await untilAllAre(() => {
      sink.take()
      return lines().length === 101
    })
    expect(numbersOf({ lines })).toEqual([`@${COUNT}`, ...Array.from({ length: 100 }, (_, index) => COUNT + index + 1)])
    // Ten pages have what it missed, and it is looked for from the tail on, where its place is not known any more.
    expect(read.mock.calls.length).toBeLessThanOrEqual(25)
  })

  test('G5 C6 C17 readers and ended() find a topic in pages', async () => {
    const { here, ids } = await far()
    const { lines } = here.join({ topics: ['rare'] }, ids[101])
    await expect.poll(() => numbersOf({ lines })).toEqual(['@102', 201, 301, 401, 501])
    await here.channel.publish('live', { topic: 'rare' })
    await expect.poll(() => lines().at(-1)).toBe(`live@${COUNT + 1}`)
    here.channel.end()
    const last = here.log.idOf(COUNT + 1)
    await expect.poll(() => here.channel.ended(last)).toBe(true)
    const ended = (id: string | undefined, options: Pick<SubscribeOptions, 'topics' | 'after'>) => here.channel.ended(id ?? '', options)
    expect(await ended(ids[3], { topics: ['rare'] })).toBe(false)
    expect(await ended(ids[3], { topics: ['none'] })).toBe(true)
    expect(await ended('', { after: 'start' })).toBe(false)
  })

  test('G5 C9 a reader that conflates ends in the same state, in order, without messages that the tail supersedes', async () => {
    const { here, ids } = await far((index) => `key ${index % 50 === 0 ? 'rare' : index % 7}`)
    const { lines } = here.join({ lag: 'conflate' }, ids[0])
    await expect.poll(() => lines().at(-1)).toMatch(/@600$/)
    const read = numbersOf({ lines }).slice(1) as number[]
    expect(read).toEqual([...read].sort((one, other) => one - other))
    expect(read).not.toContain(2)
    expect(read.filter((number) => number <= COUNT - 20).every((number) => (number - 1) % 50 === 0)).toBe(true)
    expect(read.slice(-7)).toEqual([594, 595, 596, 597, 598, 599, 600])
    expect(read).toContain(551)
  })

  test('G5 C3 a reset tells of messages that the engine has dropped, and the rest comes', async () => {
    const { here, ids, store } = await far()
    store.trim(500)
    const { lines } = here.join({}, ids[10])
    const strange = here.join({}, ids[150]?.replace(/-\d+-/, '-7-'))
    for (const each of [{ lines }, strange]) {
      await expect.poll(() => each.lines().at(-1)).toMatch(/@600$/)
      expect(numbersOf(each)).toEqual([expect.stringMatching(/^reset (trimmed|unknown)@100$/), ...after(100)])
    }
  })

  test('G5 C3 an engine that keeps more than history.messages is read up to the requested position', async () => {
    const store = new Store()
    const { channel } = machine(store)
    const ids = await Promise.all(Array.from({ length: 40 }, (_, index) => channel.publish(`${index + 1}`)))
    const here = machine(store, { history: { messages: 10 }, tail: { messages: 2 } })
    here.engine.mostEntries = 3
    await here.log.read(40, 1)
    const read = here.engine.read.bind(here.engine)
    // Other work of the process gets its turn, also where this never ends.
    const asks = vi.spyOn(here.engine, 'read').mockImplementation((...asked) => turn().then(() => read(...asked)))
    const ofLast10 = Array.from({ length: 10 }, (_, index) => index + 31)
    for (const [client, first] of [
      [here.join({ after: 'start' }), '@30'],
      [here.join({}, ids[4]), 'reset trimmed@30'],
    ] as const) {
      await expect.poll(() => client.lines().at(-1)).toBe('40@40')
      expect(client.lines()).toEqual([first, ...ofLast10.map((number) => `${number}@${number}`)])
    }
    expect(asks.mock.calls.length).toBeLessThan(12)
  })

  test('G5 C3 messages that are too old are skipped, even if they fill many pages of the engine', async () => {
    const store = new Store()
    const { channel } = machine(store)
    const publish = (count: number): Promise<string[]> => Promise.all(Array.from({ length: count }, (_, index) => channel.publish(`${index + 1}`)))
    const ids = await publish(20)
    store.clock += 1_000
    await publish(20)
    const here = machine(store, { history: { age: 500 }, tail: { messages: 2 } })
    here.engine.mostEntries = 3
    await here.log.read(40, 1)
    const read = here.engine.read.bind(here.engine)
    const asks = vi.spyOn(here.engine, 'read').mockImplementation((...asked) => turn().then(() => read(...asked)))
    for (const [client, first] of [
      [here.join({ after: 'start' }), '@20'],
      [here.join({}, ids[4]), 'reset trimmed@20'],
    ] as const) {
      await expect.poll(() => client.lines().at(-1)).toBe('20@40')
      expect(client.lines()).toEqual([first, ...Array.from({ length: 20 }, (_, index) => `${index + 1}@${index + 21}`)])
    }
    expect(asks.mock.calls.length).toBeLessThan(30)
  })

  test('G5 C12 messages() rejects if the engine goes on from a state before its position', async () => {
    const { here, store } = await far()
    const messages = here.channel.messages({ after: 'start' })
    for (let number = 1; number <= 5; number++) expect((await messages.next()).value?.data).toMatch(`${number} `)
    store.rewind(COUNT - 3)
    here.engine.cut()
    here.engine.connect()
    await expect.poll(() => here.log.tail.head).toBeLessThan(COUNT)
    await expect(messages.next()).rejects.toMatchObject({ code: 'ERR_SSE_GAP' })
  })

  test('G5 C3 a page of a state that was lost before the page came is not used, even if the tail never had that state', async () => {
    const store = new Store()
    const publish = async (count: number): Promise<string[]> => {
      const { channel } = machine(store)
      const ids: string[] = []
      for (let number = 1; number <= count; number++) ids.push(await channel.publish(`${number}`))
      return ids
    }
    const ids = await publish(20)
    const here = machine(store, { tail: { messages: 2 } })
    await here.log.read(20, 1)
    here.engine.deafen()
    const read = here.engine.read.bind(here.engine)
    let lost: string[] = []
    vi.spyOn(here.engine, 'read').mockImplementation(async (direction, position, limit) => {
      const isFurtherBack = lost.length === 0 && position.offset < 20
      if (isFurtherBack) lost = await publish(2)
      const page = await read(direction, position, limit)
      if (isFurtherBack) {
        store.rewind(2)
        ids.push(...(await publish(8)))
      }
      return page
    })
    const { sink } = here.join({}, ids[4])
    await expect.poll(() => ids.length === 28 && sink.frames.at(-1)?.includes(ids.at(-1) as string)).toBe(true)
    const written = sink.frames.join('')
    for (const id of lost) expect(written).not.toContain(id)
    for (const id of ids.slice(5)) expect(written).toContain(id)
  })

  test('G5 the pages are dropped after a minute, and are read again', async () => {
    const { here, ids } = await far()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const read = vi.spyOn(here.engine, 'read')
    const newest = here.join({}, ids[COUNT - 22])
    while (!hasAll(newest, COUNT - 21)) await turn()
    const calls = read.mock.calls.length
    const again = here.join({}, ids[COUNT - 22])
    while (!hasAll(again, COUNT - 21)) await turn()
    expect(read.mock.calls.length).toBe(calls)
    vi.advanceTimersByTime(60_000)
    expect(keptBytes(here)).toBeLessThan(TAIL_BYTES)
    const late = here.join({}, ids[COUNT - 22])
    while (!hasAll(late, COUNT - 21)) await turn()
    expect(read.mock.calls.length).toBeGreaterThan(calls)
  })

  test('G5 reading stops after the current page when no reader waits any more', async () => {
    const { here, ids } = await far()
    const read = here.engine.read.bind(here.engine)
    let answer = (): void => {}
    const held = new Promise<void>((resolve) => {
      answer = resolve
    })
    const answered: Promise<EnginePage>[] = []
    const asks: number[] = []
    vi.spyOn(here.engine, 'read').mockImplementation(async (direction, position, limit) => {
      // The read of the position.
      if (position.offset === COUNT) return read(direction, position, limit)
      asks.push(position.offset)
      await held
      const page = read(direction, position, limit)
      answered.push(page)
      return page
    })
    const controller = new AbortController()
    const messages = here.channel.messages({ after: ids[0], signal: controller.signal })
    const first = messages.next()
    const { stream } = here.join({}, ids[1])
    await expect.poll(() => asks).toHaveLength(1)
    controller.abort()
    stream.close()
    expect(await first).toEqual({ done: true, value: undefined })
    answer()
    await expect.poll(() => answered).toHaveLength(1)
    await answered[0]
    for (let turns = 0; turns < 20; turns++) await turn()
    expect(asks).toHaveLength(1)
  })

  test('G5 a call that failed is not repeated when no reader waits any more', async () => {
    const { here, ids } = await far()
    const read = here.engine.read.bind(here.engine)
    let failed = 0
    vi.spyOn(here.engine, 'read').mockImplementation(async (direction, position, limit) => {
      if (position.offset > 2) return read(direction, position, limit)
      failed++
      throw new Error('away')
    })
    const { stream } = here.join({}, ids[1])
    await expect.poll(() => failed).toBe(2)
    stream.close()
    await new Promise((resolve) => setTimeout(resolve, 400))
    expect(failed).toBe(2)
  })

  test('G5 pages that took too long are requested again in a smaller size, and later in a larger one', async () => {
    const { here, ids } = await far()
    const read = here.engine.read.bind(here.engine)
    const asked: number[] = []
    // A way that carries 20 KB in the time that a call may take.
    vi.spyOn(here.engine, 'read').mockImplementation((direction, position, limit) => {
      asked.push(limit.bytes)
      return limit.bytes > 20_000 ? new Promise(() => {}) : read(direction, position, limit)
    })
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    const messages = here.channel.messages({ after: ids[0] })
    let came: unknown
    void messages.next().then(({ value }) => {
      came = value?.data
    })
    for (let waited = 0; waited < 60_000 && came === undefined; waited += 100) {
      await vi.advanceTimersByTimeAsync(100)
      await turn()
    }
    expect(came).toMatch(/^2 /)
    expect(asked.slice(0, 4)).toEqual([1_048_576, 262_144, 65_536, 16_384])
    const [second] = [await messages.next()]
    expect(second.value?.data).toMatch(/^3 /)
    await messages.return?.()
  })

  test('G5 G7 pages that do not match the tail end in a gap and not in endless calls', async () => {
    const { here, ids } = await far()
    const { floor } = here.log.tail
    const read = here.engine.read.bind(here.engine)
    const asks = vi.spyOn(here.engine, 'read').mockImplementation(async (...asked) => {
      const page = await read(...asked)
      return { ...page, entries: page.entries.map((entry) => (entry.offset === floor ? { ...entry, at: entry.at - 1, before: entry.before - 1 } : entry)) }
    })
    const { lines } = here.join({}, ids[floor - 5])
    await expect.poll(() => lines().at(-1)).toMatch(/@600$/)
    expect(lines().filter((line) => line.startsWith('reset'))).toHaveLength(1)
    expect(numbersOf({ lines }).slice(-(COUNT - floor))).toEqual(after(floor))
    expect(asks.mock.calls.length).toBeLessThan(30)
  })
})
