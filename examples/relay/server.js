// Many readers share one connection to a service.
import { sse } from '@tidings/express'
import express from 'express'
import { relay } from './relay.js'
import { Upstream } from './upstream.js'

const PACE = 250
// Wikimedia ends connections after 15 minutes. This server does so earlier, to show a reconnect.
const PATIENCE = 10_000
const MOST_TOPICS = 50
// Longer than any pause of a stream with heartbeats.
const SILENCE = Number(process.env.SILENCE ?? 60_000)

const upstream = process.env.UPSTREAM ? undefined : new Upstream()
const changes = relay(process.env.UPSTREAM ?? (await upstream.listen()), SILENCE)
if (upstream) {
  setInterval(() => upstream.change(), PACE).unref()
  setInterval(() => upstream.drop(), PATIENCE).unref()
}

const shutdown = new AbortController()
const app = express()
app.use(sse({ retry: 1_000, signal: shutdown.signal }))

app.get('/changes', (req, res) => {
  const topics = [req.query.wiki ?? []].flat().map(String)
  if (topics.length > MOST_TOPICS) return res.status(400).send(`At most ${MOST_TOPICS} wikis.\n`)
  changes.channel.subscribe(res.sse(), topics.length > 0 ? { topics } : {})
})

app.get('/state', (_req, res) => {
  res.json(changes.state)
})

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
server.once('listening', () => console.log(`Changes at http://localhost:${server.address().port}/changes?wiki=enwiki&wiki=dewiki`))

for (const name of ['SIGINT', 'SIGTERM']) {
  process.once(name, () => {
    changes.close()
    upstream?.close()
    shutdown.abort()
    server.close()
    // Clients keep idle connections for later requests. Node would wait for them.
    setTimeout(() => server.closeAllConnections(), 500).unref()
  })
}
