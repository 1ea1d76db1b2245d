import { now } from '../clock.ts'

/** A channel with something to deliver. */
export interface Flushable {
  /** Moves every reader that is ready. */
  flush(): void
}

// Below this share of the time spent flushing, a flush a turn keeps up, and is the soonest that anything can arrive.
const BUSY = 0.7

/**
 * One for all channels of the process, since they share its one thread: flushes what has something, a turn's messages at once,
 * and paces itself. Once flushing takes most of the time, waiting half as long as the last flush took makes fewer and larger
 * writes of the same messages, and leaves room for whatever else the process does.
 */
class Flusher {
  readonly #pending = new Set<Flushable>()
  #scheduled = false
  #endedAt = 0
  #took = 0

  /** Has `channel` flushed soon, together with whatever else is published until then. */
  schedule(channel: Flushable): void {
    this.#pending.add(channel)
    if (this.#scheduled) return
    this.#scheduled = true
    const idle = now() - this.#endedAt
    const busy = this.#took / (this.#took + idle)
    if (busy > BUSY && this.#took >= 2) setTimeout(() => this.#flush(), this.#took / 2)
    else nextTurn(() => this.#flush())
  }

  #flush(): void {
    const startedAt = now()
    const channels = [...this.#pending]
    this.#pending.clear()
    this.#scheduled = false
    for (const channel of channels) channel.flush()
    this.#endedAt = now()
    this.#took = this.#endedAt - startedAt
  }
}

/** The one flusher of this copy of the package. */
export const flusher: Flusher = new Flusher()

const nextTurn: (callback: () => void) => unknown = typeof setImmediate === 'function' ? setImmediate : (callback) => setTimeout(callback)
