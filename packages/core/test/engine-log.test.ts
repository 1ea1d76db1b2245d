import { afterEach, describe, expect, test, vi } from 'vitest'
import { type Channel, createChannel } from '../src/index.ts'
import { TidingsError } from '../src/lib/errors.ts'
import { SinkStream } from '../src/lib/stream/sink-stream.ts'
import { resolveOptions } from '../src/lib/stream/stream-options.ts'
import { now } from '../src/lib/time-source.ts'
import { engineLog } from '../src/log.ts'
import { onDrivenClock } from './support/driven-clock.ts'
import { FaultyEngine, Store } from './support/faulty-engine.ts'
import { HeldSink, turn } from './support/held-sink.ts'
import { closeMachines, machine } from './support/machine.ts'

const never = () => 0.999

/** Appends by a separate process, which follows nothing. */
async function fill(store: Store, count: number, topics: readonly string[] = []): Promise<string[]> {
  const { channel } = machine(store)
  const published = Array.from({ length: count }, (_, index) => channel.publish(`${index + 1}`, { topic: topics[index % topics.length] }))
  const ids = await Promise.all(published)
  channel.close()
  return ids
}

/** Makes the calls of an engine wait. Returns a function that lets them go on. */
function hold(engine: FaultyEngine, name: 'read' | 'append'): () => void {
  const call = engine[name].bind(engine) as (...args: never[]) => Promise<unknown>
  let goOn = (): void => {}
  const held = new Promise<void>((resolve) => {
    goOn = resolve
  })
  vi.spyOn(engine, name as 'read').mockImplementation((async (...args: never[]) => {
    await held
    return call(...args)
  }) as never)
  return goOn
}

/** Collects the messages that a process reads by `messages()`. */
function collected(channel: Channel): string[] {
  const read: string[] = []
  const collect = async (): Promise<void> => {
    for await (const { data } of channel.messages()) read.push(String(data))
  }
  collect().catch((error: Error) => read.push(error.message))
  return read
}

afterEach(async () => {
  vi.useRealTimers()
  await closeMachines()
})

