import type { CloseReason, TidingsError } from '../errors.ts'
import type { Message } from '../message/message.ts'
import type { EventStream, Sendable } from './event-stream.ts'
import { FEED, type FedStream, type Feeder } from './feeder.ts'
import { SinkStream } from './sink-stream.ts'
import type { ResolvedOptions } from './stream-options.ts'

/** A stream as an app gets it, with its public names alone. The rest of core holds the stream behind it. */
export class PublicStream implements EventStream {
  readonly #stream: SinkStream

  static {
    // `isolatedDeclarations` allows no method with a computed name.
    const feed = function (this: PublicStream, feeder?: Feeder): FedStream {
      return this.#stream.feed(feeder)
    }
    Object.defineProperty(PublicStream.prototype, FEED, { value: feed })
  }

  constructor(stream: SinkStream) {
    this.#stream = stream
  }

  /** The stream behind a public stream; undefined for a stream of another copy of this package. */
  static behind(stream: EventStream): SinkStream | undefined {
    return #stream in stream ? stream.#stream : undefined
  }

  send(message: Message, more?: unknown): Promise<boolean> {
    return this.#stream.send(message, more)
  }

  sendAll<Item>(source: Sendable<Item>, map?: (item: Item) => Message): Promise<boolean> {
    return this.#stream.sendAll(source, map)
  }

  comment(text?: string): Promise<boolean> {
    return this.#stream.comment(text)
  }

  close(): void {
    this.#stream.close()
  }

  onClose(callback: (reason: TidingsError) => unknown): () => void {
    return this.#stream.onClose(callback)
  }

  get signal(): AbortSignal {
    return this.#stream.signal
  }

  get closed(): boolean {
    return this.#stream.closed
  }

  get lastEventId(): string {
    return this.#stream.lastEventId
  }

  get bufferedAmount(): number {
    return this.#stream.bufferedAmount
  }
}

/**
 * Handles an error that a route's handler threw after its stream had opened: ends the stream as `'error'`, tells
 * `onError`, and returns true. Returns false and does nothing where the error follows from the end of the stream.
 */
export function failStream(stream: EventStream, error: unknown): boolean {
  return PublicStream.behind(stream)?.fail(error) ?? true
}

/**
 * Whether an error of a route's handler only says that the stream has ended: it is the reason of the end, or the abort
 * error of a library that got the stream's `signal`. Any other error after the end is a failure.
 */
export function followsFromEnd(stream: EventStream, error: unknown): boolean {
  return PublicStream.behind(stream)?.followsFromEnd(error) ?? false
}

/** A stream that is closed from the start, for a request that gets no stream. */
export function closedStream(options: ResolvedOptions, lastEventId: string, reason: CloseReason): EventStream {
  const stream = new SinkStream(options, lastEventId)
  stream.gone(reason)
  return new PublicStream(stream)
}
