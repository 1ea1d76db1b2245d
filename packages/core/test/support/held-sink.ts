import './feedable-stream.ts'
import type { CloseReason, TidingsError } from '../../src/lib/errors.ts'
import type { SharedWriter } from '../../src/lib/message/shared-frames.ts'
import type { EventStream } from '../../src/lib/stream/event-stream.ts'
import type { Sink, SinkOwner } from '../../src/lib/stream/sink.ts'
import { SinkStream } from '../../src/lib/stream/sink-stream.ts'
import { resolveOptions, type StreamOptions } from '../../src/lib/stream/stream-options.ts'
import { now } from '../../src/lib/time-source.ts'

/**
 * A transport in memory whose peer the test plays: it takes everything at once until `hold()`, then only what
 * `take()` says. Nothing here knows more of the stream than the `Sink` interface does.
 */
export class HeldSink implements Sink {
  /** Whether shared frames are taken past the stream, as a socket takes them, while none wait here. */
  static takesShared = false
  readonly shared: SharedWriter | undefined = HeldSink.takesShared ? { write: ({ bare }) => (this.#full ? undefined : this.write(bare)) } : undefined
  /** Every frame that was written, taken or not. */
  readonly frames: string[] = []
  /** The time of each write, in milliseconds of the streams' clock. */
  readonly times: number[] = []
  state: 'open' | 'ended' | 'ended as the last' | 'destroyed' = 'open'
  /** The reason why it was destroyed, if it was. */
  destroyedFor: CloseReason | undefined
  bufferedAmount = 0
  /** Above this number of waiting bytes, `write` asks to wait. */
  highWaterMark = 0
  readonly #owner: SinkOwner
  readonly #checks = new Set<() => void>()
  #held = false
  #full = false
  #passed = 0

  constructor(owner: SinkOwner) {
    this.#owner = owner
  }

  write(frames: string | Uint8Array): boolean {
    if (this.state !== 'open') throw new Error(`written to while ${this.state}`)
    this.frames.push(typeof frames === 'string' ? frames : new TextDecoder().decode(frames))
    this.times.push(now())
    if (this.#held) this.bufferedAmount += frames.length
    else this.#passed += frames.length
    this.#full ||= this.bufferedAmount > this.highWaterMark
    this.#changed()
    return !this.#full
  }

  end(last: boolean): void {
    if (this.state !== 'open') throw new Error(`ended while ${this.state}`)
    this.state = last ? 'ended as the last' : 'ended'
    this.#changed()
    if (this.bufferedAmount === 0) this.#owner.gone('local')
  }

  destroy(reason: TidingsError): void {
    if (this.state === 'destroyed') throw new Error('destroyed twice')
    this.state = 'destroyed'
    this.destroyedFor = reason.reason
    this.bufferedAmount = 0
    this.#changed()
    this.#owner.gone('peer')
  }

  progress(): number {
    return this.#passed
  }

  /** The peer stops reading. */
  hold(): void {
    this.#held = true
  }

  /** The peer reads so many bytes, or all there are; then on as they come. */
  take(bytes = this.bufferedAmount): void {
    this.bufferedAmount -= bytes
    this.#passed += bytes
    if (this.bufferedAmount > 0) return
    this.#held = false
    const full = this.#full
    this.#full = false
    if (this.state !== 'open') this.#owner.gone('local')
    else if (full) this.#owner.drained()
  }

  /** The peer leaves, and the waiting bytes are lost. */
  leave(cause?: unknown): void {
    this.#owner.gone('peer', cause)
  }

  /** Resolves when the check returns true. It runs at each write and at each end. */
  until(check: (sink: this) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const ask = (): void => {
        if (!check(this)) return
        this.#checks.delete(ask)
        resolve()
      }
      this.#checks.add(ask)
      ask()
    })
  }

  #changed(): void {
    for (const check of this.#checks) check()
  }
}

/** A stream over a sink in memory, without the heartbeats that would disturb the rest. */
export function openStream(options: StreamOptions = {}, lastEventId = ''): { stream: SinkStream; sink: HeldSink } {
  const stream = new SinkStream(resolveOptions({ heartbeat: false, ...options }), lastEventId)
  const sink = new HeldSink(stream)
  stream.open(sink)
  return { stream, sink }
}

/** Resolves with the reason once the stream has ended. */
export function ended(stream: EventStream): Promise<TidingsError> {
  return new Promise((resolve) => {
    stream.onClose(resolve)
  })
}

/** Runs everything that is due: every microtask, and one turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
