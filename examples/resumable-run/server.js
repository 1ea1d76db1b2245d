// A run is a channel that ends. It goes on without readers. A page is one of its readers.
import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { createChannel } from '@tidings/core'
import { lastEventIdOf, sse } from '@tidings/express'
import express from 'express'
import { complete } from './model.js'

const MOST_RUNS = Number(process.env.MOST_RUNS ?? 100)
const shutdown = new AbortController()
/** @type {Map<string, import('@tidings/core').Channel>} */
const runs = new Map()

/** @param {string} prompt */
function start(prompt) {
  const name = randomUUID()
  const run = createChannel({ history: { messages: 10_000 } }) // More messages than any answer has, so that a run is kept whole.
  runs.set(name, run)
  // Forgets the oldest run. Its present readers get the rest of it. Later requests get 404.
  for (const oldest of runs.keys()) if (runs.size > MOST_RUNS) runs.delete(oldest)
  produce(run, prompt)
  return name
}

/** @param {import('@tidings/core').Channel} run @param {string} prompt */
async function produce(run, prompt) {
  try {
    for await (const token of complete(prompt, shutdown.signal)) run.publish({ data: { token } })
  } catch (error) {
    if (shutdown.signal.aborted) return // Its readers have been told to come back.
    console.error(error)
    run.publish({ event: 'failed', data: '' })
  }
  run.end()
}

const app = express()
app.use(sse({ retry: 1_000, signal: shutdown.signal }))
app.use(express.static(fileURLToPath(new URL('public', import.meta.url))))
// The packages that the page's import map names.
for (const name of ['@tidings/client', 'eventsource-parser']) {
  app.use(`/modules/${name}`, express.static(fileURLToPath(new URL('.', import.meta.resolve(name)))))
}

app.post('/runs', express.json({ limit: '2kb' }), (req, res) => {
  const prompt = req.body?.prompt
  if (typeof prompt !== 'string') return res.status(400).json({ error: 'A prompt comes as JSON: { "prompt": … }.' })
  res.status(201).json({ run: start(prompt) })
})

app.get('/runs/:name', async (req, res) => {
  const run = runs.get(req.params.name)
  if (!run) return res.status(404).end() // A reader creates no run.
  if (await run.ended(lastEventIdOf(req), { after: 'start' })) return res.status(204).end()
  run.subscribe(res.sse(), { after: 'start' })
})

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
server.once('listening', () => console.log(`Ask at http://localhost:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}`))
for (const name of ['SIGINT', 'SIGTERM']) {
  process.once(name, () => {
    shutdown.abort()
    server.close()
    // Browsers open connections in advance. Node would wait for the first request on them.
    setTimeout(() => server.closeAllConnections(), 500).unref()
  })
}
