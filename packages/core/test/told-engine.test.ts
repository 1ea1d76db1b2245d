import { afterEach, describe, expect, test, vi } from 'vitest'
import { createChannel } from '../src/index.ts'
import type { LogMessage } from '../src/lib/log/message-log.ts'
import { type EngineListener, type EngineTold, engineLog, randomEpoch } from '../src/log.ts'
import { onDrivenClock } from './support/driven-clock.ts'
import { FaultyEngine, Store } from './support/faulty-engine.ts'
import { turn } from './support/held-sink.ts'
import { closeMachines, type Machine, machine } from './support/machine.ts'

const TELL = { keep: false } as const
const UNAVAILABLE = { code: 'ERR_SSE_LOG_UNAVAILABLE' }

afterEach(closeMachines)

/** A machine that follows the log, the listener of its engine, and the data that its reader gets. */
async function following(store: Store): Promise<Machine & { listener: EngineListener; lines(): string[] }> {
  const follow = vi.spyOn(FaultyEngine.prototype, 'follow')
  const made = machine(store)
  const [[listener] = []] = follow.mock.calls
  follow.mockRestore()
  const { lines } = made.join()
  await expect.poll(lines).toHaveLength(1)
  return { ...made, listener: listener as EngineListener, lines }
}

describe('C14 a message that the engine does not keep', () => {
  test('C14 G2 comes to the readers of all processes, between the messages of its own process', async () => {
    const store = new Store()
    const [here, there] = [await following(store), await following(store)]
    const published = ['a', 'b', 'told', 'told again', 'c', 'd', 'at last'].map((data) =>
      here.channel.publish(data, data.includes('told') || data === 'at last' ? TELL : {}),
    )
    const ids = await Promise.all(published)
    expect(ids.map(Boolean)).toEqual([true, true, false, false, true, true, false])
    const expected = ['@0', 'a@1', 'b@2', 'told@', 'told again@', 'c@3', 'd@4', 'at last@']
    for (const { lines } of [here, there]) await expect.poll(lines).toEqual(expected)
    expect(store.present.entries).toHaveLength(4)
    expect(there.join({}, ids[0]).lines()).toEqual(['@1', 'b@2', 'c@3', 'd@4'])
    expect(store.tellings.map(({ packed }) => packed.length)).toEqual([2, 1])
  })

  test('C14 a process before its place holds it until it is there, and one past it drops it', async () => {
    const store = new Store()
    const { listener, lines, engine } = await following(store)
    engine.deafen()
    for (const [sequence, data] of ['a', 'b'].entries())
      store.append({
        writer: 'w',
        sequence: sequence + 1,
        messages: [{ packed: JSON.stringify([`data: ${data}\n`, 1, null, null]), idempotencyKey: undefined }],
        ends: false,
        history: { messages: 100, age: undefined },
      })
    const { epoch, entries } = store.present
    let sequence = 0
    const tellAt = (offset: number, data: string, more: Partial<EngineTold> = {}): EngineTold => {
      const told = {
        writer: 'other',
        sequence: ++sequence,
        epoch,
        offset,
        at: entries[offset - 1]?.at ?? 0,
        packed: [JSON.stringify([`data: ${data}\n`, 1, null, null])],
        ...more,
      }
      listener.told?.(told)
      return told
    }
    tellAt(2, 'held for b')
    const twice = tellAt(1, 'held for a')
    listener.told?.(twice)
    tellAt(1, 'of a state that was lost', { at: 77 })
    tellAt(1, 'of another epoch', { epoch: randomEpoch() })
    await turn()
    expect(lines()).toEqual(['@0'])
    engine.hear()
    await expect.poll(lines).toEqual(['@0', 'a@1', 'held for a@', 'b@2', 'held for b@'])
    tellAt(1, 'too late')
    tellAt(2, 'here')
    await expect.poll(lines).toHaveLength(6)
    expect(lines().at(-1)).toBe('here@')
  })

  test(
    'C14 it is held for a second at most',
    onDrivenClock(async (clock) => {
      const store = new Store()
      const log = engineLog(new FaultyEngine(store, () => 0))
      const follow = vi.spyOn(FaultyEngine.prototype, 'follow')
      const told: string[] = []
      log.follow({ entry: () => {}, told: ({ data }) => void told.push(data) })
      const [[listener] = []] = follow.mock.calls
      follow.mockRestore()
      await log.read(0, 1)
      const { epoch } = store.present
      const tellAt = (writer: string): void =>
        listener?.told?.({ writer, sequence: 1, epoch, offset: 1, at: 1_001, packed: [JSON.stringify([`data: ${writer}\n`, 1, null, null])] })
      tellAt('early')
      clock.advance(900)
      tellAt('later')
      clock.advance(200)
      const message: LogMessage = { block: 'data: a\n', event: 'message', data: 'a', isText: true, topic: undefined, key: undefined }
      await log.append(message)
      await turn()
      expect(log.tail.head).toBe(1)
      expect(told).toEqual(['later'])
      await log.close()
    }),
  )

  test('C14 G1 rejects at once while the engine is away, and is not sent again', async () => {
    const store = new Store()
    const { engine, channel, errors } = await following(store)
    engine.cut()
    await expect(channel.publish('typing', TELL)).rejects.toMatchObject(UNAVAILABLE)
    expect(errors.at(-1)).toMatchObject({ ...UNAVAILABLE, stage: 'publish' })
    engine.connect()
    await expect.poll(() => channel.status).toBe('live')
    expect(await channel.publish('typing', TELL)).toBe('')
    expect(store.tellings).toHaveLength(1)
  })

  test('C14 G1 rejects as soon as an earlier message has to wait for the engine, which goes on waiting', async () => {
    const store = new Store()
    const { engine, channel } = await following(store)
    const append = vi.spyOn(engine, 'append').mockRejectedValue(new Error('of the test'))
    const kept = channel.publish('a')
    await expect(channel.publish('typing', TELL)).rejects.toMatchObject(UNAVAILABLE)
    await expect(channel.publish('typing', TELL)).rejects.toMatchObject(UNAVAILABLE)
    append.mockRestore()
    expect(await kept).toMatch(/-1$/)
    expect(await channel.publish('typing', TELL)).toBe('')
    vi.spyOn(engine, 'tell').mockRejectedValue(new Error('refused'))
    await expect(channel.publish('typing', TELL)).rejects.toMatchObject({ ...UNAVAILABLE, message: expect.stringContaining('refused') })
    expect(await channel.publish('b')).toMatch(/-2$/)
  })

  test(
    'C14 an engine that does not answer is waited for two seconds',
    onDrivenClock(async (clock) => {
      const engine = new FaultyEngine(new Store(), () => 0)
      const log = engineLog(engine)
      const channel = createChannel({ log, onError: () => {} })
      await log.read(0, 1)
      vi.spyOn(engine, 'tell').mockReturnValue(new Promise(() => {}))
      const told = channel.publish('typing', TELL)
      await turn()
      clock.advance(2_000)
      await expect(told).rejects.toMatchObject(UNAVAILABLE)
      channel.close()
      await log.close()
    }),
  )

  test('C14 is refused at the call by an engine that cannot, and by a log that has ended elsewhere', async () => {
    const store = new Store()
    const engine = Object.assign(new FaultyEngine(store, () => 0), { tell: undefined })
    const log = engineLog(engine as unknown as FaultyEngine)
    const channel = createChannel({ log, onError: () => {} })
    expect(() => channel.publish('typing', TELL)).toThrow(expect.objectContaining({ code: 'ERR_SSE_INVALID_OPTION' }))
    expect(await channel.publish('a')).toMatch(/-1$/)
    const there = await following(store)
    vi.spyOn(there.engine, 'read').mockReturnValue(new Promise(() => {}))
    store.ended = true
    await expect(there.channel.publish('typing', TELL)).rejects.toMatchObject({ code: 'ERR_SSE_CHANNEL_ENDED' })
    channel.close()
    await log.close()
  })

  test('C14 G7 a text that no log has packed is reported, and reaches no reader', async () => {
    const store = new Store()
    const { listener, lines, errors } = await following(store)
    listener.told?.({ writer: 'w', sequence: 1, epoch: store.present.epoch, offset: 0, at: 0, packed: ['rubbish', '["data: x\\n",1,null,null]'] })
    await expect.poll(lines).toEqual(['@0', 'x@'])
    expect(errors.map(({ code }) => code)).toEqual(['ERR_SSE_FOREIGN_ENTRY'])
  })

  test('C14 C12 messages() gets it in every process', async () => {
    const store = new Store()
    const [here, there] = [await following(store), await following(store)]
    const read: unknown[] = []
    const collect = async (): Promise<void> => {
      for await (const { data } of there.channel.messages()) if (read.push(data) === 3) return
    }
    const collecting = collect()
    await there.channel.publish('first')
    void here.channel.publish('typing', TELL)
    void here.channel.publish('second')
    await collecting
    expect(read).toEqual(['first', 'typing', 'second'])
  })
})
