import { invalidOption } from '@tidings/core/log'
import { type IoRedisClient, type IoRedisCluster, ioRedisConnector } from './ioredis.ts'
import {
  type NodeRedisClient,
  type NodeRedisCluster,
  type NodeRedisSentinel,
  nodeRedisClusterConnector,
  nodeRedisConnector,
  nodeRedisSentinelConnector,
} from './node-redis.ts'

/**
 * A connected client that the app brings, and goes on to own: of `redis` (4 or later) what `createClient`,
 * `createCluster` or `createSentinel` gives, of `ioredis` or `iovalkey` a `Redis` or a `Cluster`.
 */
export type RedisClient = NodeRedisClient | NodeRedisCluster | NodeRedisSentinel | IoRedisClient | IoRedisCluster

/** A connection of the log's own, which it subscribes on. It does not come back by itself. */
export interface SubscriberConnection {
  subscribe(channel: string): Promise<unknown>
  unsubscribe(channel: string): Promise<unknown>
  ping(): Promise<unknown>
  /** Whether it keeps the process alive, as it does at first. */
  keepAlive(isNeeded: boolean): void
  destroy(): void
}

/** Who is told what a connection hears. */
export interface SubscriberEvents {
  message(channel: string, text: string): void
  /** The node has unsubscribed these channels, since another one has them now. */
  moved(channels: readonly string[]): void
  /** It is of no more use. May come twice. */
  lost(error: unknown): void
}

/** What the log needs of a client, whichever library it is of. */
export interface Connector {
  /** Whether channels belong to a node as keys do, and are published to with `SPUBLISH`. */
  readonly isSharded: boolean
  /** What the client puts before a key by itself, and the log has to before a channel. */
  readonly prefix: string
  /** What a log adds to the name of its channel: see `databaseTag`. Rejects where Redis does not answer. */
  tag(): Promise<string>
  /** Whether the app still has the client open. */
  isOpen(): boolean
  /** Runs a command whose keys live where `key` does. */
  send(key: string, command: readonly string[]): Promise<unknown>
  /**
   * The node on which a channel is published; `''` where there is only one. Rejects where that is not known at
   * present.
   */
  nodeOf(channel: string): Promise<string>
  /** The same without asking, as far as the client knows by now. */
  knownNodeOf(channel: string): string | undefined
  /** Opens a connection to a node. */
  connect(node: string, events: SubscriberEvents): Promise<SubscriberConnection>
}

/** Tells which library a client is of. @throws `ERR_SSE_INVALID_OPTION` */
export function connectorOf(client: RedisClient): Connector {
  const has = (name: string): boolean => typeof (client as unknown as Record<string, unknown> | undefined)?.[name] === 'function'
  if (has('call') && has('duplicate')) return ioRedisConnector(client as IoRedisClient | IoRedisCluster)
  if (has('sendCommand') && has('nodeClient')) return nodeRedisClusterConnector(client as NodeRedisCluster)
  if (has('sendCommand') && has('getMasterNode') && has('_execute')) return nodeRedisSentinelConnector(client as NodeRedisSentinel)
  if (has('sendCommand') && has('duplicate') && has('subscribe') && !isLegacy(client)) return nodeRedisConnector(client as NodeRedisClient)
  throw invalidOption(
    'redisLog takes a client of redis or ioredis, no pool of them and none with legacyMode; write redisLog(createClient(), name), createCluster() or createSentinel(), or redisLog(new Redis(), name)',
  )
}

/**
 * Whether a client of version 4 takes callbacks. The client that it has for promises, as `client.v4`, cannot be
 * duplicated.
 */
function isLegacy(client: RedisClient): boolean {
  return (client as { options?: { legacyMode?: boolean } }).options?.legacyMode === true
}
