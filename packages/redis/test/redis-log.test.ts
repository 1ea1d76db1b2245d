import { randomUUID } from 'node:crypto'
import { createChannel, type LogMessage } from '@tidings/core'
import { createClientPool } from 'redis'
import { createClient as createClient4 } from 'redis4'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
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
  const ended: (() => unknown)[] = []
  afterEach(async () => {
    for (const end of ended.splice(0).reverse()) await end()
  })
  /** A client for the test itself. */
  const connectTo = async (url: string): Promise<AppClient> => {
    const its = await connect(url)
    ended.push(its.close)
    return its
  }
  /** Another Redis, and a client of it. */
  const startAnother = async (...options: string[]): Promise<AppClient & { url: string }> => {
    const another = await RedisServer.start(...options)
    ended.push(() => another.stop())
    return { ...(await connectTo(another.url)), url: another.url }
  }

  test('exists after an append or a follower, and not after a call of exists()', async () => {
    const name = randomUUID()
    const log = redisLog(app.client, name)
    expect(await log.exists()).toBe(false)
    expect(await keysOf(name)).toEqual([])
    await log.append(message('a'))
    expect(await log.exists()).toBe(true)
    expect(await keysOf(name)).toEqual([`{${name}}:m`, `{${name}}:s`])
    await log.close()
  })

  test('G10 the channel tells when following is lost and when it is restored', async () => {
    const another = await RedisServer.start()
    ended.push(() => another.stop())
    const its = await connectTo(another.url)
    const told: string[] = []
    const channel = createChannel({ log: redisLog(its.client, randomUUID()), onStatus: (status) => told.push(status), onError: () => {} })
    ended.push(() => channel.close())
    const wait = (status: string): Promise<void> =>
      until(
        () => channel.status === status,
        () => told.join(),
      )
    await wait('live')
    await another.kill()
    await wait('away')
    await another.start()
    await wait('live')
    expect(told).toEqual(['live', 'away', 'catching up', 'live'])
  })

  test('G9 destroy() removes it with its name, which begins anew', async () => {
    const name = randomUUID()
    const log = redisLog(app.client, name)
    const old = await log.append(message('a'), { idempotencyKey: 'k' })
    await log.destroy()
    expect(await log.exists()).toBe(false)
    expect(await keysOf(name)).toEqual([`{${name}}:k:k`])
    const anew = await log.append(message('b'), { idempotencyKey: 'k' })
    expect(anew.split('-')[0]).not.toBe(old.split('-')[0])
    expect((await log.read(0, 10)).entries.map(({ data }) => data)).toEqual(['b'])
    expect(log.locate(old)).toBeUndefined()
    await log.close()
  })

  test('G9 destroy() is a reset for those who follow it elsewhere, and they get what comes then', async () => {
    const name = randomUUID()
    const other = await connectTo(server.url)
    const [here, there] = [redisLog(app.client, name), redisLog(other.client, name)]
    const followed: string[] = []
    there.follow({ entry: ({ data }) => followed.push(data), breaking: (upTo) => followed.push(`reset from ${upTo}`) })
    await there.read(0, 1)
    await here.append(message('a'))
    await until(
      () => followed.length === 1,
      () => followed.join(),
    )
    await here.destroy()
    await until(
      () => followed.length === 2,
      () => followed.join(),
    )
    await here.append(message('b'))
    await until(
      () => followed.length === 3,
      () => followed.join(),
    )
    expect(followed).toEqual(['a', 'reset from -1', 'b'])
    await Promise.all([here.close(), there.close()])
  })

  test('is gone after its expiry without a use, and stays while it is followed', async () => {
    const [left, followed] = [randomUUID(), randomUUID()]
    // A follower that looks up to 20 times late still keeps its log.
    const options = { expiry: 2_000, checkInterval: 100 }
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
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    expect(await keysOf(followed)).toEqual([`{${followed}}:m`, `{${followed}}:s`])
    await other.close()
  })

  test('lives for its expiry after each use, and at most a quarter longer', async () => {
    const name = randomUUID()
    const log = redisLog(app.client, name, { expiry: 60_000 })
    const lives = async (): Promise<number[]> => Promise.all(['m', 's'].map(async (kind) => Number(await app.run('PTTL', `{${name}}:${kind}`))))
    const isInFull = (left: number): boolean => left > 59_000 && left <= 75_000
    const age = async (): Promise<void> => {
      for (const kind of ['m', 's']) await app.run('PEXPIRE', `{${name}}:${kind}`, '50000')
    }
    await log.append(message('a'))
    expect(await lives()).toSatisfy((all: number[]) => all.every(isInFull))
    await age()
    await log.append(message('b'))
    expect(await lives()).toSatisfy((all: number[]) => all.every(isInFull))
    await age()
    await log.read(0, 1)
    expect(await lives()).toSatisfy((all: number[]) => all.every(isInFull))
    // Made by another program: the next stream has a time to live as well.
    await app.run('DEL', `{${name}}:s`)
    await log.append(message('c'))
    expect(await lives()).toSatisfy((all: number[]) => all.every(isInFull))
    await log.close()
  })

  test('G8 a Redis that is out of memory is read as before, even when the expiry of a log must be extended', async () => {
    const its = await startAnother('--maxmemory-policy', 'noeviction')
    const name = randomUUID()
    const log = redisLog(its.client, name, { expiry: 60_000 })
    await log.append(message('a'))
    await log.close()
    for (const kind of ['m', 's']) await its.run('PEXPIRE', `{${name}}:${kind}`, '30000')
    await its.run('CONFIG', 'SET', 'maxmemory', '1')
    const later = redisLog(its.client, name, { expiry: 60_000 })
    const { entries } = await later.read(0, 10)
    expect(entries.map(({ data }) => data)).toEqual(['a'])
    expect(Number(await its.run('PTTL', `{${name}}:m`))).toBeGreaterThan(59_000)
    await later.close()
  })

  test('G8 a replica, which takes no writes, can be read and followed', async () => {
    const its = await startAnother('--replicaof', `127.0.0.1 ${server.port}`)
    const name = randomUUID()
    const log = redisLog(app.client, name, { expiry: 60_000 })
    await log.append(message('a'))
    for (const kind of ['m', 's']) await app.run('PEXPIRE', `{${name}}:${kind}`, '30000')
    expect(Number(await app.run('WAIT', '1', '10000'))).toBe(1)
    const there = redisLog(its.client, name, { expiry: 60_000 })
    const told: string[] = []
    there.follow({ entry: ({ data }) => void told.push(data) })
    const { entries } = await there.read(0, 10)
    expect(entries.map(({ data }) => data)).toEqual(['a'])
    await log.append(message('b'))
    await until(
      () => told.includes('b'),
      () => `followed: ${told}`,
    )
    await log.close()
    await there.close()
  })

  test('G8 a follower that is refused after its connection was cut is told why once, and goes on when it is permitted', async () => {
    const boss = await startAnother()
    await boss.run('ACL', 'SETUSER', 'app', 'on', '>old', '~*', '&*', '+@all')
    const [port] = /\d+$/.exec(boss.url) ?? []
    const its = await connectTo(`redis://app:old@127.0.0.1:${port}`)
    const log = redisLog(its.client, 'x', { checkInterval: 600_000 })
    const [told, failures]: [string[], string[]] = [[], []]
    log.follow({
      entry: ({ data }) => void told.push(data),
      failed: (error) => void failures.push((error as { code?: string }).code === 'ERR_SSE_LOG_REFUSED' ? String(error) : 'cut'),
    })
    await log.read(0, 1)
    /** Cuts the connection that follows. Messages that are published then come when the follower is permitted. */
    const refuse = async (data: string, says: string, letIn: () => unknown): Promise<void> => {
      failures.length = 0
      await boss.run('CLIENT', 'KILL', 'TYPE', 'pubsub')
      await until(
        () => failures.length === 2,
        () => failures.join(),
      )
      expect(failures).toEqual(['cut', expect.stringContaining(says)])
      await log.append(message(data))
      await letIn()
      await until(
        () => told.includes(data),
        () => `told ${told}, failures ${failures}`,
      )
      expect(failures).toHaveLength(2)
    }
    await boss.run('ACL', 'SETUSER', 'app', '<old', '>new')
    await refuse('after the password was changed', 'Redis refuses SUBSCRIBE for the log "x": WRONGPASS', () => boss.run('ACL', 'SETUSER', 'app', '>old'))
    await boss.run('ACL', 'SETUSER', 'app', '-subscribe')
    await refuse('after a right was withdrawn', "give the client's user +subscribe", () => boss.run('ACL', 'SETUSER', 'app', '+subscribe'))
    await log.close()
  })

  test('G1 an idempotency key that is older than its log is not known', async () => {
    const name = randomUUID()
    const log = redisLog(app.client, name)
    const old = await log.append(message('a'), { idempotencyKey: 'k' })
    await app.run('DEL', `{${name}}:s`, `{${name}}:m`)
    const id = await log.append(message('b'), { idempotencyKey: 'k' })
    expect(id.split('-')[0]).not.toBe(old.split('-')[0])
    expect((await log.read(0, 10)).entries.map(({ data }) => data)).toEqual(['b'])
    expect(await log.append(message('c'), { idempotencyKey: 'k' })).toBe(id)
    await log.close()
  })

  test('C8 two processes with different histories are told so once', async () => {
    const name = randomUUID()
    const other = await connectTo(server.url)
    const told: unknown[] = []
    const onError = (error: unknown, { stage }: { stage: string }): void => void told.push([stage, error])
    const channels = [
      createChannel({ log: redisLog(app.client, name, { history: { messages: 1_000 } }), onError }),
      createChannel({ log: redisLog(other.client, name, { history: { messages: 50, age: 60_000 } }), onError }),
    ]
    for (let round = 0; round < 3; round++) for (const channel of channels) await channel.publish('a')
    const text = (theirs: string, ours: string) =>
      `The last append to the log "${name}" had a history of ${theirs}, and this one has ${ours}. The log keeps the smaller history; give all processes the same one`
    const [many, few] = ['1000 messages', '50 messages of 60000 ms']
    expect(told).toEqual([
      ['log', expect.objectContaining({ code: 'ERR_SSE_HISTORY_DIFFERS', message: text(many, few) })],
      ['log', expect.objectContaining({ code: 'ERR_SSE_HISTORY_DIFFERS', message: text(few, many) })],
    ])
    // A later channel of the same process is no news.
    const again = createChannel({ log: redisLog(other.client, name), onError })
    await again.publish('b')
    expect(told).toHaveLength(2)
    for (const channel of [...channels, again]) channel.close()
  })

  test('G7 a copy of a log in another database of the same Redis is another log', async () => {
    const name = randomUUID()
    const [byUrl, bySelect] = [await connectTo(`${server.url}/3`), await connectTo(server.url)]
    await bySelect.run('SELECT', '3')
    const followed = async ({ client }: AppClient) => {
      const log = redisLog(client, name)
      const told: string[] = []
      log.follow({ entry: ({ data }) => void told.push(data) })
      await log.read(0, 1)
      return { log, told }
    }
    const first = await followed(app)
    await first.log.append(message('a'))
    for (const key of await keysOf(name)) await app.run('COPY', key, key, 'DB', '3')
    const copies = [await followed(byUrl), await followed(bySelect)]
    for (const [index, { log }] of copies.entries()) await log.append(message(`of the copy ${index}`))
    await until(
      () => copies.every(({ told }) => told.length === 2),
      () => `the copy is followed: ${copies.map(({ told }) => told.join()).join(' and ')}`,
    )
    await first.log.append(message('b'))
    await until(
      () => first.told.includes('b'),
      () => `the first one is followed: ${first.told}`,
    )
    expect(first.told).toEqual(['a', 'b'])
    for (const { log } of [first, ...copies]) await log.close()
  })

  test('C8 keeps about history.messages messages, and none that are much too old', async () => {
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

  test('G4 opens one connection for all logs, closes it with the last log, and does not close the client', async () => {
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

  test('G2 two logs of one name on one client get the same messages', async () => {
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
    ['a pool', createClientPool(), 'scores', {}, 'no pool of them'],
    ['a client of callbacks', createClient4({ legacyMode: true }), 'scores', {}, 'none with legacyMode'],
    ['no name', 'client', '', {}, 'the name of a log must be a text without { and }'],
    ['braces in the name', 'client', '{a}', {}, 'the name of a log must be a text without { and }'],
    ['an unknown option', 'client', 'scores', { maxlen: 1 }, '"maxlen" is not an option of redisLog; there are history, tail, publishTimeout'],
    ['no expiry', 'client', 'scores', { expiry: 0 }, 'expiry must be a whole number of at least 1'],
    [
      'an expiry that is over before a follower looks',
      'client',
      'scores',
      { expiry: 19_999 },
      'expiry must be at least twice checkInterval, which is 10000 ms',
    ],
    ['one for a longer interval', 'client', 'scores', { expiry: 600, checkInterval: 301 }, 'expiry must be at least twice checkInterval, which is 301 ms'],
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
