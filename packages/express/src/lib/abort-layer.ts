import type { IncomingMessage, ServerResponse } from 'node:http'
import type { EventStream } from '@tidings/core'
import { followsFromEnd } from '@tidings/core/adapter'

type Next = (error?: unknown) => void
type ErrorHandler = (error: unknown, req: unknown, res: ServerResponse, next: Next) => void

const STREAM: unique symbol = Symbol('tidings.stream')
/** The methods of each route that have the error handler already. */
const layered = new WeakMap<object, Set<string>>()

const endAborts: ErrorHandler = (error, _req, res: ServerResponse & { [STREAM]?: EventStream }, next) => {
  const stream = res[STREAM]
  if (!stream || !followsFromEnd(stream, error)) next(error)
}

/**
 * Keeps errors that follow from the stream's end away from the app's error handlers. Express gives those handlers
 * every error that a route throws, and logs the errors that they pass on. This adds one error handler behind the
 * handlers of the route. A handler that `app.use` mounts has no route, so its aborts are reported.
 */
export function dropAborts(req: IncomingMessage & { route?: object }, res: ServerResponse, stream: EventStream): void {
  const { route, method = '' } = req
  if (!route || stream.closed) return
  Object.assign(res, { [STREAM]: stream })
  const methods = layered.get(route) ?? new Set()
  if (methods.has(method)) return
  methods.add(method)
  layered.set(route, methods)
  // Not `all`: it would make Express leave OPTIONS requests to the route.
  ;(route as Record<string, ((handler: ErrorHandler) => void) | undefined>)[method.toLowerCase()]?.(endAborts)
}
