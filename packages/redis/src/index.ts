/**
 * Logs on Redis Streams, for channels that many processes share.
 *
 * @module @tidings/redis
 */
export type { RedisClient } from './lib/connector.ts'
export { type RedisLog, type RedisLogOptions, redisLog } from './lib/redis-log.ts'
