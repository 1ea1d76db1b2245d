import { clock, now, type Watched } from './clock.ts'
import { type CloseReason, closedError, type TidingsError } from './errors.ts'
import { type AnyEvents, encodeComment, encodeMessage, type Message } from './message.ts'
import type { ErrorStage, ResolvedOptions } from './options.ts'
import { type Sendable, sendAll } from './send-all.ts'
import { endOnAbort, forgetOnAbort } from './shutdown.ts'
import type { Sink, SinkOwner } from './sink.ts'

/**
 * One open connection to one peer, as every adapter hands it out. It stays open until `close()`, the peer's leaving, a limit
 * or shutdown; a handler's return ends nothing.
 */
export interface EventStream<Events extends object = AnyEvents> {
  /**
   * Sends one message. Resolves to `true` once the transport took it, which waits while the peer is slow, and to `false`
   * when the peer is gone. Never rejects, so it need not be awaited; awaiting it is what slows a producer to the peer's pace.
   *
   * @throws `ERR_SSE_INVALID_FIELD` or `ERR_SSE_INVALID_MESSAGE`, at once and before anything is written
   */
  send(message: Message<Events>): Promise<boolean>
  /**
   * Sends each item of a source at the peer's pace: an iterable, an async iterable, a web `ReadableStream` or a Node
   * `Readable`. Resolves to `true` when the source ended and to `false` when the peer left first; then the source is ended
   * too, by its `return()`, `cancel()` or `destroy()`. Rejects with the source's own error. The stream stays open.
   *
   * @param map makes a message of each item; without it the items must be messages
   * @throws `ERR_SSE_INVALID_SOURCE` (as a rejection) for what cannot be iterated, and for bytes without a `map` that decodes
   */
  sendAll(source: Sendable<Message<Events>>): Promise<boolean>
  sendAll<Item>(source: Sendable<Item>, map: (item: Item) => Message<Events>): Promise<boolean>
  /** Sends a comment, which clients ignore. Resolves as `send` does. */
  comment(text?: string): Promise<boolean>
  /** Ends the stream cleanly after what was sent. Clients reconnect unless they are told to stop. Idempotent. */
  close(): void
  /**
   * Calls back exactly once when the stream has ended, however it ends; at once when it already has. Returns a function that
   * takes the callback back.
   */
  onClose(callback: (reason: TidingsError) => void): () => void
  /** Aborted when the stream ends, with the same `ERR_SSE_CLOSED` that `onClose` gets. Made when it is first read. */
  readonly signal: AbortSignal
  /** Whether the stream has ended. */
  readonly closed: boolean
  /**
   * The id of the last event that the client has seen: its `Last-Event-ID` header, or `lastEventId` in the query where the
   * header is absent. `''` when it sent none.
   */
  readonly lastEventId: string
  /** How many bytes wait in this process for the peer to take them. */
  readonly bufferedAmount: number
}

/** A stream as the adapter that opened it holds it. */
export interface OwnedEventStream extends EventStream {
  /**
   * For what a route's handler threw after its stream had opened: ends the stream as `'error'`, tells `onError`, and answers
   * true. False where `error` only says that the stream had ended, as whatever was given the stream's `signal` throws it.
   */
  fail(error: unknown): boolean
}

const TAKEN = Promise.resolve(true)
const GONE = Promise.resolve(false)
interface End {
  reason: CloseReason
  cause?: unknown
  /** Made when someone asks, and the same for all who do. */
  error?: TidingsError
}

const NEVER = Number.POSITIVE_INFINITY

/** The one implementation, over any sink: order, heartbeats, limits and lifetime. */
export class SinkStream implements OwnedEventStream, SinkOwner, Watched {
  readonly lastEventId: string
  slot = 0
  readonly #options: ResolvedOptions
  /** There from `open` until the transport is gone, which after `close()` may take as long as bytes wait. */
  #sink: Sink | undefined
  #end: End | undefined
  #callbacks: Set<(reason: TidingsError) => void> | undefined
  #controller: AbortController | undefined
  #waiting: { promise: Promise<boolean>; settle: (taken: boolean) => void } | undefined
  #wroteAt = 0
  #expiresAt = NEVER
  #waitsSince = NEVER
  #progress = 0

  constructor(options: ResolvedOptions, lastEventId: string) {
    this.#options = options
    this.lastEventId = lastEventId
  }

