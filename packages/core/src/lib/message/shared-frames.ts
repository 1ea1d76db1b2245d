/** Whole frames that many streams share. They are encoded once in each of the two forms that transports take. */
export interface SharedFrames {
  /** The frames as text. */
  readonly text: string
  /** The frames and nothing else. */
  readonly bare: Uint8Array
  /** The frames as one chunk of HTTP/1.1's chunked coding (RFC 9112 7.1). */
  readonly chunk: Uint8Array
  /** The number of bytes in `bare`. */
  readonly byteLength: number
  /** The number of messages in the frames. */
  readonly messages: number
}

/**
 * Writes shared frames straight to a transport, without a call of the stream that owns it. This saves most of the
 * cost of a write when a channel writes one batch to thousands of streams. The caller takes over the stream's duties:
 *
 * - It writes whole frames, and only while the stream is ready (`FedStream['~ready']`).
 * - It adds the messages to `counts.messages`. The writer itself adds the bytes to `counts.bytes`.
 * - It keeps the time of its last write as `Feeder.wroteAt`, so that the stream sends no needless heartbeat.
 * - After `false` it passes the frames to `FedStream['~waits']`, and writes nothing more until `Feeder.drained`.
 * - After `undefined` or a throw it passes the frames to `FedStream['~writeShared']`, which writes them in the
 *   ordinary way, and cuts the stream and reports the error if that fails too.
 */
export interface SharedWriter {
  /**
   * Returns true when the transport has room for more. Returns false when it is full: the frames are taken, and the
   * transport tells its stream when there is room again. Returns undefined when nothing was written, because the
   * transport cannot be written to in this way now.
   */
  write(frames: SharedFrames): boolean | undefined
}
