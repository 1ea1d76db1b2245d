// The other machine: Hono, with the same Redis through the client `ioredis`.
import { serve } from '@hono/node-server'
import { createChannel } from '@tidings/core'
import { sse } from '@tidings/hono'
import { redisLog } from '@tidings/redis'
import { Hono } from 'hono'
import { Redis } from 'ioredis'
import { runMachine } from './run-machine.js'

const { REDIS_URL: url, LOG: name } = process.env

const redis = new Redis(url)
redis.on('error', (error) => console.error(`hono and Redis: ${error.message}`))
const log = redisLog(redis, name)
const scores = createChannel({ log })

const shutdown = new AbortController()
const app = new Hono()
app.use(sse({ retry: 500, signal: shutdown.signal }))

app.get('/scores', (c) =>
  c.var.sse((stream) => {
    stream.send({ event: 'machine', data: { name: 'hono', pid: process.pid } })
    scores.subscribe(stream)
  }),
)

app.post('/scores', async (c) => {
  const id = await scores.publish({ event: 'score', data: await c.req.json() }, { idempotencyKey: c.req.header('idempotency-key') })
  return c.json({ id }, 201)
})

app.post('/kill', () => process.kill(process.pid, 'SIGKILL'))
app.post('/restart', (c) => {
  process.kill(process.pid, 'SIGTERM')
  return c.body(null, 202)
})

runMachine(serve({ fetch: app.fetch, port: Number(process.env.PORT), hostname: '127.0.0.1' }), shutdown, async () => {
  await log.close()
  await redis.quit()
})
