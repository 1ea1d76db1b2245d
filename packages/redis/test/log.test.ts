import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { MessageLog } from '@tidings/core'
import { describeLog } from '@tidings/testing'
import { afterAll, beforeAll } from 'vitest'
import { describeWith } from '../../../scripts/requirements.ts'
import { redisLog } from '../src/index.ts'
import { type AppClient, LIBRARIES } from './support/clients.ts'
import { FOREIGN, type LogInRedis } from './support/foreign.ts'
import { RedisServer } from './support/redis-server.ts'

const url = process.env['REDIS_URL']
const describe = url === undefined ? describeWith('redis-server') : describeWith()

describe.each(Object.entries(LIBRARIES))('by way of %s', (name, connect) => {
  let server: RedisServer | undefined
  let app: AppClient
  beforeAll(async () => {
    if (url === undefined) server = await RedisServer.start()
    app = await connect(url ?? (server as RedisServer).url)
  })
  afterAll(async () => {
    app.close()
    await server?.stop()
  })

  const disturb = (begin: (redis: RedisServer) => unknown, end: (redis: RedisServer) => unknown) => async (): Promise<() => unknown> => {
    await begin(server as RedisServer)
    return async () => {
      await pause(300)
      await end(server as RedisServer)
    }
  }
  const DISTURBANCES = {
    frozen: disturb(
      (redis) => redis.freeze(),
      (redis) => redis.thaw(),
    ),
    'killed and started': disturb(
      (redis) => redis.kill(),
      (redis) => redis.start(),
    ),
  }
  const names = new WeakMap<MessageLog, string>()
  const prefix = name.endsWith('with a prefix') ? 'app:' : ''
  const foreignTo = (act: (log: LogInRedis) => Promise<unknown>) => (log: MessageLog) => act({ name: names.get(log) ?? '', prefix, run: app.run })
  describeLog({
    name: `redisLog by way of ${name}`,
    create: (history) => {
      const id = randomUUID()
      const log = redisLog(app.client, id, { history, expiry: 60_000 })
      names.set(log, id)
      return log
    },
    hasOwnClock: true,
    again: (log) => redisLog(app.client, names.get(log) ?? '', { expiry: 60_000 }),
    disturbances: url === undefined ? DISTURBANCES : {},
    foreign: Object.fromEntries(Object.entries(FOREIGN).map(([what, act]) => [what, foreignTo(act)])),
  })
})
