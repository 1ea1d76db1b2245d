import { randomUUID } from 'node:crypto'
import { createChannel, type LogMessage } from '@tidings/core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeWith } from '../../../scripts/requirements.ts'
import { redisLog } from '../src/index.ts'
import { type AppClient, LIBRARIES } from './support/clients.ts'
import { until } from './support/reader.ts'
import { RedisServer } from './support/redis-server.ts'

const describe = describeWith('redis-server')

function message(data: string): LogMessage {
  return { block: `data: ${data}\n`, event: 'message', data, isText: true, topic: undefined, key: undefined }
}

describe.each(Object.entries(LIBRARIES).filter(([name]) => ['redis 6 with RESP3', 'ioredis 6'].includes(name)))('a log on Redis by way of %s', (_, connect) => {
  let server: RedisServer
  let app: AppClient
  const keysOf = async (name: string): Promise<string[]> => ((await app.run('KEYS', `*{${name}}*`)) as string[]).sort()
  const followers = async (): Promise<number> =>
    String(await app.run('CLIENT', 'LIST', 'TYPE', 'pubsub'))
      .split('\n')
      .filter((line) => line.includes(' sub=') && !line.includes(' sub=0')).length
  beforeAll(async () => {
    server = await RedisServer.start()
    app = await connect(server.url)
  })
  afterAll(async () => {
    app.close()
    await server.stop()
  })

  test('exists once somebody has appended to it or followed it, and not for having been asked', async () => {
    const name = randomUUID()
    const log = redisLog(app.client, name)
    expect(await log.exists()).toBe(false)
    expect(await keysOf(name)).toEqual([])
    await log.append(message('a'))
    expect(await log.exists()).toBe(true)
    expect(await keysOf(name)).toEqual([`{${name}}:m`, `{${name}}:s`])
    await log.close()
  })

  test('is gone when nobody has used it for its expiry, and stays while somebody follows', async () => {
    const [left, followed] = [randomUUID(), randomUUID()]
    const options = { expiry: 600, checkInterval: 100 }
    const [log, other] = [redisLog(app.client, left, options), redisLog(app.client, followed, options)]
    other.follow({ entry: () => {} })
    await Promise.all([log.append(message('a'), { idempotencyKey: 'k' }), other.append(message('a'))])
    await log.close()
    await until(
      async () => (await keysOf(left)).length <= 1,
      () => 'the keys are gone',
    )
    // The key of the retry has a time of its own.
    expect(await keysOf(left)).toEqual([`{${left}}:k:k`])
    await new Promise((resolve) => setTimeout(resolve, 600))
    expect(await keysOf(followed)).toEqual([`{${followed}}:m`, `{${followed}}:s`])
    await other.close()
  })

  test('C8 keeps about as many messages as it may, and none that are much too old', async () => {
    const [many, old] = [randomUUID(), randomUUID()]
    const log = redisLog(app.client, many, { history: { messages: 50 } })
    await Promise.all(Array.from({ length: 1_000 }, (_, index) => log.append(message(`${index}`))))
    const kept = Number(await app.run('XLEN', `{${many}}:s`))
    expect(kept).toBeGreaterThanOrEqual(50)
    expect(kept).toBeLessThan(250)
    const aged = redisLog(app.client, old, { history: { age: 2_000 } })
    await Promise.all(Array.from({ length: 500 }, () => aged.append(message('old'))))
    await new Promise((resolve) => setTimeout(resolve, 2_200))
    await aged.append(message('new'))
    expect(Number(await app.run('XLEN', `{${old}}:s`))).toBeLessThan(150)
    expect((await aged.read(0, 1_000)).entries.map(({ data }) => data)).toEqual(['new'])
    await Promise.all([log.close(), aged.close()])
  })

  test('G4 opens one connection for all logs, closes it with the last of them, and leaves the client alone', async () => {
    // That of the test before.
    await until(
      async () => (await followers()) === 0,
      () => 'no connection follows yet',
    )
    const channels = Array.from({ length: 20 }, () => createChannel({ log: redisLog(app.client, randomUUID()) }))
    await until(
      async () => (await followers()) === 1,
      () => 'one connection follows',
    )
    await Promise.all(channels.map((channel) => channel.publish('a')))
    expect(await followers()).toBe(1)
    for (const channel of channels.slice(1)) channel.close()
    await channels[0]?.publish('b')
    expect(await followers()).toBe(1)
    channels[0]?.close()
    await until(
      async () => (await followers()) === 0,
      () => 'no connection follows',
    )
    expect(String(await app.run('PING'))).toBe('PONG')
  })

  test('G2 two logs of one name by way of one client are told the same', async () => {
    const name = randomUUID()
    const [log, same] = [redisLog(app.client, name), redisLog(app.client, name)]
    const told: string[] = []
    log.follow({ entry: ({ data }) => void told.push(`log ${data}`) })
    await log.read(0, 1)
    same.follow({ entry: ({ data }) => void told.push(`same ${data}`) })
    await same.read(0, 1)
    await same.append(message('a'))
    await until(
      () => told.length === 2,
      () => told.join(),
    )
    await same.close()
    await log.append(message('b'))
    await until(
      () => told.length === 3,
      () => told.join(),
    )
    expect(told).toEqual(['log a', 'same a', 'log b'])
    await log.close()
  })

  test.each<[string, unknown, unknown, object, string]>([
    ['a URL', 'redis://127.0.0.1', 'scores', {}, 'redisLog takes a client of redis or ioredis'],
    ['nothing', undefined, 'scores', {}, 'redisLog takes a client of redis or ioredis'],
    ['no name', 'client', '', {}, 'the name of a log must be a text without { and }'],
    ['braces in the name', 'client', '{a}', {}, 'the name of a log must be a text without { and }'],
    ['an unknown option', 'client', 'scores', { maxlen: 1 }, '"maxlen" is not an option of redisLog; there are history, tail, publishTimeout'],
    ['no expiry', 'client', 'scores', { expiry: 0 }, 'expiry must be a whole number of at least 1'],
    ['an endless expiry', 'client', 'scores', { expiry: Number.POSITIVE_INFINITY }, 'expiry must be a whole number of at least 1'],
    ['no options', 'client', 'scores', null as never, 'the options of redisLog must be an object, got null'],
    ['a history of bytes', 'client', 'scores', { history: { bytes: 1 } }, '"bytes" is not an option of history'],
  ])('refuses %s', (_name, client, name, options, text) => {
    const given = client === 'client' ? app.client : client
    expect(() => redisLog(given as never, name as string, options)).toThrow(
      expect.objectContaining({ code: 'ERR_SSE_INVALID_OPTION', message: expect.stringContaining(text) }),
    )
  })
})
