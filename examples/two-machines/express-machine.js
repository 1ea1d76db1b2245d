// One of two machines: Express, with Redis through the client `redis`.
import { createChannel } from '@tidings/core'
import { sse } from '@tidings/express'
import { redisLog } from '@tidings/redis'
import express from 'express'
import { createClient } from 'redis'
import { runMachine } from './run-machine.js'

const { REDIS_URL: url, LOG: name } = process.env

const redis = createClient({ url })
redis.on('error', (error) => console.error(`express and Redis: ${error.message}`))
await redis.connect()
const log = redisLog(redis, name)
const scores = createChannel({ log })

const shutdown = new AbortController()
const app = express()
app.use(sse({ retry: 500, signal: shutdown.signal }))

app.get('/scores', (_req, res) => {
  const stream = res.sse()
  stream.send({ event: 'machine', data: { name: 'express', pid: process.pid } })
  scores.subscribe(stream)
})

app.post('/scores', express.json({ limit: '2kb' }), async (req, res) => {
  // The publisher may have to repeat a request, to this machine or the other. The key says that it is the same score.
  const id = await scores.publish({ event: 'score', data: req.body }, { idempotencyKey: req.get('idempotency-key') })
  res.status(201).json({ id })
})

app.post('/kill', () => process.kill(process.pid, 'SIGKILL'))
app.post('/restart', (_req, res) => {
  res.sendStatus(202)
  process.kill(process.pid, 'SIGTERM')
})

runMachine(app.listen(Number(process.env.PORT), '127.0.0.1'), shutdown, async () => {
  await log.close()
  await redis.close()
})
