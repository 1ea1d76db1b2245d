import type { ServerResponse } from 'node:http'
import { constants, type Http2ServerResponse } from 'node:http2'
import type { Socket } from 'node:net'
import type { JoinLong } from '../message/message.ts'
import { counts } from '../metrics.ts'
import type { Sink, SinkOwner } from '../stream/sink.ts'
import { now } from '../time-source.ts'
import { joinLong } from './join-long.ts'
import { closeOnReset, isHttp2, type NodeRequest, type NodeResponse } from './node-messages.ts'
import { Pieces } from './pieces.ts'
import { RawSocket } from './raw-socket.ts'
import { offSocketEnd, onSocketEnd } from './socket-end.ts'

// Bytes that an HTTP/2 stream gets at a time. Short pieces show the progress of a slow peer more often.
const LONG_PIECE = 65_536
const SHORT_PIECE = 16_384
// Milliseconds. A peer that takes longer for a piece is slow.
const SLOW = 250

/** A Node response as a sink, for both protocols. */
export class NodeSink implements Sink {
  readonly #res: NodeResponse
  readonly #owner: SinkOwner
  readonly #socket: Socket
  readonly #http2: Http2ServerResponse['stream'] | undefined
  /** Which of the two has no room: the response, or the socket after writes that went past the response. */
  #full: 'response' | 'socket' | undefined
  /** Bytes written since then. A response that is wrapped may hold them where `writableLength` does not count them. */
  #heldBack = 0
  /** HTTP/2 only: the number of bytes that the response was given. */
  #given = 0
  /** HTTP/2 only: the bytes that the response gets when it has room. */
  #later: Pieces | undefined
  #gaveAt = 0
  /** Whose `drain` has a listener. */
  #listensTo: 'nothing' | 'response' | 'both' = 'nothing'
  /** Set once the response was found to be unwrapped. */
  #raw: RawSocket | undefined
  #endOnDrain: (() => void) | undefined

