import { createChannel, encodeMessage } from '@tidings/core'
import { type RedisLog, redisLog } from '@tidings/redis'
import { Redis } from 'ioredis'
import { createClient } from 'redis'

interface Goal {
  minute: number
}

// Neither client connects here.
const logs: RedisLog[] = [redisLog(createClient(), 'scores'), redisLog(new Redis({ lazyConnect: true }), 'scores', { expiry: 60_000 })]
// @ts-expect-error: a URL is no client; without the package's types this line would pass.
const _wrong: Parameters<typeof redisLog>[0] = 'redis://127.0.0.1'
const channels = logs.map((log) => createChannel<{ goal: Goal }>({ log, onError: () => {} }))
for (const channel of channels) channel.close()
process.stdout.write(`:\n\n${encodeMessage({ event: 'goal', data: { minute: 12 }, id: '42' })}`)
