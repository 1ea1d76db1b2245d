import { TidingsError } from '../errors.ts'
import { now } from '../time-source.ts'

// Fewer say nothing yet.
const ENOUGH = 20
// Milliseconds. Twice as long after each warning: forged ids must not use up the one warning, nor fill the app's log.
const FIRST_PAUSE = 60_000
const LONGEST_PAUSE = 3_600_000

/** Counts the clients that came back, to tell when too many of them brought ids of another log. */
export class ResumeCount {
  #known = 0
  #unknown = 0
  #pause = FIRST_PAUSE
  #pausesUntil = 0

  /** Returns a warning when more than a tenth were unknown, and again where that goes on after a pause. */
  add(isKnown: boolean): TidingsError | undefined {
    const present = now()
    if (present < this.#pausesUntil) return undefined
    if (isKnown) this.#known++
    else this.#unknown++
    const all = this.#known + this.#unknown
    if (all < ENOUGH || this.#unknown * 10 <= all) return undefined
    const unknown = this.#unknown
    this.#known = this.#unknown = 0
    this.#pausesUntil = present + this.#pause
    this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE)
    return new TidingsError(
      'ERR_SSE_UNKNOWN_IDS',
      `${unknown} of ${all} clients came back with ids that this log never gave out, and were reset; let all processes share a log on an engine, or have the balancer send each client to one process`,
    )
  }
}
