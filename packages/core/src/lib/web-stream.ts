import { type OwnedEventStream, SinkStream } from './event-stream.ts'
import { readLastEventId } from './last-event-id.ts'
import type { ResolvedOptions } from './options.ts'
import { WebSink } from './web-sink.ts'

/** What is read of a fetch `Request`. */
export type WebRequest = Pick<Request, 'method' | 'url' | 'headers' | 'signal'>

/** What a route does with its stream. Its return closes nothing; what it throws ends the stream and goes to `onError`. */
export type StreamCallback<Stream> = (stream: Stream) => unknown

/** The body of an event stream's response. `callback` runs when the platform first reads from it, and never otherwise. */
export function webStreamBody(
  request: WebRequest,
  options: ResolvedOptions,
  callback: StreamCallback<OwnedEventStream>,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const stream = new SinkStream(options, webLastEventId(request))
  const sink = new WebSink(stream, request.signal, () => {
    if (request.signal?.aborted) stream.gone('peer', request.signal.reason)
    else stream.open(sink)
    runCallback(callback, stream)
  })
  return sink.readable
}

/** Reads what `EventStream.lastEventId` tells, for a route that wants it before it opens a stream. */
export function webLastEventId(request: Pick<Request, 'url' | 'headers'>): string {
  return readLastEventId(request.headers.get('last-event-id') ?? undefined, request.url)
}

/** Hands the stream to a route's callback. */
export async function runCallback(callback: StreamCallback<OwnedEventStream>, stream: OwnedEventStream): Promise<void> {
  try {
    await callback(stream)
  } catch (error) {
    stream.fail(error)
  }
}
