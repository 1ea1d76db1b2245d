import type { TailedLog } from '@tidings/core'
import { checkedInteger, checkNames, invalidOption } from '@tidings/core/internal'
import { ENGINE_LOG_OPTIONS, type EngineLogOptions, engineLog } from '@tidings/core/log'
import { connectorOf, type RedisClient } from './connector.ts'
import { RedisEngine } from './redis-engine.ts'
import { Subscriptions } from './subscriptions.ts'

/** The options of a log on Redis. */
export interface RedisLogOptions extends EngineLogOptions {
  /**
   * How long Redis keeps a log that nobody appends to or follows, in milliseconds: at least so long, and at most a
   * quarter longer. Not less than twice `checkInterval`. Who comes back with an id of a log that is gone is told by a
   * reset.
   * @default 86_400_000
   */
  expiry?: number | undefined
}

/** A log on Redis, for `createChannel({ log })`. */
export interface RedisLog extends TailedLog {
  /**
   * Whether Redis has the log: whoever appends to it or follows it makes it. A route that serves runs by name asks
   * before it makes a channel, and answers 404. Rejects as the client does.
   */
  exists(): Promise<boolean>
}

// So that all logs by way of one client share its connections.
const subscriptionsByClient = new WeakMap<object, Subscriptions>()

/**
 * A log on Redis Streams: with it a channel is the same on all machines that give the same name. Needs Redis 6.2, in
 * a cluster 7, or Valkey.
 *
 * The log sends its commands by way of `client`, which stays the app's: connect it, listen to its `error` event, and
 * close it last. To follow, the log opens one connection more, or one for each node of a cluster, however many logs
 * there are. It closes it 30 seconds after the last of them, so that requests that each follow a log can share it;
 * from the last one on it keeps no process alive.
 *
 * @param name of the log; its keys in Redis are `{name}:s`, `{name}:m` and `{name}:k:…`, and it publishes on
 * `{name}:c`, in a database other than 0 with its number behind that
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
  // A log that is only followed is used by looking at it.
  if (expiry < 2 * checkInterval)
    throw invalidOption(
      `expiry must be at least twice checkInterval, which is ${checkInterval} ms, so that a log that is followed does not expire; got ${expiry}`,
    )
  return Object.assign(log, { exists: () => engine.exists() })
}
