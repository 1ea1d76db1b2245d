import { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { SharedFrames, SharedWriter } from '../message/shared-frames.ts'
import { counts } from '../metrics.ts'

/** Who is told of bytes that wait in the socket. */
interface RawOwner {
  waits(length: number): void
}

/**
 * The socket under a response of chunked HTTP/1.1 that nobody has wrapped: a chunk that was framed once goes to it as
 * it is, past the response. On any doubt it is not for this to write, and the ordinary way gives the same bytes.
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

  /** Undefined where the response goes no straight way to the socket, or not yet. */
  static under(response: ServerResponse, socket: Socket, owner: RawOwner): RawSocket | undefined {
    return isAttached(response, socket) && isSocket(socket) && isUnwrapped(response) ? new RawSocket(response, socket, owner) : undefined
  }

  write(frames: SharedFrames): boolean | undefined {
    const socket = this.#socket
    // After the peer's FIN, Node ends its own side: the response takes that quietly, the socket does not. A corked
    // response, which corks its socket, may keep what comes first to itself.
    if (!isAttached(this.#response, socket) || !socket.writable || socket.writableCorked > 0) return undefined
    const { chunk } = frames
    counts.bytes += frames.byteLength
    // Some that wrap it return nothing.
    const taken = socket.write(bufferOf(chunk)) !== false
    if (!taken) this.#owner.waits(chunk.length)
    return taken
  }

  /** The last chunk of all is written, by whomever: nothing may follow it. */
  end(): void {
    this.#response = undefined
  }
}

/** Whether it is this response's turn on its connection. */
function isAttached(response: ServerResponse | undefined, socket: Socket & { _httpMessage?: unknown }): boolean {
  return socket._httpMessage === response
}

/**
 * Whether it is a socket: another stream under a server may hand on what it is given at once, and so run code of the
 * app between two writes.
 */
function isSocket(socket: Socket): boolean {
  return typeof socket.bytesWritten === 'number'
}

/** Whether nobody has wrapped the response, and nothing of it waits to be handed on. */
function isUnwrapped(response: ServerResponse & { outputSize?: number }): boolean {
  const { write, end } = ServerResponse.prototype
  return response.chunkedEncoding && response.write === write && response.end === end && response.outputSize === 0 && !response.writableEnded
}

let lastBytes: Uint8Array | undefined
let lastBuffer: Buffer | undefined

/**
 * The same bytes as a Buffer, once for all who write them in a row: from other arrays Node makes one at each write.
 */
function bufferOf(bytes: Uint8Array): Buffer {
  if (bytes !== lastBytes || !lastBuffer) {
    lastBytes = bytes
    lastBuffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  }
  return lastBuffer
}
