import type { ServerResponse } from 'node:http'
import { constants, type Http2ServerResponse } from 'node:http2'
import type { Socket } from 'node:net'
import type { JoinLong } from '../message/message.ts'
import { counts } from '../metrics.ts'
import type { Sink, SinkOwner } from '../stream/sink.ts'
import { now } from '../time-source.ts'
import { closeOnReset, isHttp2, type NodeRequest, type NodeResponse } from './node-messages.ts'
import { Pieces } from './pieces.ts'
import { RawSocket } from './raw-socket.ts'
import { offSocketEnd, onSocketEnd } from './socket-end.ts'

// Bytes that an HTTP/2 stream is given at a time: to a peer that is fast, and to one that is slow, whose every step
// is to be seen.
const LONG_PIECE = 65_536
const SHORT_PIECE = 16_384
// Milliseconds that a piece takes to a peer that is slow.
const SLOW = 250

/** Node's response as a sink. One class for both protocols; the few places where they differ ask `#http2`. */
export class NodeSink implements Sink {
  readonly #res: NodeResponse
  readonly #owner: SinkOwner
  readonly #socket: Socket
  readonly #http2: Http2ServerResponse['stream'] | undefined
  /** Where there is no room: in the response, or past it in its socket. */
  #full: 'response' | 'socket' | undefined
  /** What was handed over since there is none: wrapped responses hold it where `writableLength` does not look. */
  #heldBack = 0
  /** On HTTP/2 alone: how many bytes the response was given, and those that it will be given when it has room. */
  #given = 0
  #later: Pieces | undefined
  #gaveAt = 0
  /** Of which of both it is told when there is room. */
  #listensTo: 'nothing' | 'response' | 'both' = 'nothing'
  /** There from when nobody was found to have wrapped the response. */
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
    // A pipelined response has no socket before its turn, and hears nothing of the connection's end.
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
    // The response tells of room after its socket does, whose word would not be enough for one that is wrapped.
    if (!taken) this.#waits('response', length)
    return taken
  }

  #give(frames: string | Uint8Array, length: number): boolean {
    const res = this.#res
    this.#given += length
    // Some that wrap it return nothing.
    const taken = (res as ServerResponse).write(frames) !== false
    // `compression` holds what is written until it is told to pass it on.
    if ('flush' in res && typeof res.flush === 'function') res.flush()
    return taken
  }

  /**
   * An HTTP/2 stream joins all that waits in it into one write, whose length stays the same until the peer has taken
   * the last byte. So it has one piece at a time: no other number tells what the peer takes of this stream, and not
   * of another on the same connection.
   */
  #giveLater(frames: string | Uint8Array): boolean {
    this.#later ??= new Pieces()
    this.#later.add(frames)
    return !this.#full && this.#givePieces(LONG_PIECE)
  }

  /** Whether there is room behind the last of them. */
  #givePieces(longest: number): boolean {
    for (let piece = this.#later?.next(longest); piece !== undefined; piece = this.#later?.next(longest)) {
      this.#gaveAt = now()
      if (!this.#give(piece, Buffer.byteLength(piece))) return false
    }
    return true
  }

  /**
   * Whether nobody has wrapped the response is asked until it is so, then taken for so until the response ends. (On
   * Node 20 each response of Express has a hidden class of its own, and asking for one of its properties costs half a
   * microsecond.)
   */
  get shared(): RawSocket | undefined {
    this.#raw ??= this.#http2 ? undefined : RawSocket.under(this.#res as ServerResponse, this.#socket, this)
    return this.#raw
  }

  get joinLong(): JoinLong {
    return joinLong
  }

  end(last: boolean): void {
    // `server.close()` destroys every connection whose response was ended, though its bytes still wait: so it is
    // ended later.
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

  /** So many bytes that went past the response wait in its socket. */
  waits(length: number): void {
    this.#waits(this.#full ?? 'socket', length)
  }

  #waits(where: 'response' | 'socket', length: number): void {
    this.#full = where
    this.#heldBack += length
    // For good, not `once`: `compression` passes listeners on to its own stream and takes none back.
    if (this.#listensTo === 'nothing') {
      this.#listensTo = 'response'
      this.#res.on('drain', this.#onDrain)
    }
    // Not before its turn: many responses may wait on one socket.
    if (this.#full === 'socket' && this.#listensTo === 'response') {
      this.#listensTo = 'both'
      this.#socket.on('drain', this.#onSocketDrain)
    }
  }

  #endNow(last: boolean): void {
    if (last) {
      // The process wants to exit, and an idle connection would keep it waiting. (An HTTP/2 stream that is over has
      // no session.)
      const session = this.#http2?.session
      this.#res.once('finish', () => (session ? session.close() : this.#socket.end()))
    }
    this.#res.end()
    // A reset with NO_ERROR closes a stream only once its body was read to the end, where there is one or not.
    this.#http2?.resume()
  }

  /** The last chunk of all is written, by whomever: nothing may follow it. */
  readonly #onEnd = (): void => {
    this.#raw?.end()
  }

  readonly #onDrain = (): void => {
    if (this.#full !== 'response') return
    // Node says so also when another request arrives on the connection.
    if (!this.#http2 && this.#socket.writableNeedDrain) this.#waits('socket', 0)
    else if (!this.#later || this.#givePieces(now() - this.#gaveAt < SLOW ? LONG_PIECE : SHORT_PIECE)) this.#drained()
  }

  readonly #onSocketDrain = (): void => {
    // A response tells of its room while its socket does: by now that may be full again.
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
 * A frame around one long line, in one buffer: as fast as `Buffer.from(line)` alone, since the line is copied once
 * and no text is joined. Text without other characters than ASCII, as JSON often is, needs no transcoding either.
 */
export function joinLong(before: string, line: string, after: string): Buffer {
  const length = Buffer.byteLength(line)
  const start = Buffer.byteLength(before)
  const frame = Buffer.allocUnsafeSlow(start + length + Buffer.byteLength(after))
  frame.write(before, 0)
  frame.write(line, start, length === line.length ? 'latin1' : 'utf8')
  frame.write(after, start + length)
  return frame
}

/**
 * What the operating system has taken. (The socket's own `bytesWritten` counts what waits in it, too, and its
 * `writableLength` counts that in other units where it is text.) Node's socket timeout asks the same handle.
 */
function sentBytes(socket: Socket): number {
  const { bytesWritten = 0, writeQueueSize = 0 } = (socket as { _handle?: { bytesWritten?: number; writeQueueSize?: number } | null })._handle ?? {}
  return bytesWritten - writeQueueSize
}
