/**
 * Event streams for `node:http` and `node:http2`.
 *
 * @module @tidings/core/node
 */

import type { AnyEvents } from './lib/message/message.ts'
import type { EventStream } from './lib/stream/event-stream.ts'
import { resolveOptions, type StreamOptions } from './lib/stream/stream-options.ts'
import type { NodeRequest, NodeResponse } from './lib/transport/node-messages.ts'
import { lastEventIdOf, openNodeStream } from './lib/transport/node-stream.ts'

export { lastEventIdOf, type NodeRequest, type NodeResponse }

/**
 * Opens an event stream on a response of `node:http`, or of the compatibility API of `node:http2`. The head and a
 * first byte leave at once. Headers that were set before are kept. A HEAD request gets the head alone, and a request
 * whose `Accept` excludes event streams gets 406. For both, the returned stream is already closed as `'unopened'`.
 *
 * @throws `ERR_SSE_HEADERS_SENT` when the response has begun, `ERR_SSE_INVALID_OPTION` for an invalid option
 *
 * @example
 * import { createServer } from 'node:http'
 * import { openEventStream } from '@tidings/core/node'
 *
 * createServer((req, res) => {
 *   const stream = openEventStream(req, res)
 *   const timer = setInterval(() => stream.send({ event: 'tick', data: { now: Date.now() } }), 1000)
 *   stream.onClose(() => clearInterval(timer))
 * }).listen(3000)
 */
export function openEventStream<Events extends object = AnyEvents>(req: NodeRequest, res: NodeResponse, options?: StreamOptions): EventStream<Events> {
  return openNodeStream(req, res, resolveOptions(options), (refusal) => {
    res.writeHead(refusal.status, { 'Content-Type': 'text/plain; charset=utf-8', ...refusal.headers })
    res.end(refusal.message)
  }) as EventStream<Events>
}
