/**
 * Event streams for Koa: `app.use(sse())`, then `ctx.sse()`.
 *
 * @module @tidings/koa
 */
import type { AnyEvents, EventStream, StreamOptions } from '@tidings/core'
import { branded, failStream, followsFromEnd, openNodeStream, optionLayer, type ResolvedOptions, resolveOptions } from '@tidings/core/adapter'
import { lastEventIdOf as nodeLastEventIdOf } from '@tidings/core/node'
import type { ExtendableContext } from 'koa'

export type * from './augment.ts'

/**
 * `ctx.sse()`: opens an event stream and sends its head and first bytes at once. `options` win over the middleware's
 * options.
 */
export type SseHelper = <Events extends object = AnyEvents>(options?: StreamOptions) => EventStream<Events>

/** The part of a Koa context that this package uses. Koa 2 and 3 both have it. */
export type KoaContext = Pick<ExtendableContext, 'req' | 'res' | 'respond' | 'onerror' | 'throw'>

/**
 * Middleware for Koa 2 and 3 that adds `ctx.sse()`. Mount it for the app, on a route, or both. Each option is
 * taken from the nearest place that sets it. A request whose `Accept` excludes event streams is answered by
 * `ctx.throw(406)`, and one by another method than GET that `maxStreams` refuses by `ctx.throw(503)`. An error that a
 * handler throws after its stream has opened ends the stream, and reaches `onError` and `app.on('error')`.
 *
 * @throws `ERR_SSE_INVALID_OPTION` for options that are not valid
 *
 * @example
 * import Koa from 'koa'
 * import { sse } from '@tidings/koa'
 *
 * const app = new Koa()
 * app.use(sse())
 * app.use((ctx) => {
 *   const stream = ctx.sse()
 *   const timer = setInterval(() => stream.send({ event: 'tick', data: { now: Date.now() } }), 1000)
 *   stream.onClose(() => clearInterval(timer))
 * })
 */
export function sse(options?: StreamOptions): (ctx: KoaContext, next: () => Promise<unknown>) => Promise<void> {
  const layer = optionLayer(options)
  return async (ctx, next) => {
    const target = ctx as KoaContext & { sse?: unknown }
    const layered = layer(target.sse)
    let stream: EventStream | undefined
    target.sse = branded((call?: StreamOptions) => {
      stream = open(ctx, resolveOptions(call, layered))
      return stream
    }, layered)
    try {
      await next()
    } catch (error) {
      // Koa answers an error only before the head is sent. After that it would leave the stream open for ever.
      if (!stream || failStream(stream, error)) throw error
    }
  }
}

/**
 * Opens an event stream as `ctx.sse()` does, without the middleware. A handler that throws then leaves its stream
 * open.
 */
export function eventStream<Events extends object = AnyEvents>(ctx: KoaContext, options?: StreamOptions): EventStream<Events> {
  return open(ctx, resolveOptions(options)) as EventStream<Events>
}

/**
 * The id of the last event that the client has seen, or `''` when it sent none. The same as `lastEventIdOf` of
 * `@tidings/core/node`.
 */
export function lastEventIdOf(ctx: Pick<KoaContext, 'req'>): string {
  return nodeLastEventIdOf(ctx.req)
}

function open(ctx: KoaContext, options: ResolvedOptions): EventStream {
  const stream = openNodeStream(ctx.req, ctx.res, options, (refusal) => ctx.throw(refusal.status, refusal))
  ctx.respond = false
  ignoreLeaving(ctx, stream)
  return stream
}

/**
 * Keeps the peer's leaving out of Koa's error handling. Koa reports the reset of a connection, and the errors that
 * follow from it, as errors of the app.
 */
function ignoreLeaving(ctx: KoaContext, stream: EventStream): void {
  const { onerror } = ctx
  ctx.onerror = (error) => {
    if (!error || (error !== ctx.req.socket.errored && !followsFromEnd(stream, error))) onerror.call(ctx, error)
  }
}
