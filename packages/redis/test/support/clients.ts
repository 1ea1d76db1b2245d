import { Cluster, Redis } from 'ioredis'
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis5'
import { createClient, createCluster, createSentinel } from 'redis'
import { createClient as createClient4, createCluster as createCluster4 } from 'redis4'
import type { RedisClient } from '../../src/index.ts'

/** A client of the app, and a function that closes it. */
export interface AppClient {
  readonly client: RedisClient
  /** Runs a command for the test. */
  run(...command: string[]): Promise<unknown>
  close(): void
}

/** The libraries whose clients a log takes, in each version of the protocol. */
export const LIBRARIES: Readonly<Record<string, (url: string) => Promise<AppClient>>> = {
  'redis 6 with RESP3': (url) => nodeRedis(createClient({ url, RESP: 3 })),
  'redis 6 with RESP2': (url) => nodeRedis(createClient({ url, RESP: 2 })),
  'redis 4': (url) => nodeRedis(createClient4({ url })),
  'ioredis 6': async (url) => ioRedis(new Redis(url)),
  'ioredis 6 with RESP3': async (url) => ioRedis(new Redis(url, { protocol: 3 })),
  'ioredis 5 with a prefix': async (url) => ioRedis(new Redis5(url, { keyPrefix: 'app:' })),
}

/** The same for clusters. */
export const CLUSTER_LIBRARIES: Readonly<Record<string, (urls: readonly string[]) => Promise<AppClient>>> = {
  'redis 6': (urls) => nodeRedisCluster(createCluster({ rootNodes: urls.map((url) => ({ url })) })),
  'redis 4': (urls) => nodeRedisCluster(createCluster4({ rootNodes: urls.map((url) => ({ url })) })),
  'ioredis 6': async (urls) => ioRedis(new Cluster([...urls])),
  'ioredis 5': async (urls) => ioRedis(new Cluster5([...urls])),
}

/** The same with Sentinel: its port, and its name of the master. */
export const SENTINEL_LIBRARIES: Readonly<Record<string, (port: number, name: string) => Promise<AppClient>>> = {
  'redis 6': (port, name) => nodeRedisSentinel(createSentinel({ name, sentinelRootNodes: [{ host: '127.0.0.1', port }] })),
  'ioredis 6': async (port, name) => ioRedis(new Redis({ name, sentinels: [{ host: '127.0.0.1', port }] })),
  'ioredis 5': async (port, name) => ioRedis(new Redis5({ name, sentinels: [{ host: '127.0.0.1', port }] })),
}

interface NodeRedis {
  on(event: 'error', listener: (error: unknown) => void): unknown
  connect(): Promise<unknown>
  sendCommand(command: string[]): Promise<unknown>
  disconnect(): unknown
  destroy?(): void
}

async function nodeRedis(client: NodeRedis): Promise<AppClient> {
  // The app handles errors of its client, not the log.
  client.on('error', () => {})
  await client.connect()
  return { client: client as never, run: (...command) => client.sendCommand(command), close: () => end(client) }
}

async function nodeRedisCluster(cluster: Omit<NodeRedis, 'sendCommand'> & { sendCommand(...args: never[]): Promise<unknown> }): Promise<AppClient> {
  cluster.on('error', () => {})
  await cluster.connect()
  const run = (...command: string[]) => cluster.sendCommand(command[1] as never, false as never, command as never)
  return { client: cluster as never, run, close: () => end(cluster) }
}

async function nodeRedisSentinel(sentinel: ReturnType<typeof createSentinel>): Promise<AppClient> {
  sentinel.on('error', () => {})
  await sentinel.connect()
  const run = (...command: string[]) => sentinel.sendCommand(false, command)
  return { client: sentinel as never, run, close: () => void sentinel.destroy() }
}

function end(client: { disconnect(): unknown; destroy?(): void }): void {
  Promise.resolve()
    .then(() => (client.destroy ? client.destroy() : client.disconnect()))
    .catch(() => {})
}

function ioRedis(client: {
  on(event: 'error', listener: (error: unknown) => void): unknown
  call(command: string, ...args: string[]): Promise<unknown>
  disconnect(): void
}): AppClient {
  client.on('error', () => {})
  return { client: client as never, run: (name = '', ...args) => client.call(name, ...args), close: () => client.disconnect() }
}
