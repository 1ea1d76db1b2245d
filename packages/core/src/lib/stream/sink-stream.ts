import { type AsyncContext, currentContext, runIn } from '../async-context.ts'
import { type Clock, clockOfStream, type Watched } from '../clock.ts'
import { type CloseReason, closedError, TidingsError } from '../errors.ts'
import { encodeComment, encodeFrame, encodeMessage, type Message } from '../message/message.ts'
import { secondArgument } from '../message/message-errors.ts'
import type { SharedFrames, SharedWriter } from '../message/shared-frames.ts'
import { counts, type Measured, measured } from '../metrics.ts'
import { checkCallback } from '../option-checks.ts'
import { wholeMilliseconds } from '../time-source.ts'
import { saysAborted } from './abort-errors.ts'
import type { EventStream, Sendable } from './event-stream.ts'
import type { FedStream, Feeder } from './feeder.ts'
import { type Heartbeat, heartbeatDelay, heartbeatWith } from './heartbeat.ts'
import { isFull, retryOfRefused } from './refused.ts'
import { revalidate } from './revalidation.ts'
import { sendAll } from './send-all.ts'
import { endOnAbort, forgetOnAbort } from './shutdown.ts'
import type { Sink, SinkOwner } from './sink.ts'
import { StallWatch } from './stall-watch.ts'
import type { ErrorStage, ResolvedOptions } from './stream-options.ts'

interface End {
  reason: CloseReason
  cause?: unknown
  /** Made at the first use, and the same for each use. */
  error?: TidingsError
}

const TAKEN = Promise.resolve(true)
const GONE = Promise.resolve(false)

/** The stream over any sink: order, limits and lifetime. */
export class SinkStream implements EventStream, SinkOwner, Watched, FedStream, Measured {
  readonly lastEventId: string
  slot = 0
  readonly #options: ResolvedOptions
  /** Set from `open` until the transport has ended. After `close()` that takes until the peer has taken all bytes. */
  #sink: Sink | undefined
  #ending: End | undefined
  /** The callbacks of `onClose`, with the contexts in which they were given. */
  #callbacks: Map<(reason: TidingsError) => unknown, AsyncContext | undefined> | undefined
  #abort: { controller: AbortController; context: AsyncContext | undefined } | undefined
  #waiting: { promise: Promise<boolean>; settle: (taken: boolean) => void } | undefined
  #feed: Feeder | undefined
  /** From a write that returned false until the sink has drained. */
  #full = false
  /** The waiting bytes that a channel wrote. They do not count against `maxBufferedBytes`. */
  #sharedBytes = 0
  #clock: Clock | undefined
  #stalls: StallWatch | undefined
  #wroteAt = 0
  #expiresAt = Number.POSITIVE_INFINITY

  constructor(options: ResolvedOptions, lastEventId: string) {
    this.#options = options
    this.lastEventId = lastEventId
  }

