import { currentContext, runIn } from '../async-context.ts'
import { alreadyBegun, bodyDropped } from '../errors.ts'
import { checkCallback } from '../option-checks.ts'
import type { EventStream } from '../stream/event-stream.ts'
import { failStream, PublicStream } from '../stream/public-stream.ts'
import { SinkStream } from '../stream/sink-stream.ts'
import type { ResolvedOptions } from '../stream/stream-options.ts'
import { readLastEventId } from './last-event-id.ts'
import { WebSink } from './web-sink.ts'

/** The parts of a fetch `Request` that are read. */
export type WebRequest = Pick<Request, 'method' | 'url' | 'headers' | 'signal' | 'body' | 'bodyUsed'>

/**
 * A route's function that gets the stream. Its return does not close the stream. An error that it throws ends the
 * stream as `'error'` and goes to `onError`.
 */
export type StreamCallback<Stream> = (stream: Stream) => unknown

const ANSWERED: unique symbol = Symbol.for('tidings.answered')

/**
 * Marks a request as answered. The mark replaces a check of the response: a fetch `Response` does not tell whether it
 * has begun.
 *
 * @throws `ERR_SSE_HEADERS_SENT` for a second stream on one request, `ERR_SSE_INVALID_OPTION` without a callback
 */
export function answerOnce(request: object & { [ANSWERED]?: true }, callback: unknown): void {
  checkCallback('the callback that takes the stream', callback)
  if (request[ANSWERED]) throw alreadyBegun()
  request[ANSWERED] = true
}

/**
 * The body of an event stream's response. `callback` runs when the platform first reads from it, or never.
 */
export function webStreamBody(request: WebRequest, options: ResolvedOptions, callback: StreamCallback<EventStream>): ReadableStream<Uint8Array<ArrayBuffer>> {
  const stream = new SinkStream(options, lastEventIdOf(request))
  const run = boundCallback(callback)
  const open = (): EventStream => {
    // The peer may have left before the platform read the response.
    if (!stream.closed) stream.open(sink)
    dropUnreadBody(request)
    return new PublicStream(stream)
  }
  const sink = new WebSink(stream, request.signal, () => run(open))
  return sink.readable
}

/**
 * The id of the last event that the client has seen: its `Last-Event-ID` header read as UTF-8, or `lastEventId` in
 * the query where the header is absent. `''` where the client sent no id. `'\uFFFD'`, which no server uses as an id,
 * where the id contains NUL or is longer than 1 KiB.
 */
export function lastEventIdOf(request: Pick<Request, 'url' | 'headers'>): string {
  return readLastEventId(request.headers.get('last-event-id') ?? undefined, request.url)
}

/**
 * Drops a body that no code has begun to read by the next turn of the event loop. An unread body would hide that the
 * peer leaves, and would block its upload. A later attempt to read it rejects with `ERR_SSE_BODY_DROPPED`.
 */
function dropUnreadBody(request: WebRequest): void {
  if (request.method === 'GET' || request.method === 'HEAD') return
  setTimeout(() => {
    const { body } = request
    if (request.bodyUsed || !body || body.locked) return
    refuseBody(request)
    // The stream notices a peer that leaves during the upload.
    body.pipeTo(new WritableStream()).catch(() => {})
  })
}

/** Makes every way to read the body of a fetch `Request` fail with `ERR_SSE_BODY_DROPPED`. */
export function refuseBody(request: object): void {
  const value = (): Promise<never> => Promise.reject(bodyDropped())
  for (const name of ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text']) Object.defineProperty(request, name, { value })
  const clone = (): never => {
    throw bodyDropped()
  }
  Object.defineProperty(request, 'clone', { value: clone })
  Object.defineProperty(request, 'body', { get: () => new ReadableStream({ start: (controller) => controller.error(bodyDropped()) }) })
}

/** Binds a route's callback to the present async context. Its stream is opened in that context too. */
export function boundCallback(callback: StreamCallback<EventStream>): (open: () => EventStream) => void {
  const context = currentContext()
  return (open) => {
    runIn(context, runCallback, callback, open)
  }
}

async function runCallback(callback: StreamCallback<EventStream>, open: () => EventStream): Promise<void> {
  const stream = open()
  try {
    await callback(stream)
  } catch (error) {
    failStream(stream, error)
  }
}
