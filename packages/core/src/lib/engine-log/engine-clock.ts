import { now } from '../time-source.ts'

/** The engine's clock. Between two readings it goes on with this process's own clock, which is never set back. */
export class EngineClock {
  /** Milliseconds between the engine's time and `now()`. */
  #ahead: number | undefined

  /**
   * The engine's time, in milliseconds; 0 before the first reading. It is a little too low, because a reading takes
   * time to arrive.
   */
  get present(): number {
    return this.#ahead === undefined ? 0 : now() + this.#ahead
  }

  /** Sets the clock by a reading of the engine's time. */
  hear(time: number): void {
    this.#ahead = time - now()
  }

  /** Sets the clock by the time of an entry, which is a lower bound. */
  hearOfEntry(time: number): void {
    if (time > this.present) this.hear(time)
  }
}
