// The server of one variant: node --expose-gc server.mjs <variant> [heartbeat in ms]
import { createServer } from 'node:http'
import express from 'express'

const [variant, heartbeat] = process.argv.slice(2)
const interval = heartbeat === undefined ? undefined : Number(heartbeat)

const VARIANTS = {
  /** No library: it sends the head that Tidings sends, and one comment. */
  bare: () => (_req, res) => openBare(res),

  async tidings() {
    const { sse } = await import('@tidings/express')
    app.use(sse(interval === undefined ? {} : { heartbeat: interval }))
    return (_req, res) => res.sse()
  },

  async 'better-sse'() {
    const { createSession } = await import('better-sse')
    return (req, res) => createSession(req, res, interval === undefined ? {} : { keepAlive: interval })
  },

  /** The cheapest heartbeat by `res.write`: one timer and one shared comment. */
  'res.write': () => onEach((res) => res.write(':\n\n')),

  /** The same without `res.write`: one chunk, framed once, is written to each socket. */
  framed: () => {
    const chunk = Buffer.from('3\r\n:\n\n\r\n')
    return onEach((res) => res.socket.write(chunk))
  },
}

const app = express()
app.get('/', await VARIANTS[variant]())

const server = createServer(app)
server.listen(0, '127.0.0.1', 4096, () => process.send({ port: server.address().port }))

process.on('message', async ({ ask, id }) => process.send({ id, answer: await ANSWERS[ask]() }))
// The parent process has ended.
process.on('disconnect', () => process.exit())

const ANSWERS = {
  async memory() {
    for (let i = 0; i < 4; i++) {
      globalThis.gc()
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    const { rss, heapUsed } = process.memoryUsage()
    return { rss, heapUsed }
  },

  cpu() {
    const { user, system } = process.cpuUsage()
    return { time: performance.now() * 1000, user, system }
  },
}

function openBare(res) {
  res.setHeader('Content-Type', 'text/event-stream')
  res.setHeader('Cache-Control', 'no-cache, no-transform')
  res.setHeader('X-Accel-Buffering', 'no')
  res.write(':\n\n')
}

function onEach(beat) {
  const open = new Set()
  setInterval(() => open.forEach(beat), interval).unref()
  return (_req, res) => {
    openBare(res)
    open.add(res)
    res.on('close', () => open.delete(res))
  }
}
