import type { Clock } from '../clock.ts'
import type { Sink } from './sink.ts'

const NEVER = Number.POSITIVE_INFINITY

/** Decides whether a peer is stalled: bytes wait, and it has taken none for `stallTimeout`. */
export class StallWatch {
  /** In milliseconds. */
  readonly #timeout: number
  readonly #clock: Clock
  /** When the peer last took bytes, or the wait began; `Infinity` while no bytes are known to wait. */
  #since = NEVER
  #asksAgainAt = 0
  /** The lateness of the clock at that time. */
  #latenessBefore = 0
  /** The progress of the sink at that time. */
  #progress = 0
  /** Whether the timeout is over. The peer is stalled if it is still over at the next look. */
  #isSuspected = false

  constructor(timeout: number, clock: Clock) {
    this.#timeout = timeout
    this.#clock = clock
  }

  /** Whether bytes are known to wait. */
  get waits(): boolean {
    return this.#since !== NEVER
  }

  /** The delay until the next look, in milliseconds. */
  get delay(): number {
    // Bytes may also wait without a write that returned false. Half the timeout finds them soon enough.
    return this.#isSuspected ? 1 : this.#timeout / 2
  }

  /** The sink is full. */
  begin(sink: Sink, present: number): void {
    if (!this.waits) this.#beginAt(sink, present)
  }

  /** The sink has room again. */
  end(): void {
    this.#since = NEVER
  }

  /** Whether the peer is stalled at the present time. */
  isStalled(sink: Sink, present: number): boolean {
    // Asks rarely while no bytes are known to wait: the memory of an idle sink is not in the CPU's cache.
    if (!this.waits && present < this.#asksAgainAt) return false
    this.#asksAgainAt = present + this.#timeout / 2
    if (sink.bufferedAmount === 0) this.end()
    else if (!this.waits || sink.progress() !== this.#progress) this.#beginAt(sink, present)
    // A process that was stopped or busy did not see what the peer took in that time.
    const late = Math.min(this.#clock.lateness - this.#latenessBefore, this.#timeout)
    const wasSuspected = this.#isSuspected
    this.#isSuspected = present - this.#since >= this.#timeout + late
    // Timers run before sockets are read. So the transport gets one more turn before the stream is cut.
    return wasSuspected && this.#isSuspected
  }

  #beginAt(sink: Sink, present: number): void {
    this.#since = present
    this.#latenessBefore = this.#clock.lateness
    this.#progress = sink.progress()
    this.#isSuspected = false
  }
}
