import { randomUUID } from 'node:crypto'
import { describeLog } from '@tidings/testing'
import { afterAll, beforeAll } from 'vitest'
import { describeWith } from '../../../scripts/requirements.ts'
import { redisLog } from '../src/index.ts'
import { type AppClient, LIBRARIES } from './support/clients.ts'
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

  describeLog({ name: `redisLog by way of ${name}`, create: (history) => redisLog(app.client, randomUUID(), { history, expiry: 60_000 }), hasOwnClock: true })
})
