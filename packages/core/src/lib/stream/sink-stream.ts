import { type AsyncContext, currentContext, runIn } from '../async-context.ts'
import { type Clock, clockOfStream, type Watched, wholeMilliseconds } from '../clock.ts'
import { type CloseReason, closedError, TidingsError } from '../errors.ts'
import { encodeComment, encodeFrame, encodeMessage, type Message } from '../message/message.ts'
import type { SharedFrames, SharedWriter } from '../message/shared-frames.ts'
import type { SharedText } from '../message/shared-text.ts'
import { counts, type Measured, measured } from '../metrics.ts'
import { checkCallback } from '../option-checks.ts'
import { saysAborted } from './abort-errors.ts'
import type { EventStream, Sendable } from './event-stream.ts'
import type { FedStream, Feeder } from './feeder.ts'
import { sendAll } from './send-all.ts'
import { endOnAbort, forgetOnAbort } from './shutdown.ts'
import type { Sink, SinkOwner } from './sink.ts'
import type { ErrorStage, ResolvedOptions } from './stream-options.ts'

interface End {
  reason: CloseReason
  cause?: unknown
  /** Made when someone asks, and the same for all who do. */
  error?: TidingsError
}

const TAKEN = Promise.resolve(true)
const GONE = Promise.resolve(false)
const NEVER = Number.POSITIVE_INFINITY

/** The one implementation, over any sink: order, heartbeats, limits and lifetime. */
export class SinkStream implements EventStream, SinkOwner, Watched, FedStream, Measured {
  readonly lastEventId: string
  slot = 0
  readonly #options: ResolvedOptions
  /** There from `open` until the transport is gone, which after `close()` may take as long as bytes wait. */
  #sink: Sink | undefined
  #ending: End | undefined
  /** What `onClose` was given, and in which context. */
  #callbacks: Map<(reason: TidingsError) => unknown, AsyncContext | undefined> | undefined
  #abort: { controller: AbortController; context: AsyncContext | undefined } | undefined
  #waiting: { promise: Promise<boolean>; settle: (taken: boolean) => void } | undefined
  #feed: Feeder | undefined
  /** From a write that the sink could not take at once until it has. */
  #full = false
  /** Of what waits, what a channel wrote. */
  #sharedBytes = 0
  #clock: Clock | undefined
  #wroteAt = 0
  #expiresAt = NEVER
  #waitsSince = NEVER
  #asksAt = 0
  /** How late the clock had been in all when the wait began. */
  #latenessBefore = 0
  /** Whether the peer has taken nothing for so long that it is cut if it has still taken nothing a turn later. */
  #isSuspected = false
  #progress = 0

  constructor(options: ResolvedOptions, lastEventId: string) {
    this.#options = options
    this.lastEventId = lastEventId
  }

