import type { IncomingMessage, ServerResponse } from 'node:http'
import { constants, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import type { Socket } from 'node:net'
import type { JoinLong } from '../message/message.ts'
import { counts } from '../metrics.ts'
import type { Sink, SinkOwner } from '../stream/sink.ts'
import { RawSocket } from './raw-socket.ts'
import { offSocketEnd, onSocketEnd } from './socket-end.ts'

/** A request as `node:http` or the compatibility API of `node:http2` hands it to a listener. */
export type NodeRequest = IncomingMessage | Http2ServerRequest
/** A response as `node:http` or the compatibility API of `node:http2` hands it to a listener. */
export type NodeResponse = ServerResponse | Http2ServerResponse

// Above this, one HTTP/2 write takes many frames, and its own length stays the same until the last of them is out.
const LONG_WRITE = 65_536

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
  /** Bytes, on HTTP/2 alone, where no other count says what the peer has taken. */
  #written = 0
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
    if (!this.#http2) res.on('prefinish', this.#onEnd)
    // A pipelined response has no socket before its turn, and hears nothing of the connection's end.
    if (!this.#http2 && res.socket === null) onSocketEnd(this.#socket, this.#onClose)
  }

  write(frames: string | Uint8Array): boolean {
    const res = this.#res
    if (res.writableEnded || this.#http2?.destroyed) {
      this.#onClose()
      return false
    }
    const length = Buffer.byteLength(frames)
    counts.bytes += length
    if (this.#http2) this.#written += length
    // Some that wrap it return nothing.
    const taken = (res as ServerResponse).write(frames) !== false
    // `compression` holds what is written until it is told to pass it on.
    if ('flush' in res && typeof res.flush === 'function') res.flush()
    // The response tells of room after its socket does, whose word would not be enough for one that is wrapped.
    if (!taken) this.#waits('response', length)
    return taken
  }

  /**
   * Whether nobody has wrapped the response is asked until it is so, then taken for so until the response ends. (On Node 20 each response
   * of Express has a hidden class of its own, and asking for one of its properties costs half a microsecond.)
   */
  get shared(): RawSocket | undefined {
    this.#raw ??= this.#http2 ? undefined : RawSocket.under(this.#res as ServerResponse, this.#socket, this)
    return this.#raw
  }

  get joinLong(): JoinLong {
    return joinLong
  }

  end(last: boolean): void {
    // `server.close()` destroys every connection whose response was ended, though its bytes still wait: so it is ended later.
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
    if (!this.#http2) return (this.#socket.bytesWritten ?? 0) - this.#socket.writableLength - unsentBytes(this.#socket)
    const waiting = this.#http2.writableLength
    return waiting > LONG_WRITE ? this.#socket.bytesWritten : this.#written - waiting
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
      // The process wants to exit, and an idle connection would keep it waiting. (An HTTP/2 stream that is over has no session.)
      const session = this.#http2?.session
      this.#res.once('finish', () => (session ? session.close() : this.#socket.end()))
    }
    this.#res.end()
  }

  /** The last chunk of all is written, by whomever: nothing may follow it. */
  readonly #onEnd = (): void => {
    this.#raw?.end()
  }

  readonly #onDrain = (): void => {
    if (this.#full === 'response') this.#drained()
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
 * A frame around one long line, in one buffer: as fast as `Buffer.from(line)` alone, since the line is copied once and no text is
 * joined. Text without other characters than ASCII, as JSON often is, needs no transcoding either.
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

/** Whether the peer is gone already, so that nothing would ever say that it left. */
export function hasLeft(req: NodeRequest, res: NodeResponse): boolean {
  if (isHttp2(res)) return !res.stream || res.stream.destroyed || res.stream.closed
  // After a FIN, Node ends its own side, and closes when that is flushed.
  return res.destroyed || req.socket.destroyed || req.socket.writableEnded
}

/** Whether it is of `node:http2`. */
export function isHttp2(message: NodeRequest | NodeResponse): message is Http2ServerRequest & Http2ServerResponse {
  return 'stream' in message && 'createPushResponse' in message
}

/** What the operating system has not taken of the write under way. Node's own socket timeout asks the same field. */
function unsentBytes(socket: Socket): number {
  return (socket as { _handle?: { writeQueueSize?: number } | null })._handle?.writeQueueSize ?? 0
}
