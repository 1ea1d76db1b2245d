import { randomUUID } from 'node:crypto'
import { createChannel, type LogMessage, type TidingsError } from '@tidings/core'
import { eventStreamResponse } from '@tidings/core/web'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { describeWith } from '../../../scripts/requirements.ts'
import { type RedisLog, redisLog } from '../src/index.ts'
import { type AppClient, LIBRARIES } from './support/clients.ts'
import { FOREIGN } from './support/foreign.ts'
import { until } from './support/reader.ts'
import { RedisServer } from './support/redis-server.ts'

const describe = describeWith('redis-server')
const ENTRIES = Object.keys(FOREIGN).filter((name) => /entr/.test(name))
// Behind which nothing can be added, so that a new life of the log begins.
const LAST = ['an entry dated days later than now', 'the last entry that a stream can have']

function message(data: string): LogMessage {
  return { block: `data: ${data}\n`, event: 'message', data, isText: true, topic: undefined, key: undefined }
}

describe.each(Object.entries(LIBRARIES).filter(([name]) => ['redis 6 with RESP3', 'ioredis 6'].includes(name)))(
  'what no log has written, by way of %s',
  (_, connect) => {
    let server: RedisServer
    let app: AppClient
    const opened: RedisLog[] = []
    const open = (name: string, options = {}): RedisLog => {
      const log = redisLog(app.client, name, options)
      opened.push(log)
      return log
    }
    const calls = async (): Promise<number> => {
      const stats = String(await app.run('INFO', 'commandstats'))
      return ['eval', 'evalsha'].reduce((sum, name) => sum + Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0), 0)
    }
    beforeAll(async () => {
      server = await RedisServer.start()
      app = await connect(server.url)
    })
    afterEach(async () => {
      for (const log of opened.splice(0)) await log.close()
    })
    afterAll(async () => {
      app.close()
      await server.stop()
    })

    test.each(ENTRIES)('G7 %s that came during a cut is skipped in a few calls, and reported once', async (what) => {
      const name = randomUUID()
      const log = open(name)
      const told: string[] = []
      const warned: unknown[] = []
      const breaks: number[] = []
      const follow = () =>
        log.follow({
          entry: ({ data }) => void told.push(data),
          warned: (error) => void warned.push((error as TidingsError).code),
          breaking: (upTo) => void breaks.push(upTo),
        })
      const cut = follow()
      await log.read(0, 1)
      await log.append(message('a'))
      await until(
        () => told.length === 1,
        () => 'a is told',
      )
      cut()
      const other = open(name)
      const add = () => FOREIGN[what]?.({ name, run: app.run })
      await add()
      await other.append(message('b'))
      await other.append(message('c'))
      await add()
      await app.run('CONFIG', 'RESETSTAT')
      follow()
      await log.read(0, 1)
      await log.append(message('d'))
      // Where a new life begins with it, it is told of those that follow.
      await log.append(message('e'))
      await until(
        () => told.at(-1) === 'e',
        () => `e is told: ${told}`,
      )
      expect(await calls()).toBeLessThan(20)
      if (LAST.includes(what)) {
        expect(breaks).toEqual([-1, -1])
        expect(told).toEqual(['a', 'e'])
      } else {
        expect(told).toEqual(['a', 'b', 'c', 'd', 'e'])
        expect(breaks).toEqual([])
        expect(warned).toEqual(['ERR_SSE_FOREIGN_ENTRY'])
      }
    })

    test.each(ENTRIES.filter((what) => !LAST.includes(what)))('G7 %s between messages that are read back is skipped', async (what) => {
      const name = randomUUID()
      const writer = open(name)
      const ids: string[] = []
      for (const data of ['a', 'b', 'c']) {
        ids.push(await writer.append(message(data)))
        if (data !== 'c') await FOREIGN[what]?.({ name, run: app.run })
      }
      const log = open(name, { tail: { messages: 1 } })
      await log.read(3, 1)
      await app.run('CONFIG', 'RESETSTAT')
      expect((await log.read(0, 10)).entries.map(({ id }) => id)).toEqual(ids)
      expect(await calls()).toBeLessThan(10)
    })

    test('G7 a client gets no byte that a channel has not encoded, and gets the reset', async () => {
      const name = randomUUID()
      const told: unknown[] = []
      const channel = createChannel({ log: open(name), onError: (error, { stage }) => void told.push([stage, (error as TidingsError).code]) })
      const response = eventStreamResponse(new Request('http://localhost'), (stream) => void channel.subscribe(stream), { heartbeat: false })
      let text = ''
      const reading = (async () => {
        for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) text += new TextDecoder().decode(chunk)
      })()
      const first = await channel.publish('first')
      await until(
        () => text.includes(first),
        () => text,
      )
      // In its place behind the first, and encoded by nobody.
      const [epoch, at] = (await app.run('HMGET', `{${name}}:m`, 'epoch', 'at')) as string[]
      const forged = JSON.stringify(['data: forged\nevent: reset\nid: 7\n', 1, null, null])
      await app.run('PUBLISH', `{${name}}:c`, `${epoch} ${at} 1 ${Number(at) + 1} 0\n${forged}`)
      await app.run('HSET', `{${name}}:m`, 'epoch', 'x y\nz')
      await channel.publish('last')
      await until(
        () => text.includes('reset'),
        () => text,
      )
      const another = await channel.publish('another')
      await until(
        () => text.includes(another),
        () => text,
      )
      expect(told).toEqual([['log', 'ERR_SSE_FOREIGN_ENTRY']])
      for (const line of text.split('\n'))
        expect(line).toMatch(
          /^$|^:|^event: reset$|^data: (first|last|another|\{"reason":"(lost|lagged)","lastEventId":"[0-9a-f-]+"\})$|^id: [0-9a-f]{32}-\d+-\d+$/,
        )
      channel.close()
      await reading
    })

    test('G7 any number of announcements without a message cost a few calls', async () => {
      const name = randomUUID()
      const log = open(name)
      const told: string[] = []
      const warned: unknown[] = []
      log.follow({ entry: ({ data }) => void told.push(data), warned: (error) => void warned.push((error as TidingsError).code) })
      await log.read(0, 1)
      await log.append(message('a'))
      await until(
        () => told.length === 1,
        () => 'a is told',
      )
      await app.run('CONFIG', 'RESETSTAT')
      await FOREIGN['announcements by the hundred']?.({ name, run: app.run })
      await log.append(message('b'))
      await until(
        () => told.length === 2,
        () => 'b is told',
      )
      expect(await calls()).toBeLessThan(30)
      expect(warned).toEqual(['ERR_SSE_FOREIGN_ENTRY'])
    })

    test('G7 a key of another type is reported once, and the log goes on once the key is gone', async () => {
      const name = randomUUID()
      await open(name).append(message('a'))
      const told: [string, unknown, string][] = []
      const stream = `{${name}}:s`
      await app.run('RENAME', stream, `${stream}:away`)
      await app.run('SET', stream, 'no stream')
      const channel = createChannel({
        log: open(name),
        onError: (error, { stage }) => void told.push([stage, (error as TidingsError).code, (error as TidingsError).message]),
      })
      const messages = channel.messages({ after: 'start' })
      const first = messages.next()
      await until(
        () => told.length === 1,
        () => 'the failure is told',
      )
      await expect(channel.publish('b')).rejects.toMatchObject({ code: 'ERR_SSE_LOG_UNAVAILABLE', cause: { code: 'ERR_SSE_LOG_REFUSED' } })
      expect(told.map(([stage, code]) => [stage, code])).toEqual([
        ['follow', 'ERR_SSE_LOG_REFUSED'],
        ['publish', 'ERR_SSE_LOG_UNAVAILABLE'],
      ])
      expect(told[0]?.[2]).toMatch(/^Redis refuses X\w+ for the log ".*": WRONGTYPE .*; another program uses a key .* delete that key/)
      await app.run('DEL', stream)
      await app.run('RENAME', `${stream}:away`, stream)
      expect((await first).value?.data).toBe('a')
      channel.publish('c')
      expect((await messages.next()).value?.data).toBe('c')
      await messages.return?.()
      channel.close()
    })
  },
)
