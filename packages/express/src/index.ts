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
 * `res.sse()`: opens an event stream whose head and first bytes leave at once. `options` win over those of the
 * middleware.
 */
export type SseHelper = <Events extends object = AnyEvents>(options?: StreamOptions) => EventStream<Events>

type Next = (error?: unknown) => void

/**
 * Middleware for Express 4 and 5 that adds `res.sse()`. Mount it for the app, on a route, or both: the nearest
 * options win, one by one. A request whose `Accept` excludes event streams goes to the error handlers with status
 * 406.
 *
 * @throws `ERR_SSE_INVALID_OPTION` for options that cannot work
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

/** The same as `res.sse()` without the middleware. */
export function eventStream<Events extends object = AnyEvents>(req: IncomingMessage, res: ServerResponse, options?: StreamOptions): EventStream<Events> {
  return open(req, res, resolveOptions(options)) as EventStream<Events>
}

function open(req: IncomingMessage, res: ServerResponse, options: ResolvedOptions): EventStream {
  // A throw would be lost in an async handler of Express 4; `req.next` is how Express itself hands an error on.
  const stream = openNodeStream(req, res, options, (refusal) => (req as IncomingMessage & { next: Next }).next(refusal))
  dropAborts(req, res, stream)
  return stream
}
