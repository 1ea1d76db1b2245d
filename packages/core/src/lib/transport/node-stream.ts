import { describe } from '../describe.ts'
import { alreadyBegun, type Refusal } from '../errors.ts'
import { invalidOption } from '../option-checks.ts'
import type { EventStream } from '../stream/event-stream.ts'
import { closedStream, PublicStream } from '../stream/public-stream.ts'
import { SinkStream } from '../stream/sink-stream.ts'
import type { ResolvedOptions } from '../stream/stream-options.ts'
import { reasonOfRefusal, refusalOf } from './accept.ts'
import { readLastEventId } from './last-event-id.ts'
import { hasLeft, isHttp2, type NodeRequest, type NodeResponse } from './node-messages.ts'
import { NodeSink } from './node-sink.ts'
import { HOP_BY_HOP_HEADERS, MISLEADING_HEADERS, responseHeaders } from './response-head.ts'
import { dropUnreadBody } from './unread-body.ts'

/**
 * Opens the stream on a response that has not begun. The head and the first bytes leave at once.
 *
 * @param refuse answers a request that gets no stream, in the way of the framework, with the status and headers of the
 * error; the stream is then closed as `'unopened'` or `'refused'`
 * @throws `ERR_SSE_HEADERS_SENT` when the response has begun, `ERR_SSE_INVALID_OPTION` for arguments that are no
 * request and response
 */
export function openNodeStream(req: NodeRequest, res: NodeResponse, options: ResolvedOptions, refuse: (refusal: Refusal) => void): EventStream {
  if (typeof req?.headers !== 'object' || typeof res?.setHeader !== 'function')
    throw invalidOption(`a stream is opened on a request and its response, got ${describe(req)} and ${describe(res)}`)
  if (res.headersSent) throw alreadyBegun()
  const lastEventId = lastEventIdOf(req)
  const refusal = refusalOf(req.method, req.headers.accept, options)
  if (refusal) {
    refuse(refusal)
    return closedStream(options, lastEventId, reasonOfRefusal(refusal))
  }
  if (hasLeft(req, res)) return closedStream(options, lastEventId, 'peer')
  setHead(res, options)
  if (req.method === 'HEAD') {
    res.end()
    return closedStream(options, lastEventId, 'unopened')
  }
  return openOver(req, res, options, lastEventId)
}

/**
 * Opens the stream on a response whose head is set or sent already.
 *
 * @param onDrop called when a body that nobody reads is about to be dropped
 */
export function streamOver(req: NodeRequest, res: NodeResponse, options: ResolvedOptions, onDrop?: () => void): EventStream {
  const lastEventId = lastEventIdOf(req)
  return hasLeft(req, res) ? closedStream(options, lastEventId, 'peer') : openOver(req, res, options, lastEventId, onDrop)
}

function openOver(req: NodeRequest, res: NodeResponse, options: ResolvedOptions, lastEventId: string, onDrop?: () => void): EventStream {
  dropUnreadBody(req, res, onDrop)
  const stream = new SinkStream(options, lastEventId)
  stream.open(new NodeSink(req, res, stream))
  flattenHead(res)
  return new PublicStream(stream)
}

/**
 * Node keeps the text of the head for as long as the response, as a tree of the fifty strings that it was joined from.
 * V8 makes one string of the tree when a character is read: a kilobyte less for each connection.
 */
function flattenHead(res: NodeResponse): void {
  const head = (res as { _header?: unknown })._header
  // `true` on HTTP/2, where Node keeps no text.
  if (typeof head === 'string') head.charCodeAt(0)
}

/**
 * The id of the last event that the client has seen: its `Last-Event-ID` header read as UTF-8, or `lastEventId` in
 * the query where the header is absent. `''` where the client sent no id. `'\uFFFD'`, which no server uses as an id,
 * where the id contains NUL or is longer than 1 KiB.
 */
export function lastEventIdOf(request: NodeRequest): string {
  const header = request.headers['last-event-id']
  return readLastEventId(Array.isArray(header) ? header[0] : header, request.url)
}

function setHead(res: NodeResponse, options: ResolvedOptions): void {
  for (const name of MISLEADING_HEADERS) res.removeHeader(name)
  for (const [name, value] of responseHeaders(options)) res.setHeader(name, value)
  if (isHttp2(res)) for (const name of HOP_BY_HOP_HEADERS) res.removeHeader(name)
  res.statusCode = options.status
}
