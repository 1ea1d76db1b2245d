import { randomUUID } from 'node:crypto'
import type { ChannelOptions } from '@tidings/core'
import { afterEach, expect, test } from 'vitest'
import { describeWith } from '../../../scripts/requirements.ts'
import { Machine } from './support/machine.ts'
import { faultsOf, Reader, until } from './support/reader.ts'
import { RedisServer } from './support/redis-server.ts'

const TOPICS = [undefined, 'a', 'b', ['a', 'b'], ['b', 'c'], ['c', 'a']] as const
const ROUNDS = 20

// A rolling deploy: processes of the first release and of this one on one Redis.
describeWith('redis-server')('beside a process of the first release', () => {
  const ended: (() => unknown)[] = []
  afterEach(async () => {
    for (const end of ended.splice(0).reverse()) await end()
  })

  async function startMachines(channel: ChannelOptions = {}): Promise<{ old: Machine; present: Machine }> {
    const redis = await RedisServer.start()
    ended.push(() => redis.stop())
    const name = randomUUID()
    const old = await Machine.start(redis.port, 'redis', name, {}, 'first')
    const present = await Machine.start(redis.port, 'redis', name, { severalTopics: true }, 'this', channel)
    ended.push(() => Promise.all([old.kill(), present.kill()]))
    return { old, present }
  }

  /** A page that has its position. */
  async function read(ports: readonly number[], path = '/'): Promise<Reader> {
    const reader = new Reader(() => ports, path)
    ended.push(() => reader.leave())
    await until(
      () => reader.lastEventId !== '',
      () => 'the page has a position',
    )
    return reader
  }

  const datas = ({ messages }: Reader): string[] => messages.map(({ data }) => data)

  test('C19 G2 it reads all messages of this release, by their first topic, and this one reads all of it', async () => {
    const { old, present } = await startMachines()
    const pages = await Promise.all([read([old.port]), read([present.port])])
    const [oldA, presentA, presentC] = await Promise.all([read([old.port], '/?topic=a'), read([present.port], '/?topic=a'), read([present.port], '/?topic=c')])
    const published: { data: string; topics: readonly string[]; id: string }[] = []
    for (let round = 0; round < ROUNDS; round++) {
      for (const [index, topic] of TOPICS.entries()) {
        const topics = [topic ?? []].flat()
        // The first release takes one topic.
        const machine = topics.length < 2 && round % 2 === 0 ? old : present
        const data = `${round}.${index}`
        const { id } = await machine.publish(data, topic === undefined ? {} : { topic })
        published.push({ data, topics, id: id as string })
      }
    }
    const of = (wants: (topics: readonly string[]) => boolean): string[] => published.filter(({ topics }) => wants(topics)).map(({ data }) => data)
    const everything = of(() => true)
    const expected: [Reader, string[]][] = [
      ...pages.map((page): [Reader, string[]] => [page, everything]),
      [presentA, of((topics) => topics.includes('a'))],
      [presentC, of((topics) => topics.includes('c'))],
      [oldA, of(([first]) => first === 'a')],
    ]
    for (const [reader, all] of expected) {
      await until(
        () => reader.messages.length >= all.length,
        () => `${reader.messages.length} of ${all.length}`,
      )
      expect([datas(reader), reader.resets]).toEqual([all, []])
    }
    for (const page of pages) expect(page.messages.map(({ id }) => id)).toEqual(published.map(({ id }) => id))
    expect([await old.errors(), await present.errors(), old.stderr, present.stderr]).toEqual([[], [], '', ''])
  })

  test('C19 G2 pages that move between the two miss nothing and get nothing twice', async () => {
    const { old, present } = await startMachines()
    const readers = await Promise.all(Array.from({ length: 6 }, () => read([old.port, present.port])))
    const publishedById = new Map<string, string>()
    for (let index = 0; index < 120; index++) {
      const machine = index % 3 === 0 ? old : present
      const { id } = await machine.publish(`${index}`, index % 3 === 1 ? { topic: ['a', 'b'] } : {})
      publishedById.set(id as string, `${index}`)
      readers[index % readers.length]?.drop()
    }
    for (const reader of readers) {
      await until(
        () => reader.messages.length >= publishedById.size,
        () => `${reader.messages.length} of ${publishedById.size}`,
      )
      expect([faultsOf(reader.seen, publishedById), datas(reader), reader.resets]).toEqual([[], [...publishedById.values()], []])
    }
    expect([await old.errors(), await present.errors(), old.stderr, present.stderr]).toEqual([[], [], '', ''])
  })

  test('C20 both send the strings of the other as that process published them, and read the same values', async () => {
    const { old, present } = await startMachines({ strings: 'json' })
    const [there, here] = await Promise.all([read([old.port]), read([present.port])])
    const strings = ['text', '[DONE]', 'a "b"\r\nc']
    for (const [index, data] of strings.entries()) for (const machine of index === 1 ? [present, old] : [old, present]) await machine.publish(data)
    const sent = ['text', '"text"', '"[DONE]"', '[DONE]', 'a "b"\nc', '"a \\"b\\"\\r\\nc"']
    for (const reader of [there, here]) {
      await until(
        () => reader.messages.length >= sent.length,
        () => datas(reader).join(),
      )
      expect(datas(reader)).toEqual(sent)
    }
    const published = strings.flatMap((data) => [data, data])
    expect([await old.read(6), await present.read(6)]).toEqual([published, published])
    expect([await old.errors(), await present.errors(), old.stderr, present.stderr]).toEqual([[], [], '', ''])
  })

  test('C14 it does not hear the messages of this release that are not kept, and gets all others', async () => {
    const { old, present } = await startMachines()
    const [there, here] = await Promise.all([read([old.port]), read([present.port])])
    const kept: string[] = []
    for (let round = 0; round < ROUNDS; round++) {
      await present.publish(`not kept ${round}`, { keep: false })
      kept.push(`${round}`)
      await (round % 2 === 0 ? old : present).publish(`${round}`)
    }
    for (const reader of [there, here]) {
      await until(
        () => datas(reader).at(-1) === kept.at(-1),
        () => datas(reader).join(),
      )
      expect(reader.messages.filter(({ id }) => id !== '').map(({ data }) => data)).toEqual(kept)
    }
    expect(datas(there)).toEqual(kept)
    expect(datas(here).length).toBeGreaterThan(kept.length)
    expect([await old.errors(), await present.errors(), old.stderr, present.stderr]).toEqual([[], [], '', ''])
  })
})
