import { invalidOption } from '@tidings/core/internal'
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
 * A connected client that the app makes and closes. With `redis` (4 or later) it comes from `createClient`,
 * `createCluster` or `createSentinel`. With `ioredis` or `iovalkey` it is a `Redis` or a `Cluster`.
 */
export type RedisClient = NodeRedisClient | NodeRedisCluster | NodeRedisSentinel | IoRedisClient | IoRedisCluster

/** The connection on which a log subscribes. The log opened it. It does not reconnect by itself. */
export interface SubscriberConnection {
  subscribe(channel: string): Promise<unknown>
  unsubscribe(channel: string): Promise<unknown>
  ping(): Promise<unknown>
  /** Says whether the connection keeps the process alive. At first it does. */
  keepAlive(isNeeded: boolean): void
  destroy(): void
}

/** Gets the events of a connection. */
export interface SubscriberEvents {
  message(channel: string, text: string): void
  /** The node has unsubscribed these channels because another node has them now. */
  moved(channels: readonly string[]): void
  /** The connection is lost. May be called twice. */
  lost(error: unknown): void
}

/** What a log needs of a client, the same for all libraries. */
export interface Connector {
  /** Whether channels belong to nodes as keys do. Such channels are published to with `SPUBLISH`. */
  readonly isSharded: boolean
  /** The prefix that the client adds to keys. It adds none to channels, so the log does. */
  readonly prefix: string
  /** The suffix of a log's channel name, see `databaseTag`. Rejects when Redis does not answer. */
  tag(): Promise<string>
  /** Whether the app still has the client open. */
  isOpen(): boolean
  /** Runs a command on the node that has `key`. */
  send(key: string, command: readonly string[]): Promise<unknown>
  /** The node on which a channel is published, or `''` where there is only one. Rejects while that is not known. */
  nodeOf(channel: string): Promise<string>
  /** The same from the client's present knowledge, without a call. */
  knownNodeOf(channel: string): string | undefined
  /** Opens a connection to a node. */
  connect(node: string, events: SubscriberEvents): Promise<SubscriberConnection>
}

/** Finds out which library a client belongs to. @throws `ERR_SSE_INVALID_OPTION` */
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
 * Whether a client of version 4 is in legacy mode and takes callbacks. Its other client, `client.v4`, which returns
 * promises, cannot be duplicated.
 */
function isLegacy(client: RedisClient): boolean {
  return (client as { options?: { legacyMode?: boolean } }).options?.legacyMode === true
}
