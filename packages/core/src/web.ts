/**
 * Event streams for servers that speak fetch.
 *
 * @module @tidings/core/web
 */

import type { AnyEvents } from './lib/message/message.ts'
import type { EventStream } from './lib/stream/event-stream.ts'
import { resolveOptions, type StreamOptions } from './lib/stream/stream-options.ts'
import { refusalOf, refusalResponse } from './lib/transport/accept.ts'
import { HOP_BY_HOP_HEADERS, setHeaders } from './lib/transport/response-head.ts'
import { answerOnce, lastEventIdOf, type StreamCallback, type WebRequest, webStreamBody } from './lib/transport/web-stream.ts'

export { lastEventIdOf, type StreamCallback, type WebRequest }

/**
 * Makes a fetch `Response` that is an event stream, for servers that speak fetch: Hono, Bun, Deno, Workers, route
 * handlers. `callback` gets the stream when the platform begins to read the body. Its return does not close the
 * stream; `stream.close()` does. An error that it throws ends the stream as `'error'` and goes to `onError`. A HEAD
 * request gets the head alone, and a request whose `Accept` excludes event streams gets 406. For both, `callback` is
 * not called.
 *
 * @throws `ERR_SSE_INVALID_OPTION` for an invalid option, `ERR_SSE_HEADERS_SENT` for a second stream on one request
 *
 * @example
 * import { eventStreamResponse } from '@tidings/core/web'
 *
 * export default {
 *   fetch: (request: Request) =>
 *     eventStreamResponse(request, (stream) => {
 *       const timer = setInterval(() => stream.send({ event: 'tick', data: { now: Date.now() } }), 1000)
 *       stream.onClose(() => clearInterval(timer))
 *     }),
 * }
 */
export function eventStreamResponse<Events extends object = AnyEvents>(
  request: WebRequest,
  callback: StreamCallback<EventStream<Events>>,
  options?: StreamOptions,
): Response {
  const resolved = resolveOptions(options)
  const refusal = refusalOf(request.method, request.headers.get('accept') ?? undefined, resolved)
  if (refusal) return refusalResponse(refusal)
  answerOnce(request, callback)
  const headers = new Headers()
  setHeaders(resolved, (name, value, { append }) => (append ? headers.append(name, value) : headers.set(name, value)))
  // The server may speak HTTP/2.
  for (const name of HOP_BY_HOP_HEADERS) headers.delete(name)
  const body = request.method === 'HEAD' ? null : webStreamBody(request, resolved, (stream) => callback(stream as EventStream<Events>))
  return new Response(body, { status: resolved.status, headers })
}
