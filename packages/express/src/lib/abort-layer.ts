import type { IncomingMessage, ServerResponse } from 'node:http'
import type { EventStream } from '@tidings/core'
import { followsFromEnd } from '@tidings/core/adapter'

type Next = (error?: unknown) => void
type ErrorHandler = (error: unknown, req: unknown, res: ServerResponse, next: Next) => void

const STREAM: unique symbol = Symbol('tidings.stream')
/** The methods for which a route has its layer. */
const layered = new WeakMap<object, Set<string>>()

const endAborts: ErrorHandler = (error, _req, res: ServerResponse & { [STREAM]?: EventStream }, next) => {
  const stream = res[STREAM]
  if (!stream || !followsFromEnd(stream, error)) next(error)
}

/**
 * Keeps errors that follow from the stream's end from the app's error handlers: Express hands all that a handler
 * throws to them, and logs what they pass on. The route that is running gets an error handler behind its own
 * handlers, once; a handler without a route, as `app.use` mounts it, can get none.
 */
export function dropAborts(req: IncomingMessage & { route?: object }, res: ServerResponse, stream: EventStream): void {
  const { route, method = '' } = req
  if (!route || stream.closed) return
  Object.assign(res, { [STREAM]: stream })
  const methods = layered.get(route) ?? new Set()
  if (methods.has(method)) return
  methods.add(method)
  layered.set(route, methods)
  // Not `all`, after which Express would leave OPTIONS to the route.
  ;(route as Record<string, ((handler: ErrorHandler) => void) | undefined>)[method.toLowerCase()]?.(endAborts)
}
