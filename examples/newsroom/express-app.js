import { fileURLToPath } from 'node:url'
import { sse } from '@tidings/express'
import express from 'express'
import { headlineIn, LONGEST_HEADLINE } from './headline.js'
import { startWire } from './sources/wire.js'

const PAGE = fileURLToPath(new URL('public', import.meta.url))
// Allows no other origin and no inline script.
const CONTENT_POLICY =
  "default-src 'none'; connect-src 'self'; img-src 'self'; script-src 'self'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/**
 * Serves the page, its form, and the headlines.
 * @param {import('./newsroom.js').Newsroom} newsroom
 * @param {AbortSignal} signal
 */
export function expressApp(newsroom, signal) {
  startWire((text) => newsroom.publish(text, 'agency'))
  const snapshot = () => newsroom.latest('agency', 'form')

  const app = express()
  app.use(sse({ retry: 1_000, signal }))

  app.get('/express/events', (req, res) => {
    const stream = newsroom.clients.add(res.sse(), req.query.client)
    newsroom.channel.subscribe(stream, { topics: ['agency', 'form'], snapshot })
  })

  app.post('/express/drop', (req, res) => {
    res.sendStatus(newsroom.clients.drop(req.query.client, req.query.away) ? 204 : 404)
  })

  app.post('/restart', (_req, res) => {
    newsroom.restart()
    res.sendStatus(204)
  })

  app.post('/headlines', express.json({ limit: '2kb' }), async (req, res) => {
    const text = headlineIn(req.body)
    if (text) res.status(201).json({ id: await newsroom.publish(text, 'form') })
    else res.status(400).json({ error: `A headline has 1 to ${LONGEST_HEADLINE} characters, and comes as JSON: { "text": … }.` })
  })

  app.use((_req, res, next) => {
    res.set({ 'Content-Security-Policy': CONTENT_POLICY, 'X-Content-Type-Options': 'nosniff', 'Referrer-Policy': 'no-referrer' })
    next()
  })
  app.use(express.static(PAGE))
  app.use(answerError)
  return app
}

/** @type {express.ErrorRequestHandler} */
function answerError(error, _req, res, next) {
  const status = error.status ?? 500
  if (status >= 500 || res.headersSent) next(error)
  else res.status(status).json({ error: error.message })
}
