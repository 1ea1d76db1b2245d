import { afterEach, describe, expect, test } from 'vitest'
import type { SubscribeOptions } from '../src/index.ts'
import { toLogMessage } from '../src/lib/channel/publish.ts'
import { packMessage, unpackMessage } from '../src/lib/engine-log/packed-message.ts'
import { KeptEntry } from '../src/lib/log/kept-entry.ts'
import { KeptTail } from '../src/lib/log/kept-tail.ts'
import type { LogMessage } from '../src/lib/log/message-log.ts'
import { dataOf, eventOf } from '../src/lib/message/block.ts'
import { Store } from './support/faulty-engine.ts'
import { flushed, openChannel } from './support/joined-channel.ts'
import { closeMachines, type Machine, machine } from './support/machine.ts'
import { randomOf } from './support/random.ts'
import { pickerOf, SEED } from './support/random-runs.ts'

afterEach(closeMachines)

const dataIn = (text: string): string[] => [...text.matchAll(/^data: (.*)$/gm)].map(([, data = '']) => data)
const MESSAGES: [string, string | string[] | undefined][] = [
  ['1', ['a', 'b']],
  ['2', 'a'],
  ['3', undefined],
  ['4', ['b', 'c', 'b']],
  ['5', ['c', 'a', 'b']],
]
const ASKED: [string[] | undefined, string[]][] = [
  [['a'], ['1', '2', '5']],
  [['b'], ['1', '4', '5']],
  [['c'], ['4', '5']],
  [
    ['a', 'b'],
    ['1', '2', '4', '5'],
  ],
  [
    ['c', 'b', 'a'],
    ['1', '2', '4', '5'],
  ],
  [['d'], []],
  [undefined, ['1', '2', '3', '4', '5']],
]
const optionsOf = (topics: string[] | undefined): SubscribeOptions => ({ ...(topics && { topics }) })

describe('C19 a message of several topics', () => {
  test('C19 C6 reaches a reader of any of them once: live, by its id, from the start, and among the last ones', async () => {
    const { channel, join, id } = openChannel()
    const live = ASKED.map(([topics]) => join(optionsOf(topics)))
    for (const [data, topic] of MESSAGES) await channel.publish(data, { topic })
    await flushed()
    for (const [index, [topics, expected]] of ASKED.entries()) {
      const options = optionsOf(topics)
      expect(dataIn(live[index]?.text ?? '')).toEqual(expected)
      expect(dataIn(join({ ...options, after: 'start' }).text)).toEqual(expected)
      expect(dataIn(join(options, id(1)).text)).toEqual(expected.filter((data) => data !== '1'))
      expect(dataIn(join({ ...options, after: { last: 2 } }).text)).toEqual(expected.slice(-2))
      const read: unknown[] = []
      if (expected.length > 0) for await (const { data } of channel.messages({ topics, after: 'start' })) if (read.push(data) === expected.length) break
      expect(read).toEqual(expected)
    }
  })

  test('C19 C3 a gap is said to a reader of any of its topics, once it is dropped, and to no other', async () => {
    const { channel, join, id } = openChannel({ history: { messages: 2 } })
    await channel.publish('before', { topic: 'd' })
    for (const [data, topic] of MESSAGES) await channel.publish(data, { topic })
    for (const topic of ['a', 'b']) expect(join({ topics: [topic] }, id(1)).text).toMatch(/^event: reset\n/)
    for (const topic of ['c', 'd']) expect(join({ topics: [topic] }, id(1)).text).not.toMatch(/reset/)
  })

  test('C19 the topics of a message are names, at most maxTopics of them', () => {
    const { channel, log } = openChannel({ maxTopics: 3 })
    const wrong: unknown[] = [7, null, [7], ['a', undefined], ['a', 'b', 'c', 'd'], ['x'.repeat(1_025)], new Set(['a'])]
    for (const topic of wrong)
      expect(() => channel.publish('x', { topic: topic as string[] })).toThrow(expect.objectContaining({ code: 'ERR_SSE_INVALID_OPTION' }))
    expect(log.tail.head).toBe(0)
  })

  test('C19 C8 all of its topics count in the bytes that are kept', () => {
    const kept = (topic: string | string[]): number => {
      const tail = new KeptTail({})
      tail.add(new KeptEntry(toLogMessage('x', { topic }, {}, new Set(), 9), 1, 1, { idOf: () => '' }))
      return tail.bytes
    }
    expect(kept(['a', 'long name'])).toBeGreaterThan(kept('a') + 150)
  })

  test('C19 C2 for any messages and topics, each reader gets what it asked for, also in a process that reads back', async () => {
    for (let run = 0; run < 20; run++) {
      const random = randomOf(SEED + run)
      const pick = pickerOf(random)
      const store = new Store()
      const there = machine(store, { severalTopics: true })
      const topics = Array.from({ length: 60 }, () => Array.from({ length: Math.floor(random() * 4) }, () => pick(['a', 'b', 'c', 'd'])))
      await Promise.all(topics.map((topic, index) => there.channel.publish(`${index + 1}`, { topic: topic.length > 0 ? topic : undefined })))
      const here = machine(store, { tail: { messages: pick([1, 10, 100]) } })
      here.engine.mostEntries = 7
      const wanted = Array.from({ length: 4 }, () => Array.from({ length: 1 + Math.floor(random() * 3) }, () => pick(['a', 'b', 'c', 'e'])))
      const clients = wanted.map((each) => here.join({ topics: each, after: 'start' }))
      const expected = wanted.map((each) => topics.flatMap((topic, index) => (topic.some((name) => each.includes(name)) ? [`${index + 1}`] : [])))
      const got = ({ lines }: ReturnType<Machine['join']>): string[] => lines().flatMap((line) => /^(\d+)@/.exec(line)?.[1] ?? [])
      await expect.poll(() => clients.map(got), { message: `${SEED + run}` }).toEqual(expected)
      await closeMachines()
    }
  })
})

