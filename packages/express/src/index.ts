/**
 * Event streams for Express: `app.use(sse())`, then `res.sse()`.
 *
 * @module @tidings/express
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AnyEvents, EventStream, StreamOptions } from '@tidings/core'
import { branded, openNodeStream, optionLayer, type ResolvedOptions, resolveOptions } from '@tidings/core/adapter'
import { dropAborts } from './lib/abort-layer.ts'

export { lastEventIdOf } from '@tidings/core/node'
export type * from './augment.ts'

/**
 * `res.sse()`: opens an event stream and sends its head and first bytes at once. `options` win over the middleware's
 * options.
 */
export type SseHelper = <Events extends object = AnyEvents>(options?: StreamOptions) => EventStream<Events>

type Next = (error?: unknown) => void

/**
 * Middleware for Express 4 and 5 that adds `res.sse()`. Mount it for the app, on a route, or both. Each option is
 * taken from the nearest place that sets it. A request whose `Accept` excludes event streams goes to the error
 * handlers with status 406, and one by another method than GET that `maxStreams` refuses with status 503.
 *
 * @throws `ERR_SSE_INVALID_OPTION` for options that are not valid
 *
 * @example
 * import express from 'express'
 * import { sse } from '@tidings/express'
 *
 * const app = express()
 * app.use(sse())
 * app.get('/clock', (req, res) => {
 *   const stream = res.sse()
 *   const timer = setInterval(() => stream.send({ event: 'tick', data: { now: Date.now() } }), 1000)
 *   stream.onClose(() => clearInterval(timer))
 * })
 */
export function sse(options?: StreamOptions): (req: IncomingMessage, res: ServerResponse, next: Next) => void {
  const layer = optionLayer(options)
  return (req, res, next) => {
    const target = res as ServerResponse & { sse?: unknown }
    try {
      const layered = layer(target.sse)
      target.sse = branded((call?: StreamOptions) => open(req, res, resolveOptions(call, layered)), layered)
    } catch (error) {
      next(error)
      return
    }
    next()
  }
}

/** Opens an event stream as `res.sse()` does, without the middleware. */
export function eventStream<Events extends object = AnyEvents>(req: IncomingMessage, res: ServerResponse, options?: StreamOptions): EventStream<Events> {
  return open(req, res, resolveOptions(options)) as EventStream<Events>
}

function open(req: IncomingMessage, res: ServerResponse, options: ResolvedOptions): EventStream {
  // Express 4 loses what an async handler throws. `req.next` is Express's own way to report an error.
  const stream = openNodeStream(req, res, options, (refusal) => (req as IncomingMessage & { next: Next }).next(refusal))
  dropAborts(req, res, stream)
  return stream
}
