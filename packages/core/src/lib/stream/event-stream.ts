import type { TidingsError } from '../errors.ts'
import type { AnyEvents, Message } from '../message/message.ts'

/** What `sendAll` takes. A Node `Readable` is an async iterable. */
export type Sendable<Item> = Iterable<Item> | AsyncIterable<Item> | ReadableStream<Item>

/**
 * One open connection to one peer, as every adapter hands it out. It stays open until `close()`, the peer's leaving,
 * a limit or shutdown; a handler's return ends nothing.
 */
export interface EventStream<Events extends object = AnyEvents> {
  /**
   * Sends one message. Resolves to `true` once the transport took it, which waits while the peer is slow, and to
   * `false` when the stream has ended, however it ended. Never rejects, so it need not be awaited; awaiting it is
   * what slows a producer to the peer's pace.
   *
   * @throws `ERR_SSE_INVALID_FIELD` or `ERR_SSE_INVALID_MESSAGE`, at once and before anything is written;
   * `ERR_SSE_ID_OWNED` for a message with an `id` on a stream that is subscribed to a channel
   */
  send(message: Message<Events>): Promise<boolean>
  /**
   * Sends each item of a source at the peer's pace: an iterable, an async iterable, a web `ReadableStream` or a Node
   * `Readable`. Resolves to `true` when the source ended and to `false` when the peer left first; then the source is
   * ended too, by its `return()`, `cancel()` or `destroy()`. Rejects with the source's own error. The stream stays
   * open.
   *
   * @throws `ERR_SSE_INVALID_SOURCE` (as a rejection) for what cannot be iterated, and for bytes without a `map` that
   * decodes
   */
  sendAll(source: Sendable<Message<Events>>): Promise<boolean>
  /**
   * The same, for items that are not messages.
   *
   * @param map makes a message of each item
   */
  sendAll<Item>(source: Sendable<Item>, map: (item: Item) => Message<Events>): Promise<boolean>
  /** Sends a comment, which clients ignore. Resolves as `send` does. */
  comment(text?: string): Promise<boolean>
  /** Ends the stream cleanly after what was sent. Clients reconnect unless they are told to stop. Idempotent. */
  close(): void
  /**
   * Calls back exactly once when the stream has ended, however it ends; at once when it already has. Returns a
   * function that takes the callback back. The same function given twice is called once.
   */
  onClose(callback: (reason: TidingsError) => unknown): () => void
  /** Aborted when the stream ends, with the same `ERR_SSE_CLOSED` that `onClose` gets. Made when it is first read. */
  readonly signal: AbortSignal
  /** Whether the stream has ended. */
  readonly closed: boolean
  /**
   * The id of the last event that the client has seen: its `Last-Event-ID` header, or `lastEventId` in the query
   * where the header is absent. `''` when it sent none; `'\uFFFD'`, which no server gives out, for one with NUL or
   * over 1 KiB.
   */
  readonly lastEventId: string
  /** How many bytes wait in this process for the peer to take them. */
  readonly bufferedAmount: number
}