  /** Begins to write to a transport whose head is out, or leaves with the first write. */
  open(sink: Sink): void {
    const { opening, maxDuration, signal } = this.#options
    this.#sink = sink
    counts.opened++
    measured.add(this)
    this.#write(opening, 0)
    this.#expiresAt = this.#wroteAt + maxDuration * (0.8 + 0.2 * Math.random())
    if (this.#ending) return
    this.#clock = clockOfStream()
    this.#clock.watch(this, this.#nextLook(this.#wroteAt))
    if (signal) endOnAbort(signal, this)
  }

  send(message: Message): Promise<boolean> {
    if (this.#ending) return GONE
    if (this.#feed && typeof message === 'object' && message?.id !== undefined) throw idOwned('a message with an id of its own cannot be sent on it')
    return this.#write(encodeFrame(message, this.#options.serialize, this.#sink?.joinLong), 1)
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
      // Listeners run in the context in which a signal is aborted. That is then the one in which it was asked for.
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

  get '~lag'(): number {
    return this.#feed?.lag ?? 0
  }

  drained(): void {
    this.#full = false
    this.#sharedBytes = 0
    this.#waitsSince = NEVER
    this.#settle(true)
    this.#feed?.drained()
  }

  // What a channel calls of a stream that it feeds.

  feed(feed: Feeder): FedStream {
    if (this.#feed) throw idOwned('a second one cannot feed it; several feeds are topics of one channel')
    if (!this.#ending) this.#feed = feed
    return this
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
    if (sink && this.#stalled(sink, present)) this.#ending ? sink.destroy(closedError('stalled')) : this.#cut('stalled')
    else if (present >= this.#expiresAt) this.#endCleanly('expired')
    // While bytes wait, one more would tell nobody anything.
    else if (heartbeat && !this.#ending && present - this.#lastWrite >= heartbeat.interval && this.#waitsSince === NEVER) this.#beat(heartbeat.frame)
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

  /**
   * Hands frames to the sink. One that throws, as a response that others have wrapped may, ends its own stream and no
   * other's.
   */
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
    if (this.#waitsSince === NEVER) this.#beginWait(sink, this.#wroteAt)
  }

  #beat(frame: SharedText): void {
    const position = this.#feed?.heartbeat() ?? ''
    if (position === '') this['~writeShared'](frame)
    // Before the blank line that ends the frame.
    else this.#write(`${frame.text.slice(0, -1)}${position}\n`, 0)
  }

  /** Whether bytes have waited for `stallTimeout` without one being taken. */
  #stalled(sink: Sink, present: number): boolean {
    // While nothing is known to wait, half the timeout is often enough to ask: it takes a look at memory that has
    // long gone cold.
    if (this.#waitsSince === NEVER && present < this.#asksAt) return false
    this.#asksAt = present + this.#options.stallTimeout / 2
    if (sink.bufferedAmount === 0) this.#waitsSince = NEVER
    else if (this.#waitsSince === NEVER || sink.progress() !== this.#progress) this.#beginWait(sink, present)
    const { stallTimeout } = this.#options
    // While this process was not run, it could not see what the peer took.
    const held = Math.min((this.#clock?.lateness ?? 0) - this.#latenessBefore, stallTimeout)
    const wasSuspected = this.#isSuspected
    this.#isSuspected = present - this.#waitsSince >= stallTimeout + held
    // Timers run before sockets are looked at, so the transport gets a turn before the stream is cut.
    return wasSuspected && this.#isSuspected
  }

  /** When it was last written to, by itself or past it. */
  get #lastWrite(): number {
    return Math.max(this.#wroteAt, this.#feed?.wroteAt ?? 0)
  }

  #beginWait(sink: Sink, present: number): void {
    this.#waitsSince = present
    this.#latenessBefore = this.#clock?.lateness ?? 0
    this.#isSuspected = false
    this.#progress = sink.progress()
  }

  #nextLook(present: number): number {
    const { heartbeat, stallTimeout } = this.#options
    // Bytes can wait unseen by `write`; a look at half the timeout finds them well before its double.
    let delay = this.#isSuspected ? 1 : stallTimeout / 2
    if (this.#ending) return delay
    if (heartbeat) {
      const left = this.#lastWrite + heartbeat.interval - present
      delay = Math.min(delay, left > 0 ? left : heartbeat.interval / 8)
    }
    return Math.min(delay, this.#expiresAt - present)
  }

  #endWithRetry(reason: 'local' | 'shutdown', id?: string, pause = 0): void {
    if (this.#ending) return
    // Between one and two times the usual, so that the clients of a whole process do not come back as one.
    const retry = Math.min(Math.round(Math.max(this.#options.retry, pause) * (1 + Math.random())), Number.MAX_SAFE_INTEGER)
    this.#put(encodeMessage({ retry, id }))
    this.#endCleanly(reason)
  }

  /** What was written still goes out; the sink says when it is gone. */
  #endCleanly(reason: 'local' | 'shutdown' | 'expired'): void {
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
    this.#feed?.closed()
    this.#feed = undefined
    if (this.#abort || this.#callbacks) this.#tellEnd(this.#closedError(end))
    return end
  }

  /** The error is made before: what it keeps of its stack would keep the contexts. */
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
      // An async callback's rejection is as much a throw as any.
      Promise.resolve(callback(reason)).catch(fail)
    } catch (error) {
      fail(error)
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

function idOwned(text: string): TidingsError {
  return new TidingsError('ERR_SSE_ID_OWNED', `The ids of this stream belong to the channel that it is subscribed to: ${text}`)
}

function deferred(): { promise: Promise<boolean>; settle: (taken: boolean) => void } {
  let settle!: (taken: boolean) => void
  const promise = new Promise<boolean>((resolve) => {
    settle = resolve
  })
  return { promise, settle }
}
