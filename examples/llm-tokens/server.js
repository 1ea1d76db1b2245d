// One answer in the formats of three SDKs, directly and through a relay.
import { sse } from '@tidings/express'
import express from 'express'
import { anthropic } from './anthropic.js'
import { chat } from './chat.js'
import { openai } from './openai.js'
import { relay } from './relay.js'

const shutdown = new AbortController()
const app = express()
app.use(sse({ signal: shutdown.signal }), express.json({ limit: '1mb' }), tellTheEnd)
app.use(openai, anthropic, relay, chat)

/** Prints how each request ended. When the reader of a relayed stream leaves, both requests are printed. */
function tellTheEnd(req, res, next) {
  res.once('close', () => console.log(`${req.method} ${req.originalUrl} ${res.writableFinished ? 'whole' : 'left'}`))
  next()
}

// Loopback only: every request to the relay spends money upstream.
const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
server.once('listening', () => console.log(`Models answer at http://localhost:${server.address().port}`))
for (const name of ['SIGINT', 'SIGTERM']) {
  process.once(name, () => {
    shutdown.abort()
    server.close()
    setTimeout(() => server.closeAllConnections(), 500).unref()
  })
}