  /** Begins to write to a transport. Its head is sent already, or leaves with the first write. */
  open(sink: Sink): void {
    const { opening, maxDuration, maxStreams, retry, revalidate: checks, signal, stallTimeout } = this.#options
    const clock = clockOfStream()
    this.#sink = sink
    this.#stalls = new StallWatch(stallTimeout, clock)
    const isRefused = isFull(maxStreams)
    counts.opened++
    measured.add(this)
    this.#write(isRefused ? encodeMessage({ retry: retryOfRefused(retry) }) : opening, 0)
    this.#expiresAt = this.#wroteAt + maxDuration * (0.8 + 0.2 * Math.random())
    if (this.#ending) return
    this.#clock = clock
    clock.watch(this, this.#nextLook(this.#wroteAt))
    if (isRefused) {
      this.#endCleanly('refused')
      return
    }
    if (signal) endOnAbort(signal, this)
    if (checks) revalidate(this, checks)
  }

  send(message: Message, more?: unknown): Promise<boolean> {
    if (this.#ending) return GONE
    if (more !== undefined) throw secondArgument(more)
    if (this.#feed && typeof message === 'object' && message?.id !== undefined) throw idOwned('a message with an id cannot be sent on it')
    return this.#write(encodeFrame(message, this.#options, this.#sink?.joinLong), 1)
  }

  sendAll<Item>(source: Sendable<Item>, map?: (item: Item) => Message): Promise<boolean> {
    return sendAll(this, source, map)
  }

  comment(text?: string): Promise<boolean> {
    return this.#ending ? GONE : this.#write(encodeComment(text), 0)
  }

  close(): void {
    this.#endCleanly('local')
  }

  shutDown(): void {
    this.#endWithRetry('shutdown')
  }

  revoke(spread: boolean): void {
    if (spread) this.#endWithRetry('revoked')
    else this.#endCleanly('revoked')
  }

  checkFailed(error: unknown): void {
    this.#report(error, 'revalidate')
  }

  fail(error: unknown): boolean {
    if (this.followsFromEnd(error)) return false
    this.#cut('error', error)
    this.#report(error, 'handler')
    return true
  }

  followsFromEnd(error: unknown): boolean {
    return this.#ending !== undefined && saysAborted(error)
  }

  onClose(callback: (reason: TidingsError) => unknown): () => void {
    checkCallback('the callback of onClose', callback)
    if (this.#ending) {
      this.#call(callback, this.#closedError(this.#ending))
      return () => {}
    }
    this.#callbacks ??= new Map()
    if (!this.#callbacks.has(callback)) this.#callbacks.set(callback, currentContext())
    return () => this.#callbacks?.delete(callback)
  }

  get signal(): AbortSignal {
    if (!this.#abort) {
      // Listeners of a signal run in the context in which it is aborted. It is aborted in the context of this call.
      this.#abort = { controller: new AbortController(), context: currentContext() }
      if (this.#ending) this.#abort.controller.abort(this.#closedError(this.#ending))
    }
    return this.#abort.controller.signal
  }

  get closed(): boolean {
    return this.#ending !== undefined
  }

  get bufferedAmount(): number {
    return this.#sink?.bufferedAmount ?? 0
  }

  get '~behind'(): number {
    return this.#feed?.behind ?? 0
  }

  drained(): void {
    this.#full = false
    this.#sharedBytes = 0
    this.#stalls?.end()
    this.#settle(true)
    this.#feed?.drained()
  }

  // Calls of the channel that feeds the stream.

  feed(feed?: Feeder): FedStream {
    if (feed && this.#feed) throw idOwned('give each of several channels a name')
    if (feed && !this.#ending) this.#feed = feed
    return this
  }

  get '~feeder'(): Feeder | undefined {
    return this.#feed
  }

  get '~ready'(): boolean {
    return !this.#full && !this.#ending
  }

  '~write'(frames: string, messages: number): boolean {
    this.#write(frames, messages)
    return !this.#full
  }

  '~writeShared'(frames: SharedFrames): boolean {
    const sink = this.#sink
    if (!sink || this.#ending) return false
    this.#wroteAt = wholeMilliseconds()
    counts.messages += frames.messages
    try {
      if (sink.shared?.write(frames) ?? sink.write(frames.bare)) return true
    } catch (error) {
      this.#transportFailed(error)
    }
    if (!this.#ending) this['~waits'](frames)
    return false
  }

  get '~shared'(): SharedWriter | undefined {
    return this.#sink?.shared
  }

  '~waits'(frames: SharedFrames): void {
    const sink = this.#sink
    if (!sink) return
    this.#wroteAt = wholeMilliseconds()
    this.#sharedBytes += frames.byteLength
    this.#becomeFull(sink)
  }

  '~end'(spread: boolean, id?: string, pause = 0): void {
    if (spread) this.#endWithRetry('local', id, pause)
    else this.close()
  }

  '~cut'(cause: unknown): void {
    this.#cut('error', cause)
  }

  '~release'(): void {
    this.#wroteAt = this.#lastWrite
    this.#feed = undefined
  }

  gone(reason: CloseReason, cause?: unknown): void {
    this.#sink = undefined
    this.#clock?.unwatch(this)
    this.#finish(reason, cause)
    measured.delete(this)
  }

  look(present: number): number {
    const sink = this.#sink
    const { heartbeat } = this.#options
    if (sink && this.#stalls?.isStalled(sink, present)) this.#ending ? sink.destroy(closedError('stalled')) : this.#cut('stalled')
    else if (present >= this.#expiresAt) this.#endCleanly('expired')
    // A heartbeat behind bytes that wait would tell the peer nothing.
    else if (heartbeat && !this.#ending && present - this.#lastWrite >= heartbeat.interval && !this.#stalls?.waits) this.#beat(heartbeat)
    return this.#nextLook(present)
  }

  #write(frames: string | Uint8Array, messages: number): Promise<boolean> {
    const sink = this.#sink
    if (!sink) return GONE
    if (sink.bufferedAmount - this.#sharedBytes > this.#options.maxBufferedBytes) {
      this.#cut('slow')
      return GONE
    }
    this.#wroteAt = wholeMilliseconds()
    counts.messages += messages
    if (this.#put(frames)) return TAKEN
    if (this.#ending) return GONE
    this.#becomeFull(sink)
    this.#waiting ??= deferred()
    return this.#waiting.promise
  }

  /** Writes frames to the sink. Where other code wraps the response, it may throw; then this stream alone is cut. */
  #put(frames: string | Uint8Array): boolean {
    try {
      return this.#sink?.write(frames) ?? false
    } catch (error) {
      this.#transportFailed(error)
      return false
    }
  }

  #transportFailed(error: unknown): void {
    this.#cut('error', error)
    this.#report(error, 'transport')
  }

  #becomeFull(sink: Sink): void {
    this.#full = true
    this.#stalls?.begin(sink, this.#wroteAt)
  }

  #beat(heartbeat: Heartbeat): void {
    const position = this.#feed?.heartbeat() ?? ''
    if (position === '') this['~writeShared'](heartbeat.frame)
    else this.#write(heartbeatWith(position, heartbeat), 0)
  }

  /** The time of the last write, by the stream itself or by a `SharedWriter`. */
  get #lastWrite(): number {
    return Math.max(this.#wroteAt, this.#feed?.wroteAt ?? 0)
  }

  /** The delay until the clock calls `look` again, in milliseconds. */
  #nextLook(present: number): number {
    const { heartbeat } = this.#options
    const delay = this.#stalls?.delay ?? Number.POSITIVE_INFINITY
    if (this.#ending) return delay
    return Math.min(delay, this.#expiresAt - present, heartbeat ? heartbeatDelay(heartbeat, this.#lastWrite, present) : delay)
  }

  #endWithRetry(reason: 'local' | 'shutdown' | 'revoked', id?: string, pause = 0): void {
    if (this.#ending) return
    // Between one and two times the usual time, so that the clients of a process do not reconnect all at once.
    const retry = Math.min(Math.round(Math.max(this.#options.retry, pause) * (1 + Math.random())), Number.MAX_SAFE_INTEGER)
    this.#put(encodeMessage({ retry, id }))
    this.#endCleanly(reason)
  }

  /** Bytes that were written still leave. The sink calls `gone` after that. */
  #endCleanly(reason: 'local' | 'shutdown' | 'expired' | 'revoked' | 'refused'): void {
    if (this.#ending) return
    const sink = this.#sink
    this.#finish(reason)
    try {
      sink?.end(reason === 'shutdown')
    } catch (error) {
      this.#report(error, 'transport')
      sink?.destroy(closedError('error', error))
    }
  }

  #cut(reason: 'slow' | 'stalled' | 'error', cause?: unknown): void {
    if (this.#ending) return
    const sink = this.#sink
    const end = this.#finish(reason, cause)
    sink?.destroy(this.#closedError(end))
  }

  #finish(reason: CloseReason, cause?: unknown): End {
    if (this.#ending) return this.#ending
    const end: End = { reason, cause }
    this.#ending = end
    if (reason !== 'unopened' && measured.has(this)) counts.closed[reason]++
    this.#settle(false)
    if (this.#options.signal) forgetOnAbort(this.#options.signal, this)
    this.#feed?.streamEnded()
    this.#feed = undefined
    if (this.#abort || this.#callbacks) this.#tellEnd(this.#closedError(end))
    return end
  }

  /** Takes an error that was made outside, because the stack that it captures would keep the contexts in memory. */
  #tellEnd(reason: TidingsError): void {
    if (this.#abort) {
      const { context, controller } = this.#abort
      this.#abort.context = undefined
      runIn(context, () => controller.abort(reason))
    }
    for (const [callback, context] of this.#callbacks ?? []) runIn(context, () => this.#call(callback, reason))
    this.#callbacks = undefined
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

  #call(callback: (reason: TidingsError) => unknown, reason: TidingsError): void {
    const fail = (error: unknown): void => this.#report(error, 'onClose')
    try {
      // An async callback fails by a rejection.
      Promise.resolve(callback(reason)).catch(fail)
    } catch (error) {
      fail(error)
    }
  }

  #report(error: unknown, stage: ErrorStage): void {
    try {
      this.#options.onError(error, { stage })
    } catch (thrown) {
      // `onError` itself failed. Neither error may be lost.
      console.error(error, thrown)
    }
  }
}

function idOwned(text: string): TidingsError {
  return new TidingsError('ERR_SSE_ID_OWNED', `A channel feeds this stream and owns its ids: ${text}`)
}

function deferred(): { promise: Promise<boolean>; settle: (taken: boolean) => void } {
  let settle!: (taken: boolean) => void
  const promise = new Promise<boolean>((resolve) => {
    settle = resolve
  })
  return { promise, settle }
}
