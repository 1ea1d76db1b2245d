import { randomUUID } from 'node:crypto'
import type { LogMessage } from '@tidings/core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { describeWith } from '../../../scripts/requirements.ts'
import { type RedisLog, redisLog } from '../src/index.ts'
import { type AppClient, SENTINEL_LIBRARIES } from './support/clients.ts'
import { until } from './support/reader.ts'
import { MASTER, RedisSentinel } from './support/redis-sentinel.ts'

const describe = describeWith('redis-server')

function message(data: string): LogMessage {
  return { block: `data: ${data}\n`, event: 'message', data, isText: true, topic: undefined, key: undefined }
}

describe.each(Object.entries(SENTINEL_LIBRARIES))('behind Sentinel by way of %s', (_, connect) => {
  let sentinel: RedisSentinel
  let apps: AppClient[]
  let log: RedisLog
  let other: RedisLog
  let told: string[]
  let broken: number[]
  beforeEach(async () => {
    sentinel = await RedisSentinel.start()
    apps = [await connect(sentinel.port, MASTER), await connect(sentinel.port, MASTER)]
    const name = randomUUID()
    ;[log, other] = apps.map(({ client }) => redisLog(client, name, { checkInterval: 600_000, publishTimeout: 30_000 })) as [RedisLog, RedisLog]
    told = []
    broken = []
    other.follow({ entry: ({ data }) => void told.push(data), breaking: (upTo) => void broken.push(upTo) })
    await other.read(0, 1)
  })
  afterEach(async () => {
    await log.close()
    await other.close()
    for (const { close } of apps) close()
    await sentinel.stop()
  })

  const hear = async (data: string): Promise<void> => {
    await log.append(message(data))
    await until(
      () => told.includes(data),
      () => `${data} is told: ${told}`,
      30_000,
    )
  }

  const replicated = async (): Promise<void> => {
    expect(Number(await (apps[0] as AppClient).run('WAIT', '1', '10000'))).toBe(1)
  }

  test('G3 a master that dies: its replica takes over, and following goes on', async () => {
    await hear('a')
    await replicated()
    await sentinel.servers[0].kill()
    await hear('b')
    await hear('c')
    expect(told).toEqual(['a', 'b', 'c'])
    expect(broken).toEqual([])
  })

  test('G3 a master that becomes a replica: following goes on from the new one', async () => {
    await hear('a')
    await replicated()
    await sentinel.run('SENTINEL', 'FAILOVER', MASTER)
    await until(
      async () => (await sentinel.master()) === sentinel.servers[1].port,
      () => 'the replica has taken over',
      30_000,
    )
    // What the old master takes until then is lost.
    await sentinel.demote()
    await hear('b')
    await hear('c')
    expect(told).toEqual(['a', 'b', 'c'])
    expect(broken).toEqual([])
  })
})