describe('a channel whose log is on an engine', () => {
  test('C4 a client waits for a log that is away: its stream is open, and its position comes with the log', async () => {
    const store = new Store()
    const [id] = await fill(store, 1)
    const { engine, channel, join } = machine(store)
    engine.cut()
    const { sink, lines, stream } = join()
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(sink.frames).toHaveLength(1)
    expect({ closed: stream.closed, subscribers: channel.subscribers }).toEqual({ closed: false, subscribers: 1 })
    engine.connect()
    await expect.poll(lines).toEqual(['@1'])
    expect(sink.frames[1]).toBe(`id: ${id}\n\n`)
  })

  test('C12 a reader of messages() that leaves while the log is away ends at once', async () => {
    const { engine, channel } = machine(new Store())
    engine.cut()
    const controller = new AbortController()
    const [aborted, left] = [channel.messages({ signal: controller.signal }), channel.messages()]
    const waiting = [aborted.next(), left.next()]
    await new Promise(setImmediate)
    controller.abort()
    void left.return?.()
    expect(await Promise.all(waiting)).toEqual([
      { done: true, value: undefined },
      { done: true, value: undefined },
    ])
  })

  test('C2 a client whose last message this machine has not heard of gets the messages after it', async () => {
    const store = new Store()
    const here = machine(store)
    await here.log.read(0, 1)
    const [, second, third] = await fill(store, 3)
    const { lines } = here.join({}, second)
    await expect.poll(lines).toEqual(['@2', '3@3'])
    expect(here.log.idOf(3)).toBe(third)
  })

  test('C8 messages older than the tail are read from the engine, once for all readers', async () => {
    const store = new Store()
    const ids = await fill(store, 2_500)
    const here = machine(store, { tail: { messages: 10 } })
    await here.log.read(2_500, 1)
    const read = vi.spyOn(here.engine, 'read')
    const clients = Array.from({ length: 50 }, (_, index) => here.join({}, ids[index * 10]))
    // The last frame first: to read all of them takes longer than they may.
    await expect.poll(() => clients.every(({ sink }) => sink.frames.at(-1)?.endsWith(`id: ${ids.at(-1)}\n\n`))).toBe(true)
    for (const [index, { lines }] of clients.entries()) {
      const from = index * 10 + 1
      expect(lines()).toEqual([`@${from}`, ...Array.from({ length: 2_500 - from }, (_, at) => `${from + at + 1}@${from + at + 1}`)])
    }
    // Three pages, and one read of the position.
    expect(read.mock.calls.length).toBeLessThanOrEqual(6)
  })

  test('C3 messages that were read back from a lost state are not put before those of another state', async () => {
    const store = new Store()
    const ids = [...(await fill(store, 20)), ...(await fill(store, 10))]
    const here = machine(store, { tail: { messages: 5 } })
    await here.log.read(30, 1)
    // The answer to the first read further back than the tail is of now, and comes late.
    const read = here.engine.read.bind(here.engine)
    let answer = (): void => {}
    const answered = new Promise<void>((resolve) => {
      answer = resolve
    })
    let isRead = false
    vi.spyOn(here.engine, 'read').mockImplementation(async (direction, position, limit) => {
      const page = await read(direction, position, limit)
      if (position.offset === 10 && !isRead) {
        isRead = true
        await answered
      }
      return page
    })
    const { lines } = here.join({}, ids[9])
    await expect.poll(() => isRead).toBe(true)
    store.rewind(10)
    const others = await fill(store, 10)
    await expect.poll(() => here.log.idOf(30)).toBe(others[9])
    answer()
    await expect.poll(() => lines().at(-1)).toBe('10@30')
    await here.channel.publish('next')
    const client = here.join({}, ids[29])
    await expect.poll(() => client.lines().at(-1)).toBe('next@31')
    expect(client.lines()[0]).toMatch(/^reset unknown/)
  })

  test('C3 a reset tells of messages that the engine has dropped, and the oldest kept ones follow', async () => {
    const store = new Store()
    const ids = await fill(store, 100)
    store.trim(3)
    const { join } = machine(store)
    const { lines } = join({}, ids[10])
    await expect.poll(lines).toEqual(['reset trimmed@97', '98@98', '99@99', '100@100'])
    const strange = join(
      {},
      ids[10]?.replace(/^./, (digit) => (digit === '0' ? '1' : '0')),
    )
    await expect.poll(() => strange.lines()).toEqual(['reset unknown@97', '98@98', '99@99', '100@100'])
  })

  test("C8 after: 'start' begins with the oldest message that the engine keeps, within the bounds of the history", async () => {
    const store = new Store()
    await fill(store, 100)
    const all = machine(store).join({ after: 'start' })
    await expect.poll(() => all.lines()).toEqual(['@0', ...Array.from({ length: 100 }, (_, index) => `${index + 1}@${index + 1}`)])
    const some = machine(store, { history: { messages: 2 } }).join({ after: 'start' })
    await expect.poll(() => some.lines()).toEqual(['@98', '99@99', '100@100'])
  })

  test('G6 a process whose clock is 90 s ahead keeps, reads back and gives the messages that the engine keeps for 60 s', async () => {
    const store = new Store()
    const ids = await fill(store, 20)
    const { now } = Date
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => now() + 90_000)
    try {
      const here = machine(store, { history: { age: 60_000 }, tail: { messages: 5 } })
      const after = here.join({}, ids[1])
      await expect.poll(() => after.lines()).toEqual(['@2', ...ids.slice(2).map((_, index) => `${index + 3}@${index + 3}`)])
      expect((await here.log.read(15, 10)).entries).toHaveLength(5)
      // Its own clock tells the engine's time in between.
      const later = here.join({}, ids[17])
      expect(later.lines()).toEqual(['@18', '19@19', '20@20'])
    } finally {
      clock.mockRestore()
    }
  })

  test('G6 messages that are too old by the clock of the engine are gone, even if the clock of the process is far behind', async () => {
    const store = new Store()
    const ids = await fill(store, 3)
    const here = machine(store, { history: { age: 60_000 } })
    await here.log.read(0, 1)
    store.clock += 70_000
    const { channel } = machine(store)
    await channel.publish('new')
    await expect.poll(() => here.log.tail.head).toBe(4)
    const { lines } = here.join({}, ids[0])
    await expect.poll(lines).toEqual(['reset trimmed@3', 'new@4'])
  })

  test('C3 a live client gets a reset if the engine has lost messages that it had read, and goes on from the kept ones', async () => {
    const store = new Store()
    const here = machine(store)
    const { lines } = here.join()
    await expect.poll(lines).toEqual(['@0'])
    await here.channel.publish('a')
    await expect.poll(lines).toEqual(['@0', 'a@1'])
    store.loseAll()
    await here.channel.publish('b')
    await expect.poll(lines).toEqual(['@0', 'a@1', 'reset lost@0', 'b@1'])
  })

  test('C3 a client that has yet to be told of a loss gets the reset, even if the engine has those messages again', async () => {
    const store = new Store()
    const [here, there] = [machine(store), machine(store)]
    const publish = async (count: number): Promise<void> => {
      for (let number = 1; number <= count; number++) await there.channel.publish(`${number}`)
    }
    const client = here.join()
    await expect.poll(client.lines).toEqual(['@0'])
    await publish(5)
    await expect.poll(() => client.lines().at(-1)).toBe('5@5')
    client.sink.hold()
    client.stream.comment('x'.repeat(100_000))
    // The last two are lost and others take their places, which are trimmed. It hears of none of them.
    here.engine.deafen()
    store.rewind(2)
    await publish(7)
    store.trim(2)
    await here.log.read(10, 1)
    here.engine.hear()
    await expect.poll(() => here.log.tail.floor).toBe(8)
    // A replica that lacks the newest has what was trimmed.
    await publish(1)
    store.rewind(1)
    here.engine.hear()
    await publish(1)
    await expect.poll(() => here.log.tail.floor).toBe(10)
    client.sink.take()
    await expect.poll(() => client.lines().some((line) => line.startsWith('reset'))).toBe(true)
  })

  test('C3 a client gets no reset if the engine has lost only messages after its position', async () => {
    const store = new Store()
    const here = machine(store)
    const quiet = here.join({ topics: ['quiet'] })
    await expect.poll(() => quiet.lines()).toEqual(['@0'])
    await here.channel.publish('a', { topic: 'quiet' })
    await expect.poll(() => quiet.lines()).toEqual(['@0', 'a@1'])
    quiet.sink.hold()
    await here.channel.publish('b', { topic: 'quiet' })
    await expect.poll(() => here.log.tail.head).toBe(2)
    await here.channel.publish('c', { topic: 'quiet' })
    await expect.poll(() => here.log.tail.head).toBe(3)
    // It has had the first two at most.
    store.rewind(1)
    await here.channel.publish('d', { topic: 'quiet' })
    await expect.poll(() => here.log.tail.at(3)?.data).toBe('d')
    quiet.sink.take()
    await expect.poll(() => quiet.lines().at(-1)).toBe('d@3')
    expect(quiet.lines()).toEqual(['@0', 'a@1', 'b@2', 'd@3'])
  })

  test('C5 a snapshot of a state that was lost in the meantime is not written: a reset comes, and another snapshot', async () => {
    const store = new Store()
    const here = machine(store)
    await here.channel.publish('a')
    await here.log.read(0, 1)
    let taken = 0
    let finish = (): void => {}
    const snapshot = async () => {
      const number = ++taken
      if (number === 1)
        await new Promise<void>((resolve) => {
          finish = resolve
        })
      return { event: 'state', data: `state ${number}` }
    }
    const { lines } = here.join({ snapshot })
    const life = here.log.idOf(0)
    store.loseAll()
    await here.channel.publish('b')
    await expect.poll(() => here.log.idOf(0)).not.toBe(life)
    // Nor is it for whoever comes to the same number now.
    const later = here.join({ snapshot })
    await expect.poll(() => later.lines()).toEqual(['state 2@1'])
    finish()
    await expect.poll(lines).toEqual(['reset lost@', 'state 3@1'])
  })

  test('C4 C15 a snapshot has its position, even if the tail has lost that position since', async () => {
    const store = new Store()
    await fill(store, 3)
    const here = machine(store, { tail: { messages: 2 } })
    await here.log.read(3, 1)
    let finish = (): void => {}
    const finished = new Promise<void>((resolve) => {
      finish = resolve
    })
    const { lines, subscription } = here.join({
      snapshot: async () => {
        await finished
        return 'state'
      },
    })
    const id = here.log.idOf(3)
    await fill(store, 4)
    await expect.poll(() => here.log.tail.head).toBe(7)
    expect([here.log.idOf(3), subscription.lastEventId]).toEqual(['', id])
    finish()
    await expect.poll(lines).toEqual(['state@3', '1@4', '2@5', '3@6', '4@7'])
  })

  test('C2 a slow client whose position the log does not know has no lastEventId, and goes on exactly', async () => {
    const store = new Store()
    const here = machine(store, { tail: { messages: 2 } })
    await here.log.read(0, 1)
    const { sink, subscription, lines } = here.join()
    await fill(store, 1)
    await expect.poll(lines).toEqual(['@0', '1@1'])
    sink.hold()
    await fill(store, 1)
    await expect.poll(() => lines().length).toBe(3)
    await fill(store, 4)
    await expect.poll(() => here.log.tail.head).toBe(6)
    expect(subscription.lastEventId).toBe('')
    sink.take()
    await expect.poll(() => lines().slice(3)).toEqual(['1@3', '2@4', '3@5', '4@6'])
    expect(subscription.lastEventId).toBe(here.log.idOf(6))
  })

  test('C3 C4 after a loss and before the reset, no heartbeat has a position of the new state', async () => {
    const store = new Store()
    const here = machine(store)
    await here.log.read(0, 1)
    const stream = new SinkStream(resolveOptions({ heartbeat: 1_000 }), '')
    const sink = new HeldSink(stream)
    stream.open(sink)
    let filtered = 0
    const subscription = here.channel.subscribe(stream, { filter: () => ++filtered < 0 })
    await fill(store, 3)
    await expect.poll(() => filtered).toBe(3)
    const id = here.log.idOf(3)
    let lastEventId: string | undefined
    // The log has a new state, and the channel has not told it yet.
    const look = (): void => {
      stream.look(now() + 5_000)
      lastEventId = subscription.lastEventId
    }
    here.log.follow({ entry: () => {}, breaking: () => queueMicrotask(look) })
    store.loseAll()
    await fill(store, 3)
    await expect.poll(() => sink.frames.at(-1)).toContain('event: reset\n')
    expect([sink.frames.slice(2, -1), lastEventId]).toEqual([[`:\nid: ${id}\n\n`], id])
  })

  test('C10 an end holds on all machines: the rest, a retry, a clean end, and ended() for clients that have had all', async () => {
    const store = new Store()
    const [here, there] = [machine(store), machine(store)]
    const { lines, stream } = there.join()
    await expect.poll(lines).toEqual(['@0'])
    const [first, last] = await Promise.all([here.channel.publish('a'), here.channel.publish('b')])
    here.channel.end()
    expect(() => here.channel.publish('c')).toThrow(expect.objectContaining({ code: 'ERR_SSE_CHANNEL_ENDED' }))
    await expect.poll(() => stream.closed).toBe(true)
    expect(lines()).toEqual(['@0', 'a@1', 'b@2', '@ retry'])
    const later = machine(store)
    for (const { channel } of [here, there, later]) {
      expect(await channel.ended(last)).toBe(true)
      expect(await channel.ended(first)).toBe(false)
      expect(await channel.ended('')).toBe(true)
      expect(await channel.ended('', { after: 'start' })).toBe(false)
    }
    expect(() => later.channel.publish('c')).toThrow(expect.objectContaining({ code: 'ERR_SSE_CHANNEL_ENDED' }))
    // One that has not heard of it yet.
    await expect(machine(store).channel.publish('c')).rejects.toMatchObject({ code: 'ERR_SSE_CHANNEL_ENDED' })
  })

  test('C17 ended() depends on topics even before the tail, and if the engine has lost messages', async () => {
    const store = new Store()
    const ids = await fill(store, 60, ['a', 'b', 'b', 'b', 'b', 'b'])
    const [here, there] = [machine(store, { tail: { messages: 2 } }), machine(store, { tail: { messages: 2 } })]
    here.channel.end()
    await expect.poll(() => here.channel.ended('')).toBe(true)
    const lastOfA = ids[54]
    expect(await there.channel.ended(ids[48] as string, { topics: ['a'] })).toBe(false)
    expect(await there.channel.ended(lastOfA as string, { topics: ['a'] })).toBe(true)
    expect(await there.channel.ended(lastOfA as string, { topics: ['b'] })).toBe(false)
    expect(await there.channel.ended('', { topics: ['z'], after: 'start' })).toBe(true)
    store.trim(2)
    const later = machine(store, { tail: { messages: 2 } })
    // What is gone may have been of any topic.
    expect(await later.channel.ended(lastOfA as string, { topics: ['a'] })).toBe(false)
    const { stream, lines } = later.join({ topics: ['a'] }, lastOfA)
    await expect.poll(() => stream.closed).toBe(true)
    expect(lines()).toEqual(['reset trimmed@58', '@60', '@ retry'])
    // Which it comes back with, where it ignores ids alone.
    expect(await later.channel.ended(ids[57] as string, { topics: ['a'] })).toBe(true)
  })

  test('C17 ended() is false while the messages after the id are not loaded', async () => {
    const store = new Store()
    const ids = await fill(store, 60, ['a', 'b'])
    const { channel, engine } = machine(store, { tail: { messages: 2 } })
    channel.end()
    await expect.poll(() => channel.ended('')).toBe(true)
    const read = engine.read.bind(engine)
    vi.spyOn(engine, 'read').mockImplementation((direction, position, limit) => (limit.messages > 0 ? new Promise(() => {}) : read(direction, position, limit)))
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const asked = [channel.ended(ids[9] as string, { topics: ['z'] }), channel.ended('', { after: 'start', topics: ['z'] })]
    await vi.advanceTimersByTimeAsync(2_000)
    expect(await Promise.all(asked)).toEqual([false, false])
  })

  test('C10 ended() does not wait longer than two seconds for a log that is away', async () => {
    const { engine, channel } = machine(new Store())
    engine.cut()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const answer = vi.fn()
    const asked = channel.ended('').then(answer)
    await vi.advanceTimersByTimeAsync(1_999)
    expect(answer).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(1)
    await asked
    expect(answer).toHaveBeenCalledWith(false)
  })

  test('C9 a reader that is behind gets the newest message of each key, also from pages that were read back', async () => {
    const store = new Store()
    const here = machine(store, { tail: { messages: 2 } })
    await here.log.read(0, 1)
    const ids: string[] = []
    for (const [price, key] of [
      ['1', 'a'],
      ['2', 'b'],
      ['3', 'a'],
      ['4', undefined],
      ['5', 'a'],
    ] as const)
      ids.push(await here.channel.publish(price, { key }))
    await here.log.read(5, 1)
    const { lines } = here.join({ lag: 'conflate' }, here.log.idOf(0))
    await expect.poll(lines).toEqual(['@0', '2@2', '4@4', '5@5'])
  })

  test('C12 messages() reads messages older than the tail, and rejects if the engine has lost messages that it read', async () => {
    const store = new Store()
    await fill(store, 30)
    const here = machine(store, { tail: { messages: 5 } })
    const messages = here.channel.messages({ after: 'start' })
    for (let number = 1; number <= 30; number++) expect((await messages.next()).value?.data).toBe(`${number}`)
    const next = messages.next()
    await here.channel.publish('31')
    expect((await next).value?.data).toBe('31')
    store.loseAll()
    const lost = messages.next()
    await here.channel.publish('other')
    await expect(lost).rejects.toMatchObject({ code: 'ERR_SSE_GAP' })
    const behind = here.channel.messages()
    const before = behind.next()
    await here.log.read(0, 1)
    await here.channel.publish('a')
    expect((await before).value?.data).toBe('a')
    store.rewind(1)
    const after = behind.next()
    await here.channel.publish('b')
    await expect(after).rejects.toMatchObject({ code: 'ERR_SSE_GAP' })
    const anew = here.channel.messages()
    const first = anew.next()
    await here.log.read(0, 1)
    await here.channel.publish('more')
    expect((await first).value?.data).toBe('more')
    await anew.return?.()
  })

  test('C12 messages() begins at its call, and rejects if the engine has lost that position before it is read', async () => {
    const store = new Store()
    const here = machine(store)
    await fill(store, 3)
    await here.log.read(0, 1)
    const [one, other] = [here.channel.messages(), here.channel.messages()]
    await here.channel.publish('a')
    expect((await one.next()).value?.data).toBe('a')
    store.loseAll()
    await fill(store, 9)
    await here.log.read(0, 1)
    await expect(other.next()).rejects.toMatchObject({ code: 'ERR_SSE_GAP' })
  })

  describe('C16 new messages begin at the call', () => {
    test('C16 a stream and messages() get the messages that the process publishes after the call, before the position of the log is known', async () => {
      const store = new Store()
      await fill(store, 3)
      const here = machine(store)
      const { lines } = here.join()
      const read = collected(here.channel)
      expect(await here.channel.publish('a')).toMatch(/-4$/)
      await here.channel.publish('b')
      await expect
        .poll(() => [lines(), read])
        .toEqual([
          ['@3', 'a@4', 'b@5'],
          ['a', 'b'],
        ])
    })

    const disturbances: [string, (engine: FaultyEngine) => () => void][] = [
      [
        'is away and comes back',
        (engine) => {
          engine.cut()
          return () => engine.connect()
        },
      ],
      ['answers late', (engine) => hold(engine, 'read')],
      ['confirms late', (engine) => hold(engine, 'append')],
      [
        'is followed late',
        (engine) => {
          engine.deafen()
          return () => engine.hear()
        },
      ],
    ]
    test.each(disturbances)('C16 this holds too if the engine %s, and others publish at the same time', async (_, disturb) => {
      const store = new Store()
      await fill(store, 3)
      const [here, there] = [machine(store), machine(store)]
      const settle = disturb(here.engine)
      const before = here.join()
      const published = here.channel.publish('a')
      await there.channel.publish('of another')
      const after = here.join()
      const read = collected(here.channel)
      const more = [here.channel.publish('b'), here.channel.publish('c')]
      await new Promise((resolve) => setTimeout(resolve, 20))
      settle()
      await Promise.all([published, ...more])
      const dataOf = (lines: string[]): (string | undefined)[] => lines.map((line) => line.split('@')[0])
      for (const data of [() => dataOf(before.lines()), () => dataOf(after.lines()), () => read]) await expect.poll(() => data().slice(-2)).toEqual(['b', 'c'])
      expect(dataOf(before.lines()).filter((data) => data === 'a' || data === 'b' || data === 'c')).toEqual(['a', 'b', 'c'])
      for (const { lines } of [before, after]) expect(lines()[0]).toMatch(/^@/)
    })

    test('C16 a reset tells of messages that were published after the call and then lost', async () => {
      const store = new Store()
      const here = machine(store)
      here.engine.deafen()
      const { lines } = here.join()
      const read = collected(here.channel)
      await here.channel.publish('a')
      store.loseAll()
      await here.channel.publish('b')
      here.engine.hear()
      await expect.poll(lines).toEqual(['reset lost@0', 'b@1'])
      expect(read).toEqual([expect.stringContaining('not kept any more')])
    })

    test('C16 a head from after a loss does not come before a message from before the loss', async () => {
      const store = new Store()
      const [here, there] = [machine(store), machine(store)]
      here.engine.deafen()
      await here.channel.publish('a')
      const { lines } = here.join()
      const read = collected(here.channel)
      await here.channel.publish('b')
      store.rewind(2)
      await there.channel.publish('c')
      here.engine.hear()
      await expect.poll(() => lines()).toEqual(['reset lost@0', 'c@1'])
      await expect.poll(() => read.at(-1)).toMatch(/not kept any more/)
    })

    test('C16 this holds with a snapshot of state that is changed before the message is published', async () => {
      const store = new Store()
      const here = machine(store)
      let state = 0
      const { lines } = here.join({ snapshot: () => ({ event: 'state', data: `state ${state}` }) })
      const publish = (): Promise<string> => here.channel.publish(`${++state}`)
      await Promise.all([publish(), publish()])
      await expect.poll(() => lines().at(-1)).toBe('2@2')
      expect(lines()).toEqual(['state 2@0', '1@1', '2@2'])
    })

    test('C16 a publish never waits for a reader', async () => {
      const { engine, channel, join } = machine(new Store())
      const read = vi.spyOn(engine, 'read').mockImplementation(() => new Promise(() => {}))
      for (let count = 0; count < 10; count++) {
        join()
        void channel.messages().next()
      }
      await channel.publish('a')
      expect(read).toHaveBeenCalledTimes(1)
    })

    test('C16 if the first message has a known key, or is not kept, the next one counts', async () => {
      const store = new Store()
      const here = machine(store)
      const first = await here.channel.publish('known', { idempotencyKey: 'k' })
      await here.channel.publish('before')
      here.engine.deafen()
      here.engine.cut()
      const away = here.join()
      const refused = new TidingsError('ERR_SSE_LOG_REFUSED', 'no permission for XADD')
      const append = vi.spyOn(here.engine, 'append').mockRejectedValueOnce(refused)
      const kept = here.channel.publish('not kept').catch(() => 'rejected')
      expect(await kept).toBe('rejected')
      append.mockRestore()
      here.engine.connect()
      const { lines } = here.join()
      const ids = await Promise.all([here.channel.publish('known', { idempotencyKey: 'k' }), here.channel.publish('a'), here.channel.publish('b')])
      expect(ids[0]).toBe(first)
      here.engine.hear()
      await expect.poll(lines).toEqual(['@2', 'a@3', 'b@4'])
      expect(away.lines()).toEqual(['@2', 'a@3', 'b@4'])
    })

    test('C16 no reader waits for a closed log', async () => {
      const { engine, channel, log } = machine(new Store())
      engine.cut()
      const messages = channel.messages()
      const next = messages.next()
      const published = channel.publish('a').catch((error: { code: unknown }) => error.code)
      channel.close()
      await log.close()
      expect(await next).toEqual({ done: true, value: undefined })
      expect(await published).toBe('ERR_SSE_LOG_UNAVAILABLE')
    })

    test('C16 messages from before the call do not count, and many readers at once make one request', async () => {
      const store = new Store()
      await fill(store, 3)
      const here = machine(store)
      const read = vi.spyOn(here.engine, 'read')
      const join = () => Array.from({ length: 50 }, () => here.join())
      const before = join()
      const published = [here.channel.publish('a')]
      const between = join()
      published.push(here.channel.publish('b'))
      await Promise.all(published)
      for (const { lines } of before) await expect.poll(lines).toEqual(['@3', 'a@4', 'b@5'])
      for (const { lines } of between) await expect.poll(lines).toEqual(['@4', 'b@5'])
      expect(read.mock.calls.length).toBeLessThan(10)
    })
  })

  test('C1 a stream that is subscribed after a publish has resolved does not get that message', async () => {
    const store = new Store()
    const here = machine(store)
    await here.log.read(0, 1)
    const tell = here.engine.publish.bind(here.engine)
    vi.spyOn(here.engine, 'publish').mockImplementation(async (news) => {
      await new Promise((resolve) => setTimeout(resolve, 50))
      await tell(news)
    })
    await here.channel.publish('a')
    const { lines } = here.join()
    await expect.poll(lines).toEqual(['@1'])
    await here.channel.publish('b')
    await expect.poll(lines).toEqual(['@1', 'b@2'])
  })

  test('C1 a burst that is longer than the tail reaches a client that is ready, and is not read back from the engine', async () => {
    const store = new Store()
    const here = machine(store, { tail: { messages: 10 } })
    const { lines } = here.join()
    await expect.poll(lines).toEqual(['@0'])
    const read = vi.spyOn(here.engine, 'read')
    await fill(store, 300)
    await expect.poll(lines).toHaveLength(301)
    expect(read.mock.calls.filter(([direction]) => direction === 'before')).toEqual([])
  })

  test(
    'G1 messages that wait for the engine are bounded in time and bytes, and their failure goes to onError',
    onDrivenClock(async (clock) => {
      const store = new Store()
      const { engine, channel, errors } = machine(store, { publishTimeout: 100, maxPendingBytes: 100 })
      engine.cut()
      const first = channel.publish('x'.repeat(200)).catch((error: unknown) => error)
      const second = channel.publish('y')
      await expect(second).rejects.toMatchObject({ code: 'ERR_SSE_LOG_UNAVAILABLE', message: expect.stringContaining('100 bytes') })
      for (let passed = 0; passed < 100; passed += 10) {
        expect(errors.filter(({ stage }) => stage === 'publish')).toHaveLength(1)
        clock.advance(10)
        await turn()
      }
      expect(await first).toMatchObject({ code: 'ERR_SSE_LOG_UNAVAILABLE', message: expect.stringContaining('100 ms'), cause: expect.any(Error) })
      engine.connect()
      expect(await channel.publish('z')).toMatch(/-1$/)
      expect(errors.filter(({ stage }) => stage === 'publish')).toHaveLength(2)
      await closeMachines()
    }),
  )

  test('G1 a batch whose answer was lost is kept once, and later messages wait', async () => {
    const store = new Store()
    const { engine, channel } = machine(store)
    const append = vi.spyOn(store, 'append')
    const answers = [false, true]
    const reached = engine.append.bind(engine)
    vi.spyOn(engine, 'append').mockImplementation(async (batch) => {
      const receipt = await reached(batch)
      if (answers.shift() === false) throw new Error('the answer did not arrive')
      return receipt
    })
    const ids = await Promise.all([channel.publish('a'), channel.publish('b')])
    const later = await channel.publish('c')
    expect([...ids, later].map((id) => id.split('-')[2])).toEqual(['1', '2', '3'])
    expect(append.mock.calls.map(([{ sequence }]) => sequence)).toEqual([1, 1, 2])
    expect(store.present.entries).toHaveLength(3)
  })

  test('G1 a call that takes long is repeated, and counts if its answer comes first', async () => {
    const store = new Store()
    const { engine, channel } = machine(store)
    const reached = engine.append.bind(engine)
    let answer = (): void => {}
    const append = vi.spyOn(engine, 'append').mockImplementationOnce(async (batch) => {
      const receipt = await reached(batch)
      await new Promise<void>((resolve) => {
        answer = resolve
      })
      return receipt
    })
    append.mockImplementation(() => new Promise(() => {}))
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const published = channel.publish('a')
    await vi.advanceTimersByTimeAsync(2_100)
    expect(append.mock.calls.map(([{ sequence }]) => sequence)).toEqual([1, 1])
    answer()
    expect(await published).toMatch(/-1$/)
    expect(store.present.entries).toHaveLength(1)
  })

  test('G8 a command that the engine refuses for good rejects at once with its words, and other rejections name the last failure', async () => {
    const { engine, channel } = machine(new Store(), { publishTimeout: 100 })
    const append = vi.spyOn(engine, 'append').mockRejectedValueOnce(new TidingsError('ERR_SSE_LOG_REFUSED', 'no permission for XADD'))
    await expect(channel.publish('a')).rejects.toMatchObject({
      code: 'ERR_SSE_LOG_UNAVAILABLE',
      message: "The log's engine has not kept the message: no permission for XADD",
      cause: { code: 'ERR_SSE_LOG_REFUSED' },
    })
    expect(append).toHaveBeenCalledOnce()
    append.mockRejectedValue(new Error('out of memory'))
    await expect(channel.publish('b')).rejects.toMatchObject({
      code: 'ERR_SSE_LOG_UNAVAILABLE',
      message: expect.stringContaining('it failed for 100 ms (out of memory)'),
      cause: { message: 'out of memory' },
    })
  })

  test('G1 a message that waited for others is not sent if it would be kept after its rejection', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    const { engine, channel } = machine(new Store(), { publishTimeout: 500 })
    const reached = engine.append.bind(engine)
    const append = vi.spyOn(engine, 'append').mockImplementation(async (batch) => {
      await new Promise((resolve) => setTimeout(resolve, 300))
      return reached(batch)
    })
    const first = channel.publish('a')
    await vi.advanceTimersByTimeAsync(10)
    const second = channel.publish('b')
    const rejected = expect(second).rejects.toMatchObject({ code: 'ERR_SSE_LOG_UNAVAILABLE', message: expect.stringContaining('behind other messages') })
    await vi.advanceTimersByTimeAsync(300)
    expect(await first).toMatch(/-1$/)
    await rejected
    expect(append).toHaveBeenCalledOnce()
  })

  test('G1 closing rejects the waiting messages, and opens nothing again', async () => {
    const { engine, channel, log, errors } = machine(new Store())
    engine.cut()
    const waiting = channel.publish('a')
    await log.close()
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_SSE_LOG_UNAVAILABLE' })
    await expect(channel.publish('b')).rejects.toMatchObject({ code: 'ERR_SSE_LOG_UNAVAILABLE', message: expect.stringContaining('closed') })
    const follow = vi.spyOn(engine, 'follow')
    await log.read(0, 1)
    expect(follow).not.toHaveBeenCalled()
    expect(errors.map(({ stage }) => stage)).not.toContain('resume')
  })

  test('G3 each outage of the engine is reported once', async () => {
    const { engine, errors, log, channel } = machine(new Store(), { checkInterval: 20 })
    await log.read(0, 1)
    const lost = () => errors.filter(({ stage }) => stage === 'follow').length
    engine.cut()
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(lost()).toBe(1)
    engine.connect()
    await channel.publish('a')
    await expect.poll(() => log.tail.head).toBe(1)
    engine.cut()
    expect(lost()).toBe(2)
  })

  test('G10 the channel tells when following is lost, and when it has all messages again', async () => {
    const told: string[] = []
    const { engine, channel } = machine(new Store(), {}, { onStatus: (status) => told.push(status) })
    expect(channel.status).toBe('catching up')
    await expect.poll(() => channel.status).toBe('live')
    engine.cut()
    expect(channel.status).toBe('away')
    engine.connect()
    expect(channel.status).toBe('catching up')
    await expect.poll(() => channel.status).toBe('live')
    expect(told).toEqual(['live', 'away', 'catching up', 'live'])
  })

  test('G10 a channel is live only once it has read what it missed', async () => {
    const store = new Store()
    const { channel } = machine(store)
    const atLive: number[] = []
    const here = machine(store, {}, { onStatus: (status) => status === 'live' && atLive.push(here.log.tail.head) })
    await expect.poll(() => atLive).toEqual([0])
    here.engine.cut()
    for (const data of ['a', 'b', 'c']) await channel.publish(data)
    here.engine.connect()
    await expect.poll(() => atLive).toEqual([0, 3])
  })

  test('G10 onStatus that throws stops nothing, and is reported', async () => {
    const failure = new Error('of the app')
    const { engine, channel, errors, join } = machine(
      new Store(),
      {},
      {
        onStatus: () => {
          throw failure
        },
      },
    )
    const { lines } = join()
    await channel.publish('a')
    await expect.poll(lines).toEqual(['@0', 'a@1'])
    expect(errors).toEqual([{ code: undefined, message: 'of the app', stage: 'status' }])
    engine.cut()
    expect(errors.filter(({ stage }) => stage === 'status')).toHaveLength(2)
  })

  test('G10 a channel in memory is always live', () => {
    const channel = createChannel()
    expect(channel.status).toBe('live')
    channel.close()
  })

  test('G3 a check finds messages whose announcements never came, and then subscribes again', async () => {
    const store = new Store()
    const here = machine(store, { checkInterval: 20 })
    await here.log.read(0, 1)
    store.connections.delete(here.engine)
    const { lines } = here.join()
    await expect.poll(lines).toEqual(['@0'])
    const { channel } = machine(store)
    for (const data of ['a', 'b', 'c']) {
      await channel.publish(data)
      await expect.poll(() => lines().at(-1)).toMatch(data)
    }
    expect(here.engine.renewals).toBeGreaterThan(0)
  })

  test('entries of another program are a gap, and stop nothing', async () => {
    const store = new Store()
    const here = machine(store)
    const { lines } = here.join()
    await expect.poll(lines).toEqual(['@0'])
    const foreign = ['no json', '{}', '["no line end",1,null,null]', '["data: x\\n",1,7,null]', '[]']
    store.append({
      writer: 'w',
      sequence: 1,
      messages: foreign.map((packed) => ({ packed, idempotencyKey: undefined })),
      ends: false,
      history: { messages: 10, age: undefined },
    })
    await here.channel.publish('a')
    await expect.poll(() => lines().at(-1)).toBe('a@6')
    expect(lines()).toEqual(['@0', 'reset lagged@5', 'a@6'])
  })

  test('C3 onError is warned if more than a tenth of the clients that reconnect have ids of another log', () => {
    const { channel, errors } = machine(new Store())
    channel.close()
    const memory = createChannel({
      onError: (error, { stage }) => errors.push({ ...(error as { code: unknown; message: string }), stage }),
    })
    const come = (lastEventId: string) => {
      const stream = new SinkStream(resolveOptions({ heartbeat: false }), lastEventId)
      stream.open(new HeldSink(stream))
      memory.subscribe(stream)
    }
    const stream = new SinkStream(resolveOptions({ heartbeat: false }), '')
    stream.open(new HeldSink(stream))
    const { lastEventId } = memory.subscribe(stream)
    for (let count = 0; count < 18; count++) come(lastEventId)
    for (let count = 0; count < 2; count++) come('strange')
    expect(errors).toEqual([])
    for (let count = 0; count < 5; count++) come('strange')
    expect(errors).toEqual([{ code: 'ERR_SSE_UNKNOWN_IDS', stage: 'resume', name: 'TidingsError' }])
    memory.close()
  })

  test('C3 the warning of unknown ids comes again while they go on, after pauses that grow to an hour', () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const warnings: number[] = []
    const memory = createChannel({ onError: () => warnings.push(performance.now()) })
    const come = (): void => {
      const stream = new SinkStream(resolveOptions({ heartbeat: false }), 'strange')
      stream.open(new HeldSink(stream))
      memory.subscribe(stream)
      stream.close()
    }
    const began = performance.now()
    for (let minute = 0; minute < 300; minute++) {
      // So many say something.
      for (let count = 0; count < 20; count++) come()
      vi.advanceTimersByTime(60_000)
    }
    const minutes = warnings.map((at) => Math.round((at - began) / 60_000))
    expect(minutes).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183, 243])
    // Once they have stopped, a few more are no news.
    vi.advanceTimersByTime(86_400_000)
    for (let count = 0; count < 19; count++) come()
    expect(warnings).toHaveLength(10)
    come()
    expect(warnings).toHaveLength(11)
    memory.close()
  })

  test.each<[object, string]>([
    [{ history: { bytes: 1 } }, '"bytes" is not an option of history; there are messages, age'],
    [{ tail: { age: 1 } }, '"age" is not an option of tail; there are messages, bytes'],
    [{ tail: { messages: 0.5 } }, 'tail.messages must be a whole number of at least 1 and at most 9007199254740991, got 0.5'],
    [{ history: { messages: 0 } }, 'history.messages must be a whole number of at least 1 and at most 9007199254740991, got 0'],
    [{ history: { messages: Number.POSITIVE_INFINITY } }, 'history.messages must be a whole number of at least 1 and at most 9007199254740991, got Infinity'],
    [{ history: { age: Number.POSITIVE_INFINITY } }, 'history.age must be a number of milliseconds above 0, got Infinity'],
    [{ publishTimeout: '1' }, 'publishTimeout must be a number of milliseconds above 0 and at most 2147483647, got "1"'],
    [{ maxPendingBytes: -1 }, 'maxPendingBytes must be a whole number of at least 1 and at most 9007199254740991, got -1'],
    [{ checkInterval: 2 ** 31 }, 'checkInterval must be a number of milliseconds above 0 and at most 2147483647, got 2147483648'],
  ])('refuses %o', (options, message) => {
    expect(() => engineLog(new FaultyEngine(new Store(), never), options)).toThrow(expect.objectContaining({ code: 'ERR_SSE_INVALID_OPTION', message }))
  })
})
