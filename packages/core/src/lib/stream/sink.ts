import type { TidingsError } from '../errors.ts'
import type { JoinLong } from '../message/message.ts'
import type { SharedWriter } from '../message/shared-frames.ts'

/**
 * The writing side of a transport, which one event stream writes to. There are two: a Node response and a web stream.
 */
export interface Sink {
  /**
   * Writes the text or bytes of whole frames, and counts the bytes. Returns false when the transport is full: it has
   * taken the frames, and calls {@link SinkOwner.drained} when there is room again.
   */
  write(frames: string | Uint8Array): boolean
  /** A shorter way for frames that many streams share. Undefined where the transport has none, or not now. */
  readonly shared?: SharedWriter | undefined
  /** Joins a frame around one long line into bytes for `write`, where that costs less than joining text. */
  readonly joinLong?: JoinLong
  /**
   * Ends the transport cleanly after all that was written. With `last`, also ends the connection underneath, for a
   * process that shuts down.
   */
  end(last: boolean): void
  /** Cuts the transport at once and drops the bytes that wait in it. A web stream's reader gets the reason. */
  destroy(reason: TidingsError): void
  /** The number of bytes that wait in this process for the peer to take them. */
  readonly bufferedAmount: number
  /** A number that changes when the transport has passed bytes on, and only then. */
  progress(): number
}

/** The owner of a sink: its stream. */
export interface SinkOwner {
  /** There is room again after a `write` that returned false. */
  drained(): void
  /**
   * The transport has ended and holds no bytes any more. `reason` matters where the stream has not ended yet:
   * `'peer'`, or `'local'` when this side ended the response without the stream.
   */
  gone(reason: 'peer' | 'local', cause?: unknown): void
}
