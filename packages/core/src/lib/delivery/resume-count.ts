import { TidingsError } from '../errors.ts'
import { now } from '../time-source.ts'

// A share of fewer clients means nothing.
const ENOUGH = 20
// Milliseconds without a warning. The pause doubles with each warning, so that clients with forged ids can neither use
// up the only warning nor fill the app's log.
const FIRST_PAUSE = 60_000
const LONGEST_PAUSE = 3_600_000

/** Counts the clients that reconnect, and warns when too many of them have ids of another log. */
export class ResumeCount {
  #known = 0
  #unknown = 0
  #pause = FIRST_PAUSE
  #pausesUntil = 0

  /** Returns a warning when more than a tenth of the ids were unknown, and again after a pause while this goes on. */
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
      `${unknown} of ${all} clients reconnected with ids that this log never gave out, and were reset; let all processes share a log on an engine, or send each client to one process`,
    )
  }
}
