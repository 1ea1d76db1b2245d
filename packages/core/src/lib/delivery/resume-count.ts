import { TidingsError } from '../errors.ts'

// Fewer say nothing yet.
const ENOUGH = 20

/** Counts the clients that came back, to tell when too many of them brought ids of another log. */
export class ResumeCount {
  #known = 0
  #unknown = 0
  #hasWarned = false

  /** Returns a warning, once, when more than a tenth were unknown. */
  add(isKnown: boolean): TidingsError | undefined {
    if (isKnown) this.#known++
    else this.#unknown++
    const all = this.#known + this.#unknown
    if (this.#hasWarned || all < ENOUGH || this.#unknown * 10 <= all) return undefined
    this.#hasWarned = true
    return new TidingsError(
      'ERR_SSE_UNKNOWN_IDS',
      `${this.#unknown} of ${all} clients came back with ids that this log never gave out, and were reset; let all processes share a log on an engine, or have the balancer send each client to one process`,
    )
  }
}
