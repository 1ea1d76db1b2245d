// One of several servers: node server.mjs <memory|redis|ioredis> <port of Redis> <name of the log>
// Each command is a line of JSON on stdin, and its answer a line of JSON.
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { createChannel } from '@tidings/core'
import { sse } from '@tidings/express'
import { redisLog } from '@tidings/redis'
import express from 'express'
import { dataAt } from '../fan-out/messages.mjs'
import { connect } from './clients.mjs'

const [kind, port, name] = process.argv.slice(2)
const channel = createChannel(kind === 'memory' ? {} : { log: redisLog(await connect(kind, Number(port)), name) })

const app = express()
app.use(sse())
app.get('/', (_req, res) => channel.subscribe(res.sse()))
const server = app.listen(0, '127.0.0.1', 4096, () => answer({ port: server.address().port, control: 0 }))

const ANSWERS = {
  /**
   * Open loop: publishes `perSecond` messages a second, even if the server falls behind. Each message contains the
   * time at which it was due.
   */
  async publish({ perSecond, ms }) {
    const began = performance.now()
    const count = Math.round((perSecond * ms) / 1000)
    const interval = 1000 / perSecond
    const published = []
    for (let next = 0; next < count; ) {
      for (const present = performance.now(); next < count && began + next * interval <= present; next++) {
        published.push(channel.publish(dataAt(began + next * interval)))
      }
      await delay(Math.max(1, began + next * interval - performance.now()))
    }
    await Promise.all(published)
    return { messages: count }
  },
  async cpu() {
    const { user, system } = process.cpuUsage()
    return { cpu: user + system }
  },
}

createInterface({ input: process.stdin })
  .on('line', async (line) => {
    const { ask, ...question } = JSON.parse(line)
    answer(await ANSWERS[ask](question))
  })
  // The parent process has ended.
  .on('close', () => process.exit())

function answer(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}