  constructor(req: NodeRequest, res: NodeResponse, owner: SinkOwner) {
    this.#res = res
    this.#owner = owner
    this.#socket = req.socket as Socket
    this.#http2 = isHttp2(res) ? res.stream : undefined
    res.on('close', this.#onClose)
    if (this.#http2) closeOnReset(res)
    else res.on('prefinish', this.#onEnd)
    // A pipelined response has no socket before its turn, so it emits no `close` when the connection ends.
    if (!this.#http2 && res.socket === null) onSocketEnd(this.#socket, this.#onClose)
  }

  write(frames: string | Uint8Array): boolean {
    const res = this.#res
    if (res.writableEnded || this.#http2?.closed) {
      this.#onClose()
      return false
    }
    const length = Buffer.byteLength(frames)
    counts.bytes += length
    const taken = this.#http2 && (this.#full || length > LONG_PIECE) ? this.#giveLater(frames) : this.#give(frames, length)
    // A wrapped response may have no room although its socket has. The `drain` of the response comes last.
    if (!taken) this.#waits('response', length)
    return taken
  }

  #give(frames: string | Uint8Array, length: number): boolean {
    const res = this.#res
    this.#given += length
    // A wrapper's `write` may return undefined.
    const taken = (res as ServerResponse).write(frames) !== false
    // `compression` buffers until `flush` is called.
    if ('flush' in res && typeof res.flush === 'function') res.flush()
    return taken
  }

  /**
   * Gives an HTTP/2 stream one piece at a time. The stream joins all waiting bytes into one write, and its
   * `writableLength` stays the same until the peer has taken the whole write. No other number tells what the peer has
   * taken of this stream alone.
   */
  #giveLater(frames: string | Uint8Array): boolean {
    this.#later ??= new Pieces()
    this.#later.add(frames)
    return !this.#full && this.#givePieces(LONG_PIECE)
  }

  /** Gives pieces until there is no room. Returns true when all are given and there is room for more. */
  #givePieces(longest: number): boolean {
    for (let piece = this.#later?.next(longest); piece !== undefined; piece = this.#later?.next(longest)) {
      this.#gaveAt = now()
      if (!this.#give(piece, Buffer.byteLength(piece))) return false
    }
    return true
  }

  /**
   * Checks whether the response is wrapped until it is found to be unwrapped, and not again. (On Node 20 each response
   * of Express has its own hidden class, and reading one of its properties costs half a microsecond.)
   */
  get shared(): RawSocket | undefined {
    this.#raw ??= this.#http2 ? undefined : RawSocket.under(this.#res as ServerResponse, this.#socket, this)
    return this.#raw
  }

  get joinLong(): JoinLong {
    return joinLong
  }

  end(last: boolean): void {
    // `server.close()` destroys a connection whose response was ended, even while bytes wait. So a full response is
    // ended after it has drained.
    if (this.#full) this.#endOnDrain = () => this.#endNow(last)
    else this.#endNow(last)
  }

  destroy(): void {
    if (this.#http2) {
      this.#http2.close(constants.NGHTTP2_CANCEL)
      this.#http2.destroy()
    } else {
      this.#res.destroy()
    }
  }

  get bufferedAmount(): number {
    const waiting = this.#http2 ? this.#http2.writableLength : (this.#res as ServerResponse).writableLength
    return Math.max(waiting, this.#heldBack)
  }

  progress(): number {
    return this.#http2 ? this.#given - this.#http2.writableLength : sentBytes(this.#socket)
  }

  /** The raw socket tells that this many bytes wait in it. */
  waits(length: number): void {
    this.#waits(this.#full ?? 'socket', length)
  }

  #waits(where: 'response' | 'socket', length: number): void {
    this.#full = where
    this.#heldBack += length
    // Added once and never removed before the end: `compression` moves listeners to its own stream, and cannot remove
    // them there.
    if (this.#listensTo === 'nothing') {
      this.#listensTo = 'response'
      this.#res.on('drain', this.#onDrain)
    }
    // Pipelined responses share a socket. Only the one whose turn it is listens to it.
    if (this.#full === 'socket' && this.#listensTo === 'response') {
      this.#listensTo = 'both'
      this.#socket.on('drain', this.#onSocketDrain)
    }
  }

  #endNow(last: boolean): void {
    if (last) {
      // An idle connection would keep the process from exiting. (An HTTP/2 stream that has ended has no session.)
      const session = this.#http2?.session
      this.#res.once('finish', () => (session ? session.close() : this.#socket.end()))
    }
    this.#res.end()
    // After a reset with NO_ERROR, a stream closes only when its body was read to the end, even an empty one.
    this.#http2?.resume()
  }

  /** The last chunk is written, so no more chunks may follow. Other code may have ended the response. */
  readonly #onEnd = (): void => {
    this.#raw?.end()
  }

  readonly #onDrain = (): void => {
    if (this.#full !== 'response') return
    // Node emits `drain` also when another request arrives on the connection.
    if (!this.#http2 && this.#socket.writableNeedDrain) this.#waits('socket', 0)
    else if (!this.#later || this.#givePieces(now() - this.#gaveAt < SLOW ? LONG_PIECE : SHORT_PIECE)) this.#drained()
  }

  readonly #onSocketDrain = (): void => {
    // A listener of the response's `drain` runs before this one, and may have filled the socket again.
    if (this.#full === 'socket' && !this.#socket.writableNeedDrain) this.#drained()
  }

  #drained(): void {
    this.#full = undefined
    this.#heldBack = 0
    this.#endOnDrain?.()
    this.#owner.drained()
  }

  readonly #onClose = (): void => {
    this.#leave(this.#res.writableEnded ? 'local' : 'peer', this.#socket.errored ?? undefined)
  }

  #leave(reason: 'peer' | 'local', cause?: unknown): void {
    this.#res.off('close', this.#onClose)
    this.#res.off('drain', this.#onDrain)
    if (!this.#http2) {
      this.#res.off('prefinish', this.#onEnd)
      offSocketEnd(this.#socket, this.#onClose)
      this.#socket.off('drain', this.#onSocketDrain)
    }
    this.#owner.gone(reason, cause)
  }
}

/**
 * The number of bytes that the operating system has taken. (The socket's own `bytesWritten` includes bytes that wait
 * in it, and its `writableLength` counts text in characters.) Node's socket timeout reads the same handle.
 */
function sentBytes(socket: Socket): number {
  const { bytesWritten = 0, writeQueueSize = 0 } = (socket as { _handle?: { bytesWritten?: number; writeQueueSize?: number } | null })._handle ?? {}
  return bytesWritten - writeQueueSize
}
