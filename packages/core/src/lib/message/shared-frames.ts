/** Whole frames that many streams share: encoded once, in each of the two forms that transports take. */
export interface SharedFrames {
  /** The frames alone. */
  readonly bare: Uint8Array
  /** The frames as one chunk of HTTP/1.1's chunked coding (RFC 9112 7.1). */
  readonly chunk: Uint8Array
  /** How many bytes the frames alone take. */
  readonly byteLength: number
  /** How many messages they are. */
  readonly messages: number
}

/** Writes shared frames to one transport, past the stream that it belongs to. */
export interface SharedWriter {
  /**
   * Whether the peer takes more. False: the frames are taken all the same, and the transport tells its stream when
   * there is room again. Undefined: nothing is written, since this is not a time for it; the stream itself knows
   * another way.
   */
  write(frames: SharedFrames): boolean | undefined
}