  /** Begins to write to a transport whose head is out, or leaves with the first write. */
  open(sink: Sink): void {
    const { opening, maxDuration, signal } = this.#options
    this.#sink = sink
    this.#write(opening)
    this.#expiresAt = this.#wroteAt + maxDuration * (0.8 + 0.2 * Math.random())
    if (this.#end) return
    clock.watch(this, this.#nextLook(this.#wroteAt))
    if (signal) endOnAbort(signal, this)
  }

  send(message: Message): Promise<boolean> {
    return this.#end ? GONE : this.#write(encodeMessage(message, this.#options))
  }

  sendAll<Item>(source: Sendable<Item>, map?: (item: Item) => Message): Promise<boolean> {
    return sendAll(this, source, map)
  }

  comment(text?: string): Promise<boolean> {
    return this.#end ? GONE : this.#write(encodeComment(text))
  }

  close(): void {
    this.#endCleanly('local')
  }

  shutDown(): void {
    if (this.#end) return
    // Between one and two times the usual, so that the clients of a whole process do not come back as one.
    this.#sink?.write(encodeMessage({ retry: Math.round(this.#options.retry * (1 + Math.random())) }))
    this.#endCleanly('shutdown')
  }

  fail(error: unknown): boolean {
    if (error !== undefined && error === this.#end?.error) return false
    this.#cut('error', error)
    this.#report(error, 'handler')
    return true
  }

  onClose(callback: (reason: TidingsError) => void): () => void {
    if (this.#end) {
      this.#call(callback, this.#closedError(this.#end))
      return () => {}
    }
    this.#callbacks ??= new Set()
    this.#callbacks.add(callback)
    return () => this.#callbacks?.delete(callback)
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      if (this.#end) this.#controller.abort(this.#closedError(this.#end))
    }
    return this.#controller.signal
  }

  get closed(): boolean {
    return this.#end !== undefined
  }

  get bufferedAmount(): number {
    return this.#sink?.bufferedAmount ?? 0
  }

  drained(): void {
    this.#waitsSince = NEVER
    this.#settle(true)
  }

  gone(reason: CloseReason, cause?: unknown): void {
    this.#sink = undefined
    clock.unwatch(this)
    this.#finish(reason, cause)
  }

  look(present: number): number {
    const sink = this.#sink
    const { heartbeat } = this.#options
    if (sink && this.#stalled(sink, present)) this.#end ? sink.destroy(closedError('stalled')) : this.#cut('stalled')
    else if (present >= this.#expiresAt) this.#endCleanly('expired')
    // While bytes wait, one more would tell nobody anything.
    else if (heartbeat && !this.#end && present - this.#wroteAt >= heartbeat.interval && this.bufferedAmount === 0) this.#write(heartbeat.frame)
    return this.#nextLook(present)
  }

  #write(frames: string): Promise<boolean> {
    const sink = this.#sink
    if (!sink) return GONE
    if (sink.bufferedAmount > this.#options.maxBufferedBytes) {
      this.#cut('slow')
      return GONE
    }
    this.#wroteAt = now()
    if (sink.write(frames)) return TAKEN
    if (this.#end) return GONE
    if (this.#waitsSince === NEVER) this.#beginWait(sink, this.#wroteAt)
    this.#waiting ??= deferred()
    return this.#waiting.promise
  }

  /** Whether bytes have waited for `stallTimeout` without one being taken. */
  #stalled(sink: Sink, present: number): boolean {
    if (sink.bufferedAmount === 0) this.#waitsSince = NEVER
    else if (this.#waitsSince === NEVER || sink.progress() !== this.#progress) this.#beginWait(sink, present)
    return present - this.#waitsSince >= this.#options.stallTimeout
  }

  #beginWait(sink: Sink, present: number): void {
    this.#waitsSince = present
    this.#progress = sink.progress()
  }

  #nextLook(present: number): number {
    const { heartbeat, stallTimeout } = this.#options
    // Bytes can wait unseen by `write`; a look at half the timeout finds them well before its double.
    let delay = stallTimeout / 2
    if (this.#end) return delay
    if (heartbeat) {
      const left = this.#wroteAt + heartbeat.interval - present
      delay = Math.min(delay, left > 0 ? left : heartbeat.interval)
    }
    return Math.min(delay, this.#expiresAt - present)
  }

  /** What was written still goes out; the sink says when it is gone. */
  #endCleanly(reason: 'local' | 'shutdown' | 'expired'): void {
    if (this.#end) return
    const sink = this.#sink
    this.#finish(reason)
    sink?.end(reason === 'shutdown')
  }

  #cut(reason: 'slow' | 'stalled' | 'error', cause?: unknown): void {
    if (this.#end) return
    const sink = this.#sink
    const end = this.#finish(reason, cause)
    sink?.destroy(this.#closedError(end))
  }

  #finish(reason: CloseReason, cause?: unknown): End {
    if (this.#end) return this.#end
    const end: End = { reason, cause }
    this.#end = end
    this.#settle(false)
    if (this.#options.signal) forgetOnAbort(this.#options.signal, this)
    this.#controller?.abort(this.#closedError(end))
    for (const callback of this.#callbacks ?? []) this.#call(callback, this.#closedError(end))
    this.#callbacks = undefined
    return end
  }

  #closedError(end: End): TidingsError {
    end.error ??= closedError(end.reason, end.cause)
    return end.error
  }

  #settle(taken: boolean): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.settle(taken)
  }

  #call(callback: (reason: TidingsError) => void, reason: TidingsError): void {
    try {
      callback(reason)
    } catch (error) {
      this.#report(error, 'onClose')
    }
  }

  #report(error: unknown, stage: ErrorStage): void {
    try {
      this.#options.onError(error, { stage })
    } catch (thrown) {
      // Nobody is left to tell, and nothing may be lost.
      console.error(error, thrown)
    }
  }
}

/** A stream that never opened, for a request that gets none. */
export function closedStream(options: ResolvedOptions, lastEventId: string, reason: CloseReason): SinkStream {
  const stream = new SinkStream(options, lastEventId)
  stream.gone(reason)
  return stream
}

function deferred(): { promise: Promise<boolean>; settle: (taken: boolean) => void } {
  let settle!: (taken: boolean) => void
  const promise = new Promise<boolean>((resolve) => {
    settle = resolve
  })
  return { promise, settle }
}
