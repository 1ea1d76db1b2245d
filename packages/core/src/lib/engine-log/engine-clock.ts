import { now } from '../time-source.ts'

/** The engine's clock as this process last heard it, carried on by a clock that nobody sets. */
export class EngineClock {
  /** How far it is ahead of `now()`. */
  #ahead: number | undefined

  /**
   * The engine's time, in milliseconds. Some time passes on the way here, so it is behind rather than ahead. 0 before
   * it was heard.
   */
  get present(): number {
    return this.#ahead === undefined ? 0 : now() + this.#ahead
  }

  /** The engine tells its time. */
  hear(time: number): void {
    this.#ahead = time - now()
  }

  /** Something was appended at this time: so late it is at least. */
  hearOfEntry(at: number): void {
    if (at > this.present) this.hear(at)
  }
}
