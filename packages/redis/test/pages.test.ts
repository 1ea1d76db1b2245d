import { randomUUID } from 'node:crypto'
import { createChannel, type LogMessage, type MessageLog, type TailedLog } from '@tidings/core'
import { eventStreamResponse } from '@tidings/core/web'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { describeWith } from '../../../scripts/requirements.ts'
import { countOf } from '../../testing/src/lib/count-of.ts'
import { redisLog } from '../src/index.ts'
import { type AppClient, LIBRARIES } from './support/clients.ts'
import { until } from './support/reader.ts'
import { RedisServer } from './support/redis-server.ts'
import { SlowWay } from './support/slow-way.ts'
import { Switch } from './support/switch.ts'

const describe = describeWith('redis-server')
const PAGE_BYTES = 1_048_576
const TAIL = { bytes: 1_000_000 }
// 220 MB in messages of 60 KB.
const COUNT = countOf(3_670)
const LENGTH = 60_000

function message(number: number, length: number): LogMessage {
  const data = `${number} ${'x'.repeat(length)}`
  return { block: `data: ${data}\n`, event: 'message', data, isText: true, topic: undefined, key: undefined }
}

/** Appends `count` messages, some at a time. Resolves to their ids. */
async function fill(log: MessageLog, count: number, length: number): Promise<string[]> {
  const ids: string[] = []
  const atOnce = Math.max(1, Math.floor(4_000_000 / length))
  while (ids.length < count) {
    const some = Array.from({ length: Math.min(atOnce, count - ids.length) }, (_, index) => log.append(message(ids.length + index + 1, length)))
    ids.push(...(await Promise.all(some)))
  }
  return ids
}

/** The bytes of a log's messages in the memory of this process. */
function keptBytes(log: TailedLog): number {
  let bytes = 0
  for (let offset = 1; offset <= log.tail.head; offset++) bytes += (log.tail.at(offset) ?? log.older?.(offset - 1)?.at(offset))?.block.length ?? 0
  return bytes
}

describe.each(Object.entries(LIBRARIES).filter(([name]) => ['redis 6 with RESP3', 'ioredis 6'].includes(name)))('much history by way of %s', (_, connect) => {
  let server: RedisServer
  let app: AppClient
  const ended: (() => unknown)[] = []
  beforeAll(async () => {
    server = await RedisServer.start('--appendonly', 'no', '--slowlog-max-len', '100000')
    app = await connect(server.url)
  })
  afterEach(async () => {
    for (const end of ended.splice(0).reverse()) await end()
    await app.run('FLUSHALL')
  })
  afterAll(async () => {
    app.close()
    await server.stop()
  })
  const open = (name: string, client = app.client): TailedLog => {
    const log = redisLog(client, name, { tail: TAIL })
    ended.push(() => log.close())
    return log
  }

  test('G5 a follower that was cut off while 220 MB were published catches up in pages', { timeout: 120_000 }, async () => {
    const name = randomUUID()
    const way = await Switch.start(server.port)
    const its = await connect(`redis://127.0.0.1:${way.port}`)
    ended.push(
      () => way.close(),
      () => its.close(),
    )
    const log = open(name, its.client)
    const told: number[] = []
    log.follow({ entry: ({ offset }) => void told.push(offset) })
    await log.read(0, 1)
    way.lead(1)
    await fill(open(name), COUNT, LENGTH)
    way.lead(server.port)
    await until(
      () => told.length >= COUNT,
      () => `${told.length} of ${COUNT}`,
      100_000,
    )
    expect(told).toEqual(Array.from({ length: COUNT }, (_, index) => index + 1))
    expect(keptBytes(log)).toBeLessThan(2 * TAIL.bytes)
  })

  test('G5 messages() reads 220 MB from the start, one page in each call, and keeps no more than that', { timeout: 120_000 }, async () => {
    const name = randomUUID()
    await fill(open(name), COUNT, LENGTH)
    const log = open(name)
    const channel = createChannel({ log })
    await app.run('CONFIG', 'SET', 'slowlog-log-slower-than', '0')
    await app.run('SLOWLOG', 'RESET')
    const sent = async (): Promise<number> => Number(/total_net_output_bytes:(\d+)/.exec(String(await app.run('INFO', 'stats')))?.[1])
    const before = await sent()
    let read = 0
    let most = 0
    for await (const { data } of channel.messages({ after: 'start' })) {
      expect(Number.parseInt(data as string, 10)).toBe(++read)
      if (read % 50 === 0) most = Math.max(most, keptBytes(log))
      if (read === COUNT) break
    }
    expect(most).toBeLessThan(2 * TAIL.bytes + PAGE_BYTES)
    // Each message once, and a page for the look where the log stands.
    expect((await sent()) - before).toBeLessThan(1.1 * COUNT * LENGTH + 2 * PAGE_BYTES)
    await app.run('CONFIG', 'SET', 'slowlog-log-slower-than', '-1')
    const calls = (await app.run('SLOWLOG', 'GET', '-1')) as [unknown, unknown, number, string[]][]
    const times = calls.filter(([, , , [command]]) => String(command).startsWith('EVAL')).map(([, , time]) => Number(time))
    expect(times.length).toBeGreaterThanOrEqual((COUNT * LENGTH) / (PAGE_BYTES + LENGTH))
    if (process.env['TIDINGS_TIMES'])
      console.log(
        `${times.length} calls, in ms: ${times
          .sort((one, other) => other - one)
          .slice(0, 5)
          .map((time) => time / 1_000)}`,
      )
    channel.close()
  })

  test('G5 1,000 messages of 60 KB come over a connection of 8 MB/s', { timeout: 120_000 }, async () => {
    const name = randomUUID()
    const count = countOf(1_000)
    await fill(open(name), count, LENGTH)
    const way = await SlowWay.start(server.port, 8_000_000)
    const its = await connect(`redis://127.0.0.1:${way.port}`)
    ended.push(
      () => way.close(),
      () => its.close(),
    )
    const channel = createChannel({ log: open(name, its.client) })
    let read = 0
    for await (const { data } of channel.messages({ after: 'start' })) {
      expect(Number.parseInt(data as string, 10)).toBe(++read)
      if (read === count) break
    }
    channel.close()
  })

  test('G5 reading for an old id stops after the current page when its client has left', async () => {
    const name = randomUUID()
    const ids = await fill(open(name), countOf(1_000), LENGTH)
    const log = open(name)
    await log.read(ids.length, 1)
    const channel = createChannel({ log })
    const calls = async (): Promise<number> => Number(/cmdstat_evalsha:calls=(\d+)/.exec(String(await app.run('INFO', 'commandstats')))?.[1])
    const before = await calls()
    const request = new Request('http://localhost/', { headers: { 'last-event-id': ids[0] as string } })
    const { body } = eventStreamResponse(request, (stream) => void channel.subscribe(stream), { heartbeat: false })
    const reader = body?.getReader()
    await reader?.read()
    // Where the log stands, and then a page.
    await until(
      async () => (await calls()) >= before + 2,
      () => 'a page is read',
    )
    await reader?.cancel()
    await until(
      () => channel.subscribers === 0,
      () => 'the client has left',
    )
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect((await calls()) - before).toBeLessThanOrEqual(3)
    channel.close()
  })
})
