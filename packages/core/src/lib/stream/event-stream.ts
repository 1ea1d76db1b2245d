import type { TidingsError } from '../errors.ts'
import type { AnyEvents, Message } from '../message/message.ts'

/** A source of items for `sendAll`. A Node `Readable` is an async iterable. */
export type Sendable<Item> = Iterable<Item> | AsyncIterable<Item> | ReadableStream<Item>

/**
 * An event stream: one open connection to one peer. It stays open until `close()`, until the peer leaves, until a
 * limit ends it, or until shutdown. The return of a handler does not end it.
 */
export interface EventStream<Events extends object = AnyEvents> {
  /**
   * Sends one message. The promise resolves to `true` when the transport has taken it, and waits while the peer is
   * slow. It resolves to `false` when the stream has ended, for any reason. It never rejects, so you need not await
   * it. Await it to slow your producer to the pace of the peer.
   *
   * @throws `ERR_SSE_INVALID_FIELD`, or `ERR_SSE_INVALID_MESSAGE` (also for a second argument), at once and before
   * anything is written; `ERR_SSE_ID_OWNED` for a message with an `id` on a stream that is subscribed to a channel
   */
  send(message: Message<Events>): Promise<boolean>
  /**
   * Sends each item of a source at the pace of the peer. The source is an iterable, an async iterable, a web
   * `ReadableStream` or a Node `Readable`. The promise resolves to `true` when the source has ended. It resolves to
   * `false` when the stream ended first; then the source is ended by its `return()`, `cancel()` or `destroy()`. It
   * rejects with an error of the source. The stream stays open in each case.
   *
   * @throws `ERR_SSE_INVALID_SOURCE` (as a rejection) for a source that cannot be iterated, and for bytes without a
   * `map` that decodes them
   */
  sendAll(source: Sendable<Message<Events>>): Promise<boolean>
  /**
   * Sends each item of a source whose items are not messages.
   *
   * @param map makes a message from an item
   */
  sendAll<Item>(source: Sendable<Item>, map: (item: Item) => Message<Events>): Promise<boolean>
  /** Sends a comment, which clients ignore. The promise resolves as that of `send` does. */
  comment(text?: string): Promise<boolean>
  /** Ends the stream cleanly after all that was sent. Clients reconnect unless they are told to stop. Idempotent. */
  close(): void
  /**
   * Calls a function once when the stream has ended, for any reason, or at once when it has ended already. Returns a
   * function that removes the callback. A function that is given twice is called once.
   */
  onClose(callback: (reason: TidingsError) => unknown): () => void
  /** Aborted when the stream ends, with the same `ERR_SSE_CLOSED` that `onClose` gets. Created at the first read. */
  readonly signal: AbortSignal
  /** Whether the stream has ended. */
  readonly closed: boolean
  /**
   * The id of the last event that the client has seen: its `Last-Event-ID` header, or `lastEventId` in the query
   * where the header is absent. `''` where the client sent no id. `'\uFFFD'`, which no server uses as an id, where the
   * id contains NUL or is longer than 1 KiB.
   */
  readonly lastEventId: string
  /** The number of bytes that wait in this process for the peer to take them. */
  readonly bufferedAmount: number
}
