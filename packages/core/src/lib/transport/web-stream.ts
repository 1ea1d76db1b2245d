import { alreadyBegun } from '../errors.ts'
import { checkCallback } from '../option-checks.ts'
import type { OwnedEventStream } from '../stream/event-stream.ts'
import { SinkStream } from '../stream/sink-stream.ts'
import type { ResolvedOptions } from '../stream/stream-options.ts'
import { readLastEventId } from './last-event-id.ts'
import { WebSink } from './web-sink.ts'

/** What is read of a fetch `Request`. */
export type WebRequest = Pick<Request, 'method' | 'url' | 'headers' | 'signal' | 'body' | 'bodyUsed'>

/** What a route does with its stream. Its return closes nothing; what it throws ends the stream and goes to `onError`. */
export type StreamCallback<Stream> = (stream: Stream) => unknown

const ANSWERED: unique symbol = Symbol.for('tidings.answered')

/** Throws when this request was given a stream before, since a response that is returned cannot be asked whether it has begun, or when there is no callback. */
export function answerOnce(request: object & { [ANSWERED]?: true }, callback: unknown): void {
  checkCallback('the callback that takes the stream', callback)
  if (request[ANSWERED]) throw alreadyBegun()
  request[ANSWERED] = true
}

/** The body of an event stream's response. `callback` runs when the platform first reads from it, and never otherwise. */
export function webStreamBody(
  request: WebRequest,
  options: ResolvedOptions,
  callback: StreamCallback<OwnedEventStream>,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const stream = new SinkStream(options, webLastEventId(request))
  const sink = new WebSink(stream, request.signal, () => {
    // The peer may have left before its response was read.
    if (!stream.closed) stream.open(sink)
    drainBody(request)
    runCallback(callback, stream)
  })
  return sink.readable
}

/** Reads what `EventStream.lastEventId` tells, for a route that wants it before it opens a stream. */
export function webLastEventId(request: Pick<Request, 'url' | 'headers'>): string {
  return readLastEventId(request.headers.get('last-event-id') ?? undefined, request.url)
}

/** From the next turn on, reads a body that nobody reads: unread, it would hide the peer's leaving, and hold up its upload. */
function drainBody(request: WebRequest): void {
  if (request.method === 'GET' || request.method === 'HEAD') return
  setTimeout(() => {
    if (request.bodyUsed || !request.body || request.body.locked) return
    // A peer that leaves in the middle is noticed by the stream.
    request.body.pipeTo(new WritableStream()).catch(() => {})
  })
}

/** Hands the stream to a route's callback. */
export async function runCallback(callback: StreamCallback<OwnedEventStream>, stream: OwnedEventStream): Promise<void> {
  try {
    await callback(stream)
  } catch (error) {
    stream.fail(error)
  }
}
