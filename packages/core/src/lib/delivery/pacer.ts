import { runOutside } from '../async-context.ts'
import { now } from '../time-source.ts'
import { sharesTimers } from '../timer.ts'

/** A channel with something to deliver. */
export interface Flushable {
  /** Moves every reader that is ready. */
  flush(): void
}

// Below this share of the time spent flushing, a flush a turn keeps up, and is the soonest that anything can arrive.
const BUSY = 0.7
// Of the time that the last flush took.
const WAIT = 0.25
// Milliseconds. A flush that took longer was most likely held up, and what waits has waited enough.
const LONGEST_WAIT = 25
// Milliseconds. What takes less is not worth a timer.
const LONG_FLUSH = 2
// After a wait in vain, so many flushes go without: whoever publishes the next message when all have the last one
// gains nothing by waiting.
const AFTER_A_VAIN_WAIT = 15

/**
 * One for all channels of the process, since they share its one thread: flushes what has something, a turn's messages
 * at once, and paces itself. Once flushing takes most of the time, a wait before the next flush makes fewer and
 * larger writes of the same messages, and leaves room for whatever else the process does.
 */
class Pacer {
  readonly #pending = new Set<Flushable>()
  #state: 'idle' | 'scheduled' | 'waiting' = 'idle'
  #endedAt = 0
  #took = 0
  /** Whether something more came since the wait began. */
  #gathered = false
  #withoutWait = 0

  /** Has `channel` flushed soon, together with whatever else is published until then. */
  schedule(channel: Flushable): void {
    this.#pending.add(channel)
    if (this.#state === 'waiting') this.#gathered = true
    if (this.#state !== 'idle') return
    this.#state = 'scheduled'
    runOutside(nextTurn, () => this.#flushOrWait())
  }

  #flushOrWait(): void {
    const idle = now() - this.#endedAt
    const isBusy = sharesTimers && this.#took >= LONG_FLUSH && this.#took / (this.#took + idle) > BUSY
    if (!isBusy || this.#withoutWait-- > 0) {
      this.#flush()
    } else {
      this.#state = 'waiting'
      this.#gathered = false
      // Not unref'd: what was published is to go out before the process ends.
      wait(() => nextTurn(() => this.#flushAfterWait()), Math.min(this.#took * WAIT, LONGEST_WAIT))
    }
  }

  #flushAfterWait(): void {
    const isInVain = !this.#gathered
    this.#flush()
    if (!isInVain) return
    // What came due while it flushed is published by now: timers and what has arrived come before the next turn's end.
    nextTurn(() => {
      if (this.#state === 'idle') this.#withoutWait = AFTER_A_VAIN_WAIT
    })
  }

  #flush(): void {
    const startedAt = now()
    const channels = [...this.#pending]
    this.#pending.clear()
    this.#state = 'idle'
    for (const channel of channels) channel.flush()
    this.#endedAt = now()
    this.#took = this.#endedAt - startedAt
  }
}

/** The one pacer of this copy of the package. */
export const pacer: Pacer = new Pacer()

/** The timer of when modules loaded: one that a test fakes may never fire once the fake is gone. */
const wait: typeof setTimeout = setTimeout

/**
 * Calls back in the next turn. Where timers are a request's, the end of what runs now is the last that is sure to
 * come.
 */
export const nextTurn: (callback: () => void) => unknown = !sharesTimers
  ? queueMicrotask
  : typeof setImmediate === 'function'
    ? setImmediate
    : (callback) => setTimeout(callback)
