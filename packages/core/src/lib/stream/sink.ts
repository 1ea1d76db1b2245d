import type { TidingsError } from '../errors.ts'
import type { JoinLong } from '../message/message.ts'
import type { SharedWriter } from '../message/shared-frames.ts'

/**
 * What a transport offers to the one event stream that writes to it. Each transport has one: Node's response, a web
 * stream.
 */
export interface Sink {
  /**
   * Takes the text or bytes of whole frames, in order. Returns false when the transport is full: the bytes are taken
   * all the same, and {@link SinkOwner.drained} follows once there is room.
   */
  write(frames: string | Uint8Array): boolean
  /** What writes frames that many streams share, where and as long as the transport has a shorter way for those. */
  readonly shared?: SharedWriter | undefined
  /** Joins a frame around one long line into bytes for `write`, where the transport has a shorter way than by text. */
  readonly joinLong?: JoinLong
  /**
   * Ends cleanly after what was written. `last` also lets go of the connection underneath, for a process that shuts
   * down.
   */
  end(last: boolean): void
  /**
   * Cuts the transport at once; what waits in it is dropped. Where a transport can carry the reason, it is the one
   * given.
   */
  destroy(reason: TidingsError): void
  /** How many bytes wait in this process for the peer to take them. */
  readonly bufferedAmount: number
  /** A number that changes whenever the transport passed bytes on, and only then. */
  progress(): number
}

/** What a sink tells the stream that owns it. */
export interface SinkOwner {
  /** There is room again after a `write` that returned false. */
  drained(): void
  /**
   * The transport is gone and holds nothing any more, whoever ended it. `reason` counts where the stream had not
   * ended yet: `'peer'`, or `'local'` when this side ended the response without the stream.
   */
  gone(reason: 'peer' | 'local', cause?: unknown): void
}
