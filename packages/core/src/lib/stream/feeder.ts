import type { SharedFrames, SharedWriter } from '../message/shared-frames.ts'

/** The channel's side of a subscription: what a stream calls of the reader that feeds it. */
export interface Feeder {
  /** The stream has room again after a write that returned false. */
  drained(): void
  /** The stream has ended. */
  streamEnded(): void
  /**
   * The lines that tell the client its position within a heartbeat; `''` where the client already knows its position.
   */
  heartbeat(): string
  /** The time of the last write by a `SharedWriter`, as `wholeMilliseconds` tells it; 0 where there was none. */
  readonly wroteAt: number
  /** An upper bound of the number of messages in the channel that the stream has not yet got. */
  readonly behind: number
  /**
   * Adds the reader of another named channel. `knows` tells whether the channel gave out an id. Unset for a reader,
   * which feeds its stream alone.
   * @throws `ERR_SSE_ID_OWNED`
   */
  join?(name: string, feeder: Feeder, knows: (id: string) => boolean): Lane
}

/** The stream's side of a subscription: what a channel calls of a stream that it feeds. */
export interface FedStream {
  /** False after a write that returned false, until `drained`, and once the stream has ended. */
  readonly '~ready': boolean
  /**
   * Writes frames for this stream alone. `messages` is the number of messages in them. Returns false when the peer is
   * slow: write no more before `drained`.
   */
  '~write'(frames: string, messages: number): boolean
  /**
   * Writes frames that other streams get too. They do not count against `maxBufferedBytes`, since the channel writes
   * no more than one batch before `drained`.
   */
  '~writeShared'(frames: SharedFrames): boolean
  /** Writes shared frames without the stream. Undefined where the transport cannot, or cannot yet. */
  readonly '~shared': SharedWriter | undefined
  /** Tells the stream that frames written by `~shared` wait for the peer. */
  '~waits'(frames: SharedFrames): void
  /**
   * Ends the stream cleanly. With `spread`, it first tells a reconnection time of at least `pause` milliseconds that
   * spreads the return of the clients, and the id, if given. A `pause` says that the channel has ended, so that a
   * stream of several channels goes on with the others.
   */
  '~end'(spread: boolean, id?: string, pause?: number): void
  /** Cuts the stream as `'error'`. */
  '~cut'(cause: unknown): void
  /** Ends the subscription. The stream stays open. */
  '~release'(): void
  /** The reader or the named channels that feed it. Unset for a lane. */
  readonly '~feeder'?: Feeder | undefined
  /** The name of the channel among others of the stream. Unset where it feeds the stream alone. */
  readonly '~channel'?: string
  /**
   * Returns true where the channel has to wait for others of the stream, and calls `goOn` in its turn. Unset where it
   * feeds the stream alone.
   */
  '~waitsItsTurn'?(goOn: () => void): boolean
}

/** The way of one channel to a stream that it shares with others. */
export interface Lane extends FedStream {
  /** The id that the client has of the channel; `''` for none. */
  readonly lastEventId: string
}

/** The name of the one method that crosses copies of this package. */
export const FEED: unique symbol = Symbol.for('tidings.feed')

/**
 * A stream that a channel can feed. The channel finds the method by its name and not by a class, because channel and
 * stream may come from two copies of this package. So these interfaces may gain names, but never lose one.
 */
export interface Feedable {
  /**
   * Sets the feeder. Without one it only returns the stream.
   * @throws `ERR_SSE_ID_OWNED` when a channel feeds it already
   */
  [FEED](feeder?: Feeder): FedStream
}
