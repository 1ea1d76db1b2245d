import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createChannel, type LogMessage, type TidingsError } from '@tidings/core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { describeWith } from '../../../scripts/requirements.ts'
import { type RedisLog, redisLog } from '../src/index.ts'
import { type AppClient, LIBRARIES } from './support/clients.ts'
import { until } from './support/reader.ts'
import { RedisServer } from './support/redis-server.ts'
import { Switch } from './support/switch.ts'

const describe = describeWith('redis-server')

function message(data: string): LogMessage {
  return { block: `data: ${data}\n`, event: 'message', data, isText: true, topic: undefined, key: undefined }
}

describe.each(Object.entries(LIBRARIES).filter(([name]) => ['redis 6 with RESP3', 'ioredis 6'].includes(name)))('an append by way of %s', (_, connect) => {
  let server: RedisServer
  let app: AppClient
  let limited: AppClient
  const ends: (() => unknown)[] = []
  const open = (client: AppClient, name: string, options = {}): RedisLog => {
    const log = redisLog(client.client, name, options)
    ends.push(() => log.close())
    return log
  }
  const userMay = (...rules: string[]) => app.run('ACL', 'SETUSER', 'limited', 'reset', 'on', '>secret', '~*', '&*', '+@all', ...rules)
  const stateOf = async (name: string): Promise<unknown> => ({
    entries: ((await app.run('XRANGE', `{${name}}:s`, '-', '+')) as [string, string[]][]).map(([, fields]) => JSON.parse(fields[1] ?? '')[0]),
    meta: await app.run('HMGET', `{${name}}:m`, 'at', 'offset', 'ended'),
    key: await app.run('GET', `{${name}}:k:key`),
  })
  beforeAll(async () => {
    server = await RedisServer.start()
    app = await connect(server.url)
    await userMay()
    limited = await connect(server.url.replace('//', '//limited:secret@'))
  })
  afterEach(async () => {
    await userMay()
    for (const end of ends.splice(0).reverse()) await end()
  })
  afterAll(async () => {
    for (const { close } of [app, limited]) close()
    await server.stop()
  })

  test.each(['HMGET', 'TIME', 'HSET', 'PTTL', 'PEXPIRE', 'GET', 'SET', 'XADD', 'XTRIM', 'PUBLISH', 'EVALSHA'])(
    'G8 without the permission for %s keeps nothing, rejects at once, and works once it is granted',
    async (command) => {
      const name = randomUUID()
      const followed: string[] = []
      const warned: unknown[] = []
      const other = open(app, name, { history: { age: 60_000 } })
      other.follow({ entry: ({ data }) => void followed.push(data), warned: (error) => void warned.push(error) })
      await other.read(0, 1)
      await other.append(message('first'))
      // So that the expiry must be extended again.
      await app.run('PERSIST', `{${name}}:m`)
      const before = await stateOf(name)
      await userMay(`-${command}`)
      const log = open(limited, name, { history: { age: 60_000 } })
      const append = () => log.append(message('second'), { idempotencyKey: 'key' })
      const error = (await append().catch((failure: unknown) => failure)) as TidingsError
      expect(error).toMatchObject({ code: 'ERR_SSE_LOG_UNAVAILABLE', cause: { code: 'ERR_SSE_LOG_REFUSED' } })
      expect(error.message).toMatch(new RegExp(`Redis refuses ${command} for the log "${name}": .*; give the client's user \\+${command.toLowerCase()}, `))
      expect(await stateOf(name)).toEqual({ ...(before as object), key: expect.toSatisfy((key) => !key) })
      await userMay()
      const id = await append()
      expect(await append()).toBe(id)
      await until(
        () => followed.length === 2,
        () => `told of the second: ${followed}`,
      )
      expect(followed).toEqual(['first', 'second'])
      expect(warned).toEqual([])
    },
  )

  test.each(['HMGET', 'XREVRANGE', 'XRANGE'])('G8 a follower without the permission for %s is told so once', async (command) => {
    const name = randomUUID()
    await open(app, name).append(message('first'))
    await userMay(`-${command}`)
    const told: [string, TidingsError][] = []
    const channel = createChannel({ log: open(limited, name), onError: (error, { stage }) => void told.push([stage, error as TidingsError]) })
    const messages = channel.messages({ after: 'start' })
    const first = messages.next()
    await until(
      () => told.length > 0,
      () => 'it is told',
    )
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(told.map(([stage, { code }]) => [stage, code])).toEqual([['follow', 'ERR_SSE_LOG_REFUSED']])
    expect(told[0]?.[1].message).toContain(`Redis refuses ${command} for the log`)
    await userMay()
    expect((await first).value?.data).toBe('first')
    await messages.return?.()
    channel.close()
  })

  test('G8 without the permission to publish, kept messages come with the next check, and the cause is reported at once', async () => {
    const name = randomUUID()
    const warned: TidingsError[] = []
    const followed: string[] = []
    const log = open(limited, name)
    log.follow({ entry: ({ data }) => void followed.push(data), warned: (error) => void warned.push(error as TidingsError) })
    await log.read(0, 1)
    await log.append(message('first'))
    await userMay('-publish')
    await log.append(message('second'))
    await until(
      () => followed.length === 2,
      () => `told of the second: ${followed}`,
    )
    expect(warned.map(({ code }) => code)).toEqual(['ERR_SSE_LOG_REFUSED'])
    expect(warned[0]?.message).toContain('Redis refuses PUBLISH')
  })

  test.each<[string, string[], string[], string]>([
    ['out of memory', ['CONFIG', 'SET', 'maxmemory', '1'], ['CONFIG', 'SET', 'maxmemory', '0'], 'HSET .*OOM .*; raise maxmemory'],
    ['a read-only replica', ['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE'], 'HSET .*READONLY .*; the client is connected to a replica'],
    [
      'without its replicas',
      ['CONFIG', 'SET', 'min-replicas-to-write', '1'],
      ['CONFIG', 'SET', 'min-replicas-to-write', '0'],
      'HSET .*NOREPLICAS .*; too few replicas',
    ],
  ])('G8 a Redis that is %s keeps nothing of a batch, and the rejection names the cause', async (_what, refuse, allow, text) => {
    const name = randomUUID()
    const log = open(app, name, { publishTimeout: 400 })
    await log.append(message('first'))
    const before = await stateOf(name)
    await app.run(...refuse)
    const batch = await Promise.allSettled(Array.from({ length: 3 }, (_each, index) => log.append(message(`${index}`), { idempotencyKey: 'key' })))
    expect(await stateOf(name)).toEqual(before)
    await app.run(...allow)
    for (const result of batch) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'ERR_SSE_LOG_UNAVAILABLE', message: expect.stringMatching(text) } })
    }
    expect(await log.append(message('second'))).toMatch(/-2$/)
  })

  test('G8 a stream key or an idempotency key of another type keeps nothing', async () => {
    const name = randomUUID()
    const log = open(app, name)
    await log.append(message('first'))
    await app.run('RENAME', `{${name}}:s`, `{${name}}:away`)
    await app.run('SET', `{${name}}:s`, 'x')
    await expect(log.append(message('second'))).rejects.toThrow(/Redis refuses XADD for the log ".*": WRONGTYPE/)
    await app.run('RENAME', `{${name}}:away`, `{${name}}:s`)
    await app.run('SADD', `{${name}}:k:key`, 'x')
    await expect(log.append(message('second'), { idempotencyKey: 'key' })).rejects.toThrow(/Redis refuses GET for the log ".*": WRONGTYPE/)
    await app.run('DEL', `{${name}}:k:key`)
    expect(await log.append(message('second'), { idempotencyKey: 'key' })).toMatch(/-2$/)
    expect(await stateOf(name)).toMatchObject({ entries: ['data: first\n', 'data: second\n'] })
  })

  test('G8 the user in the documentation has all permissions that a log needs', async () => {
    const page = readFileSync(new URL('../../../docs/scaling.md', import.meta.url), 'utf8')
    const [, rules = ''] = /^ACL SETUSER scores ([^`]*)$/m.exec(page) ?? []
    const name = randomUUID()
    const words = rules.trim().replaceAll('scores', name).split(/\s+/)
    expect(words.length).toBeGreaterThan(20)
    // The commands of the libraries themselves when they connect.
    await app.run('ACL', 'SETUSER', name, ...words, '+hello', '+info', '+client', '+auth')
    const its = await connect(server.url.replace('//', `//${name}:password@`))
    ends.push(
      () => app.run('ACL', 'DELUSER', name),
      () => its.close(),
    )
    const told: unknown[] = []
    const channel = createChannel({ log: open(its, name, { history: { age: 60_000 } }), onError: (error) => void told.push(error) })
    const messages = channel.messages({ after: 'start' })
    await channel.publish('a', { idempotencyKey: 'key' })
    expect((await messages.next()).value?.data).toBe('a')
    const now = Date.now()
    // Of others that are gone, so that some are forgotten.
    await app.run('HSET', `{${name}}:m`, ...Array.from({ length: 300 }, (_each, index) => [`w:${index}`, `1 ${now - 900_000} x`]).flat())
    const later = open(its, name, { tail: { messages: 1 } })
    await later.append(message('b'))
    expect((await messages.next()).value?.data).toBe('b')
    expect((await later.read(0, 10)).entries).toHaveLength(2)
    expect(await later.exists()).toBe(true)
    expect(Number(await app.run('HLEN', `{${name}}:m`))).toBeLessThan(306)
    expect(told).toEqual([])
    expect(String(await app.run('ACL', 'LOG'))).not.toContain(name)
    await messages.return?.()
    channel.close()
  })

  test('G1 an append whose answer was lost is sent and announced again, and kept once', async () => {
    const name = randomUUID()
    const log = open(app, name)
    await log.append(message('first'))
    const announced: string[] = []
    const listener = await connect(server.url)
    ends.push(() => listener.close())
    const hear = (text: unknown): void => void announced.push(String(text).split('\n')[0]?.split(' ').slice(2).join(' ') ?? '')
    const raw = listener.client as unknown as {
      subscribe(channel: string, listener?: (text: string) => void): Promise<unknown>
      on(event: string, listener: (channel: string, text: string) => void): unknown
    }
    if ('call' in raw) raw.on('message', (_channel, text) => hear(text))
    await raw.subscribe(`{${name}}:c`, ...('call' in raw ? [] : [hear]))
    const client = app.client as unknown as Record<'call' | 'sendCommand', ((...words: unknown[]) => Promise<unknown>) | undefined>
    const way = client.call ? 'call' : 'sendCommand'
    const send = client[way]?.bind(client) as (...words: unknown[]) => Promise<unknown>
    let lost = 0
    client[way] = async (...words) => {
      const answer = await send(...words)
      if (words.flat()[0] !== 'EVALSHA' || lost++ > 0) return answer
      throw new Error('the answer was lost')
    }
    try {
      expect(await log.append(message('second'))).toMatch(/-2$/)
    } finally {
      delete client[way]
    }
    expect(Number(await app.run('XLEN', `{${name}}:s`))).toBe(2)
    await until(
      () => announced.length > 1,
      () => `announced: ${announced}`,
    )
    expect(announced).toEqual([expect.stringMatching(/^1 \d+ 0$/), expect.stringMatching(/^2 \d+ 0$/)])
  })

  test('G1 a message that Redis keeps after 2.5 s does not reject', async () => {
    const slow = await Switch.start(server.port, 1_250)
    const far = await connect(`redis://127.0.0.1:${slow.port}`)
    ends.push(
      () => slow.close(),
      () => far.close(),
    )
    await far.run('PING')
    const name = randomUUID()
    const log = open(far, name)
    const ids = [await log.append(message('first')), ...(await Promise.all([log.append(message('second')), log.append(message('third'))]))]
    expect(ids.map((id) => id.split('-')[2])).toEqual(['1', '2', '3'])
    expect(await stateOf(name)).toMatchObject({ entries: ['data: first\n', 'data: second\n', 'data: third\n'] })
  })

  test('C8 with thousands of writers of one log an append takes as long as with one, and writers that are gone are forgotten', async () => {
    const [crowded, lonely] = [randomUUID(), randomUUID()]
    for (const name of [crowded, lonely]) await open(app, name).append(message('first'))
    const now = Date.now()
    const epoch = String(await app.run('HGET', `{${crowded}}:m`, 'epoch'))
    const writers = (count: number, at: number) => Array.from({ length: count }, () => [`w:${randomUUID()}`, `1 ${at} ${epoch} ${at} 0`]).flat()
    await app.run('HSET', `{${crowded}}:m`, ...writers(4_000, now))
    const cost = async (name: string): Promise<number> => {
      await app.run('CONFIG', 'RESETSTAT')
      for (let writer = 0; writer < 100; writer++) await redisLog(app.client, name).append(message('x'))
      return Number(/cmdstat_evalsha:calls=100,usec=(\d+)/.exec(String(await app.run('INFO', 'commandstats')))?.[1])
    }
    const ratios: number[] = []
    for (let round = 0; round < 5; round++) ratios.push((await cost(crowded)) / (await cost(lonely)))
    expect(Math.min(...ratios)).toBeLessThan(5)
    const gone = writers(4_000, now - 700_000)
    await app.run('HSET', `{${crowded}}:m`, ...gone)
    for (let writer = 0; writer < 1_000; writer += 100) await Promise.all(Array.from({ length: 100 }, () => redisLog(app.client, crowded).append(message('x'))))
    const fields = new Set((await app.run('HKEYS', `{${crowded}}:m`)) as string[])
    expect(gone.filter((field) => fields.has(field)).length).toBeLessThan(2_000)
  })
})
