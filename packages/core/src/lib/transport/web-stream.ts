import { currentContext, runIn } from '../async-context.ts'
import { alreadyBegun, bodyDropped } from '../errors.ts'
import { checkCallback } from '../option-checks.ts'
import type { EventStream } from '../stream/event-stream.ts'
import { failStream, PublicStream } from '../stream/public-stream.ts'
import { SinkStream } from '../stream/sink-stream.ts'
import type { ResolvedOptions } from '../stream/stream-options.ts'
import { readLastEventId } from './last-event-id.ts'
import { WebSink } from './web-sink.ts'

/** What is read of a fetch `Request`. */
export type WebRequest = Pick<Request, 'method' | 'url' | 'headers' | 'signal' | 'body' | 'bodyUsed'>

/**
 * What a route does with its stream. Its return closes nothing; what it throws ends the stream and goes to `onError`.
 */
export type StreamCallback<Stream> = (stream: Stream) => unknown

const ANSWERED: unique symbol = Symbol.for('tidings.answered')

/**
 * Throws when this request was given a stream before, since a response that is returned cannot be asked whether it
 * has begun, or when there is no callback.
 */
export function answerOnce(request: object & { [ANSWERED]?: true }, callback: unknown): void {
  checkCallback('the callback that takes the stream', callback)
  if (request[ANSWERED]) throw alreadyBegun()
  request[ANSWERED] = true
}

/**
 * The body of an event stream's response. `callback` runs when the platform first reads from it, and never otherwise.
 */
export function webStreamBody(request: WebRequest, options: ResolvedOptions, callback: StreamCallback<EventStream>): ReadableStream<Uint8Array<ArrayBuffer>> {
  const stream = new SinkStream(options, webLastEventId(request))
  const run = boundCallback(callback)
  const sink = new WebSink(stream, request.signal, () => {
    // The peer may have left before its response was read.
    if (!stream.closed) stream.open(sink)
    dropUnreadBody(request)
    run(new PublicStream(stream))
  })
  return sink.readable
}

/** Reads what `EventStream.lastEventId` tells, for a route that wants it before it opens a stream. */
export function webLastEventId(request: Pick<Request, 'url' | 'headers'>): string {
  return readLastEventId(request.headers.get('last-event-id') ?? undefined, request.url)
}

/**
 * Drops a body that nobody has begun to read by the next turn: unread, it would hide the peer's leaving, and hold up
 * its upload. Reading it later rejects with `ERR_SSE_BODY_DROPPED`.
 */
function dropUnreadBody(request: WebRequest): void {
  if (request.method === 'GET' || request.method === 'HEAD') return
  setTimeout(() => {
    const { body } = request
    if (request.bodyUsed || !body || body.locked) return
    refuseBody(request)
    // A peer that leaves in the middle is noticed by the stream.
    body.pipeTo(new WritableStream()).catch(() => {})
  })
}

/** Has all ways to read the body of a fetch `Request` fail with `ERR_SSE_BODY_DROPPED`. */
export function refuseBody(request: object): void {
  const value = (): Promise<never> => Promise.reject(bodyDropped())
  for (const name of ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text']) Object.defineProperty(request, name, { value })
  const clone = (): never => {
    throw bodyDropped()
  }
  Object.defineProperty(request, 'clone', { value: clone })
  Object.defineProperty(request, 'body', { get: () => new ReadableStream({ start: (controller) => controller.error(bodyDropped()) }) })
}

/** Hands a stream to a route's callback, in the async context in which it was given. */
export function boundCallback(callback: StreamCallback<EventStream>): (stream: EventStream) => void {
  const context = currentContext()
  return (stream) => {
    runIn(context, runCallback, callback, stream)
  }
}

async function runCallback(callback: StreamCallback<EventStream>, stream: EventStream): Promise<void> {
  try {
    await callback(stream)
  } catch (error) {
    failStream(stream, error)
  }
}
