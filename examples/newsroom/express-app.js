import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { sse } from '@tidings/express'
import express from 'express'
import { headlineIn, LONGEST_HEADLINE } from './headline.js'
import { startWire } from './sources/wire.js'

const PAGE = fileURLToPath(new URL('public', import.meta.url))
// The packages that the page imports without a bundler. Its import map names them.
const MODULES = ['@tidings/client', 'eventsource-parser']
// Allows no other origin, and no inline script but the import map.
const CONTENT_POLICY = `default-src 'none'; connect-src 'self'; img-src 'self'; script-src 'self' '${hashOfImportMap()}'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

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
  for (const name of MODULES) app.use(`/modules/${name}`, express.static(fileURLToPath(new URL('.', import.meta.resolve(name)))))
  app.use(answerError)
  return app
}

/** The import map is an inline script, so a policy names it by its hash. */
function hashOfImportMap() {
  const [, map] = /<script type="importmap">([^<]*)</.exec(readFileSync(`${PAGE}/index.html`, 'utf8')) ?? []
  return `sha256-${createHash('sha256')
    .update(map ?? '')
    .digest('base64')}`
}

/** @type {express.ErrorRequestHandler} */
function answerError(error, _req, res, next) {
  const status = error.status ?? 500
  if (status >= 500 || res.headersSent) next(error)
  else res.status(status).json({ error: error.message })
}
