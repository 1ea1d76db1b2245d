// Code of users, which `npm run typecheck` compiles.
import { createChannel, type MessageLog, type TailedLog } from '@tidings/core'
import { Cluster, Redis } from 'ioredis'
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis5'
import { createClient, createCluster, createSentinel } from 'redis'
import { createClient as createClient4, createCluster as createCluster4 } from 'redis4'
import { type RedisClient, type RedisLog, redisLog } from '../src/index.ts'

export const clients: RedisClient[] = [
  createClient(),
  createClient({ RESP: 2 }),
  createClient({ RESP: 3, commandOptions: {} }),
  createCluster({ rootNodes: [] }),
  createSentinel({ name: 'main', sentinelRootNodes: [] }),
  createClient4(),
  createCluster4({ rootNodes: [] }),
  new Redis(),
  new Redis({ protocol: 3 }),
  new Cluster([]),
  new Redis5(),
  new Cluster5([]),
]

export const log: RedisLog = redisLog(createClient(), 'scores', { history: { messages: 10, age: 1 }, tail: { bytes: 1 }, expiry: 1 })
export const asLog = (): MessageLog & TailedLog => log
createChannel<{ goal: { minute: number } }>({ log }).publish({ event: 'goal', data: { minute: 1 } })

// @ts-expect-error: a client, and not where one would be
redisLog('redis://127.0.0.1', 'scores')
// @ts-expect-error: Redis bounds by count and age
redisLog(createClient(), 'scores', { history: { bytes: 1 } })
