import { sse } from '@tidings/hono'
import { Hono } from 'hono'
import { measureLoad } from './sources/load.js'

/**
 * Serves the load of this process.
 * @param {import('./newsroom.js').Newsroom} newsroom
 * @param {AbortSignal} signal
 */
export function honoApp(newsroom, signal) {
  const snapshot = () => newsroom.latest('form')

  const app = new Hono().basePath('/hono')
  app.use(sse({ retry: 1_000, signal }))

  app.get('/events', (c) =>
    c.var.sse((stream) => {
      newsroom.clients.add(stream, c.req.query('client'))
      newsroom.channel.subscribe(stream, { topics: ['form'], snapshot })
      return stream.sendAll(measureLoad(newsroom), (data) => ({ event: 'load', data }))
    }),
  )

  app.post('/drop', (c) => c.body(null, newsroom.clients.drop(c.req.query('client'), c.req.query('away')) ? 204 : 404))

  return app
}
