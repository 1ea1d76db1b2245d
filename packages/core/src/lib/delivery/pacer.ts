import { runOutside } from '../async-context.ts'
import { now } from '../time-source.ts'
import { sharesTimers } from '../timer.ts'

/** A channel with messages to deliver. */
export interface Flushable {
  /** Writes the waiting messages to every reader that is ready. */
  flush(): void
}

/** A stream that gathers frames during a flush. */
export interface GatheringStream {
  writeGathered(): unknown
}

// The share of the time spent on flushing. Below it, one flush in each turn keeps up, and has the lowest latency.
const BUSY = 0.7
// The length of a wait, as a share of the time that the last flush took.
const WAIT = 0.25
// Milliseconds. A flush that took more than four times this was probably interrupted, and its messages have waited
// long enough.
const LONGEST_WAIT = 25
// Milliseconds. A timer is not worth its cost for shorter flushes.
const LONG_FLUSH = 2
// Flushes without a wait after a wait that gathered nothing: an app that publishes the next message only after the
// last one is delivered gains nothing from waiting.
const AFTER_A_VAIN_WAIT = 15

/**
 * Flushes the channels of a process, and paces the flushes. All channels share one pacer, because they share one
 * thread. A flush delivers all messages of a turn at once. When flushing takes most of the time, the pacer waits
 * before the next flush: the same messages then need fewer and larger writes, and other work of the process gets its
 * time.
 */
class Pacer {
  readonly #pending = new Set<Flushable>()
  #state: 'idle' | 'scheduled' | 'waiting' = 'idle'
  /** The streams that write at the end of the present flush. Unset between flushes. */
  gathering: GatheringStream[] | undefined
  #endedAt = 0
  #took = 0
  /** Whether a message has come since the wait began. */
  #gathered = false
  #withoutWait = 0

  /** Flushes a channel soon, with all messages that are published until then. */
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
      // Not unref'd, so that published messages leave before the process ends.
      wait(() => nextTurn(() => this.#flushAfterWait()), Math.min(this.#took * WAIT, LONGEST_WAIT))
    }
  }

  #flushAfterWait(): void {
    const isInVain = !this.#gathered
    this.#flush()
    if (!isInVain) return
    // By the end of the next turn, timers and I/O that came due during the flush have published their messages.
    nextTurn(() => {
      if (this.#state === 'idle') this.#withoutWait = AFTER_A_VAIN_WAIT
    })
  }

  #flush(): void {
    const startedAt = now()
    const channels = [...this.#pending]
    this.#pending.clear()
    this.#state = 'idle'
    const gathering: GatheringStream[] = []
    this.gathering = gathering
    try {
      for (const channel of channels) channel.flush()
    } finally {
      this.gathering = undefined
      for (const stream of gathering) stream.writeGathered()
    }
    this.#endedAt = now()
    this.#took = this.#endedAt - startedAt
  }
}

/** The one pacer of this copy of the package. */
export const pacer: Pacer = new Pacer()

/** Taken while modules load. A timer of a test framework's fake may never fire once the fake is removed. */
const wait: typeof setTimeout = setTimeout

/**
 * Calls back in the next turn of the event loop. On platforms where a timer belongs to a request, it calls back at the
 * end of the present job, because a later turn may never come.
 */
export const nextTurn: (callback: () => void) => unknown = !sharesTimers
  ? queueMicrotask
  : typeof setImmediate === 'function'
    ? setImmediate
    : (callback) => setTimeout(callback)
