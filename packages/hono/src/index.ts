/**
 * Event streams for Hono: `app.use(sse())`, then `c.var.sse(callback)`.
 *
 * @module @tidings/hono
 */
import type { AnyEvents, EventStream, StreamOptions } from '@tidings/core'
import {
  answerOnce,
  boundCallback,
  branded,
  closeOnReset,
  HOP_BY_HOP_HEADERS,
  MISLEADING_HEADERS,
  optionLayer,
  type ResolvedOptions,
  refusalOf,
  refusalResponse,
  refuseBody,
  resolveOptions,
  setHeaders,
  webStreamBody,
} from '@tidings/core/adapter'
import { type StreamCallback, lastEventIdOf as webLastEventIdOf } from '@tidings/core/web'
import type { Context, MiddlewareHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { canTakeOver, dropHopByHop, nodeResponseIn, takeOver } from './lib/take-over.ts'

export type * from './augment.ts'

/**
 * `c.var.sse(callback)`: makes the response of an event stream, which the handler returns. `callback` gets the stream
 * once its head is sent. The stream stays open when `callback` returns; `stream.close()` ends it. `options` win over
 * the middleware's options.
 */
export type SseHelper = <Events extends object = AnyEvents>(callback: StreamCallback<EventStream<Events>>, options?: StreamOptions) => Response

/** For apps that type their variables by hand: `new Hono<{ Variables: SseVariables }>()`. */
export interface SseVariables {
  /** Answers this request with an event stream. Present once `sse()` is mounted. */
  sse: SseHelper
}

/**
 * Middleware for Hono 4 that adds `c.var.sse()`. Mount it for the app, on a route, or both. Each option is taken from
 * the nearest place that sets it. A request whose `Accept` excludes event streams is answered by an `HTTPException`
 * with status 406, and one by another method than GET that `maxStreams` refuses by one with status 503.
 *
 * @throws `ERR_SSE_INVALID_OPTION` for options that are not valid
 *
 * @example
 * import { Hono } from 'hono'
 * import { sse } from '@tidings/hono'
 *
 * const app = new Hono()
 * app.use(sse())
 * app.get('/clock', (c) =>
 *   c.var.sse((stream) => {
 *     const timer = setInterval(() => stream.send({ event: 'tick', data: { now: Date.now() } }), 1000)
 *     stream.onClose(() => clearInterval(timer))
 *   }),
 * )
 */
export function sse(options?: StreamOptions): MiddlewareHandler {
  const layer = optionLayer(options)
  return async (c, next) => {
    const layered = layer(c.get('sse'))
    const helper = (callback: StreamCallback<EventStream>, call?: StreamOptions): Response => open(c, callback, resolveOptions(call, layered))
    c.set('sse', branded(helper as SseHelper, layered))
    await next()
  }
}

/** Makes the response of an event stream as `c.var.sse()` does, without the middleware. */
export function eventStream<Events extends object = AnyEvents>(c: Context, callback: StreamCallback<EventStream<Events>>, options?: StreamOptions): Response {
  return open(c, callback as StreamCallback<EventStream>, resolveOptions(options))
}

/**
 * The id of the last event that the client has seen, or `''` when it sent none. The same as `lastEventIdOf` of
 * `@tidings/core/web`.
 */
export function lastEventIdOf(c: Context): string {
  return webLastEventIdOf(c.req.raw)
}

function open(c: Context, callback: StreamCallback<EventStream>, options: ResolvedOptions): Response {
  const refusal = refusalOf(c.req.method, c.req.header('accept'), options)
  if (refusal) throw new HTTPException(refusal.status as 406, { message: refusal.message, cause: refusal, res: refusalResponse(refusal) })
  answerOnce(c.req.raw, callback)
  for (const name of MISLEADING_HEADERS) c.header(name, undefined)
  setHeaders(options, (name, value, how) => c.header(name, value, how))
  c.status(options.status as 200)
  const res = nodeResponseIn(c.env)
  if (res) dropHopByHop(res)
  // The server behind it may speak HTTP/2.
  else for (const name of HOP_BY_HOP_HEADERS) c.header(name, undefined)
  if (c.req.method === 'HEAD') return c.body(null)
  if (!res || !canTakeOver(res)) {
    if (res) closeOnReset(res)
    return c.body(webStreamBody(c.req.raw, options, callback))
  }
  const refuse = (): void => refuseBody(c.req.raw)
  takeOver(res, options, boundCallback(callback), refuse)
  return c.body(null)
}
