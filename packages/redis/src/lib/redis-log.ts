import type { TailedLog } from '@tidings/core'
import { checkedInteger, checkNames, invalidOption } from '@tidings/core/internal'
import { ENGINE_LOG_OPTIONS, type EngineLogOptions, engineLog } from '@tidings/core/log'
import { connectorOf, type RedisClient } from './connector.ts'
import { RedisEngine } from './redis-engine.ts'
import { Subscriptions } from './subscriptions.ts'

/** The options of a log on Redis. */
export interface RedisLogOptions extends EngineLogOptions {
  /**
   * How long Redis keeps a log that nobody appends to or follows, in milliseconds, and at most a quarter longer. At
   * least twice `checkInterval`. A client that returns with an id of an expired log gets a reset.
   * @default 86_400_000
   */
  expiry?: number | undefined
}

/** A log on Redis, for `createChannel({ log })`. */
export interface RedisLog extends TailedLog {
  /**
   * Whether Redis has the log. The first append or follower makes it. A route that serves runs by name asks this
   * before it makes a channel, and answers 404 if there is none. Rejects when the client rejects.
   */
  exists(): Promise<boolean>
  /**
   * Removes the log and its name from Redis. Await your last `publish` first, since a later message begins the log
   * anew. Clients of channels that still follow the log get a reset, and the log begins anew for them. Rejects with
   * `ERR_SSE_LOG_REFUSED` or `ERR_SSE_LOG_UNAVAILABLE` where Redis refuses it, and when the client rejects.
   */
  destroy(): Promise<void>
}

// All logs of one client share its connections.
const subscriptionsByClient = new WeakMap<object, Subscriptions>()

/**
 * A log on Redis Streams. Channels whose logs have the same name are one channel on all machines. Needs Redis 6.2 (7
 * in a cluster) or Valkey.
 *
 * The log sends its commands through `client`. Connect that client, listen to its `error` event, and close it last. To
 * follow, all logs of a client share one more connection, in a cluster one for each node. It is kept for 30 seconds
 * after the last log was closed, so that short requests can share it. In that time it keeps no process alive.
 *
 * @param name the log's name. Its keys in Redis are `{name}:s`, `{name}:m` and `{name}:k:…`. It publishes on
 * `{name}:c` and `{name}:c:told`, each followed by the number of the database if that is not 0
 * @throws `ERR_SSE_INVALID_OPTION`
 *
 * @example
 * import { createChannel } from '@tidings/core'
 * import { redisLog } from '@tidings/redis'
 * import { createClient } from 'redis'
 *
 * const redis = await createClient().on('error', console.error).connect()
 * const scores = createChannel({ log: redisLog(redis, 'scores') })
 */
export function redisLog(client: RedisClient, name: string, options: RedisLogOptions = {}): RedisLog {
  checkNames('redisLog', options, [...ENGINE_LOG_OPTIONS, 'expiry'])
  const { expiry = 86_400_000, ...shared } = options
  if (typeof name !== 'string' || name === '' || /[{}]/.test(name)) throw invalidOption('the name of a log must be a text without { and }')
  checkedInteger('expiry', expiry, 1)
  const subscriptions = subscriptionsByClient.get(client) ?? new Subscriptions(connectorOf(client))
  subscriptionsByClient.set(client, subscriptions)
  const engine = new RedisEngine(subscriptions, name, expiry)
  const log = engineLog(engine, shared)
  const { checkInterval = 10_000 } = shared
  // The checks of followers keep a log alive to which nobody appends.
  if (expiry < 2 * checkInterval)
    throw invalidOption(
      `expiry must be at least twice checkInterval, which is ${checkInterval} ms, so that a log that is followed does not expire; got ${expiry}`,
    )
  return Object.assign(log, { exists: () => engine.exists(), destroy: () => engine.destroy() })
}