describe('C19 beside a process of the first release', () => {
  /** Reads a line as the first release does. */
  function asFirstRelease(packed: string): LogMessage | undefined {
    const [block, isText, topic, key, data, event] = JSON.parse(packed)
    const isName = (value: unknown): boolean => value === null || typeof value === 'string'
    if (typeof block !== 'string' || !block.endsWith('\n') || !isName(topic) || !isName(key)) return undefined
    return {
      block,
      event: typeof event === 'string' ? event : eventOf(block),
      data: typeof data === 'string' ? data : dataOf(block),
      isText: isText === 1,
      topic: topic ?? undefined,
      key: key ?? undefined,
    }
  }

  test.each(['text', 'of\r\nlines', { of: 'JSON' }, ''])('C19 it reads a message of several topics whole, with the first topic: %j', (data) => {
    const several = toLogMessage({ event: 'e', data }, { topic: ['a', 'b', 'c'], key: 'k' }, {}, new Set(), 9)
    const single = toLogMessage({ event: 'e', data }, { topic: 'a', key: 'k' }, {}, new Set())
    expect(asFirstRelease(packMessage(several))).toEqual(single)
    expect(unpackMessage(packMessage(several))).toEqual({ ...single, moreTopics: ['b', 'c'] })
  })

  test('C19 a message of one topic is packed as it was', () => {
    expect(packMessage(toLogMessage('x', { topic: 'a' }, {}, new Set()))).toBe('["data: x\\n",1,"a",null]')
    expect(packMessage(toLogMessage('x', { topic: ['a'] }, {}, new Set(), 9))).toBe('["data: x\\n",1,"a",null]')
  })

  test('G7 further topics that are none are no message of a log', () => {
    for (const more of ['"b"', '[7]', '{}', 'null']) expect(unpackMessage(`["data: x\\n",1,"a",null,"x","message",${more}]`)).toBeUndefined()
  })

  test('C19 a log on an engine takes several topics only where all of its processes are said to read them', async () => {
    const store = new Store()
    const { channel } = machine(store)
    expect(() => channel.publish('x', { topic: ['a', 'b'] })).toThrow(
      expect.objectContaining({ code: 'ERR_SSE_INVALID_OPTION', message: expect.stringContaining('severalTopics') }),
    )
    await channel.publish('x', { topic: ['a'] })
    expect(store.present.entries).toHaveLength(1)
    expect(() => machine(store, { severalTopics: 1 as never })).toThrow('severalTopics must be true or false')
  })
})
