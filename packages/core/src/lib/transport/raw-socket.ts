import { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { SharedFrames, SharedWriter } from '../message/shared-frames.ts'
import { counts } from '../metrics.ts'

/** The owner of a raw socket: the sink of its response. */
interface RawOwner {
  /** This many bytes wait in the socket. */
  waits(length: number): void
}

/**
 * Writes chunks straight to the socket of a chunked HTTP/1.1 response. So a chunk is framed once for all responses,
 * by `SharedText`. This is right only where no other code wraps the response. In any doubt it writes nothing, and the
 * ordinary way sends the same bytes.
 */
export class RawSocket implements SharedWriter {
  readonly #socket: Socket & { _httpMessage?: unknown }
  readonly #owner: RawOwner
  #response: ServerResponse | undefined

  private constructor(response: ServerResponse, socket: Socket, owner: RawOwner) {
    this.#socket = socket
    this.#owner = owner
    this.#response = response
  }

  /** Undefined where the response does not write straight to the socket, or not yet. */
  static under(response: ServerResponse, socket: Socket, owner: RawOwner): RawSocket | undefined {
    return isAttached(response, socket) && isSocket(socket) && isUnwrapped(response) ? new RawSocket(response, socket, owner) : undefined
  }

  write(frames: SharedFrames): boolean | undefined {
    const socket = this.#socket
    // After the peer's FIN, Node ends its own side. A write to the response is then ignored, and one to the socket
    // fails. A corked response corks its socket, and may hold earlier bytes itself.
    if (!isAttached(this.#response, socket) || !socket.writable || socket.writableCorked > 0) return undefined
    const { chunk } = frames
    counts.bytes += frames.byteLength
    // A wrapper's `write` may return undefined.
    const taken = socket.write(bufferOf(chunk)) !== false
    if (!taken) this.#owner.waits(chunk.length)
    return taken
  }

  /** The last chunk is written, so no more chunks may follow. */
  end(): void {
    this.#response = undefined
  }
}

/** Whether the response has its turn on its connection. */
function isAttached(response: ServerResponse | undefined, socket: Socket & { _httpMessage?: unknown }): boolean {
  return socket._httpMessage === response
}

/**
 * Whether it is a real socket. Another stream in its place may pass on a write at once, and so run code of the app
 * between the writes to two readers.
 */
function isSocket(socket: Socket): boolean {
  return typeof socket.bytesWritten === 'number'
}

/** Whether no other code wraps the response, and no bytes wait in it. */
function isUnwrapped(response: ServerResponse & { outputSize?: number }): boolean {
  const { write, end } = ServerResponse.prototype
  return response.chunkedEncoding && response.write === write && response.end === end && response.outputSize === 0 && !response.writableEnded
}

let lastBytes: Uint8Array | undefined
let lastBuffer: Buffer | undefined

/**
 * The same bytes as a Buffer, made once for consecutive writes. Node makes one at each write of another array.
 */
function bufferOf(bytes: Uint8Array): Buffer {
  if (bytes !== lastBytes || !lastBuffer) {
    lastBytes = bytes
    lastBuffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  }
  return lastBuffer
}
