import type { SharedFrames, SharedWriter } from '../message/shared-frames.ts'

/** A channel's end of a subscribed stream. */
export interface Feeder {
  /** The stream takes more, after a write that returned false. */
  drained(): void
  /** The stream has ended. */
  closed(): void
  /**
   * The lines that a heartbeat is to carry because the position has moved since the client last heard of it; `''` for
   * none.
   */
  heartbeat(): string
  /**
   * When frames were last written past the stream, in whole milliseconds of `performance.now()`; 0 where they never
   * were.
   */
  readonly wroteAt: number
  /** How many messages of its channel it has yet to be given at most. */
  readonly lag: number
}

/** A stream's end of its subscription: the stream itself, under names that no app calls. */
export interface FedStream {
  /** False from a write that returned false until `drained`. */
  readonly '~ready': boolean
  /**
   * Writes frames of this stream's own, so many messages. Returns false when the peer is slow: write no more before
   * `drained`.
   */
  '~write'(frames: string, messages: number): boolean
  /**
   * The same for frames that it shares with others. They do not count against `maxBufferedBytes`: the channel never
   * piles them up.
   */
  '~writeShared'(frames: SharedFrames): boolean
  /** What writes shared frames past the stream, where and as long as something can. */
  readonly '~shared': SharedWriter | undefined
  /** Frames that were written past the stream wait for the peer. */
  '~waits'(frames: SharedFrames): void
  /**
   * Ends the stream cleanly. Where `spread`, tells a reconnection time that spreads the clients' return and is no
   * shorter than `pause` milliseconds, and beside it an id, if given.
   */
  '~end'(spread: boolean, id?: string, pause?: number): void
  /** Cuts the stream as `'error'`. */
  '~cut'(cause: unknown): void
  /** Lets go of the stream, which stays open. */
  '~release'(): void
}

/** The name of the one method that crosses copies of this package. */
export const FEED: unique symbol = Symbol.for('tidings.feed')

/**
 * A stream that a channel can feed. The method goes by name, not by class: channel and stream may come from two
 * copies of this package, so what is behind it may only grow.
 */
export interface Feedable {
  /** @throws `ERR_SSE_ID_OWNED` when a channel feeds it already */
  [FEED](feeder: Feeder): FedStream
}
