import { withClock } from '../../src/internal.ts'

/**
 * A clock that goes on when the test says so: what it measures is the same on an idle machine and on a busy one. All
 * streams and logs take their times from it until `restore`.
 */
export class DrivenClock {
  #present = 1_000
  readonly #timers: Array<{ time: number; callback: () => void }> = []
  readonly #restore = withClock({
    now: () => this.#present,
    setTimeout: (callback, milliseconds) => void this.#timers.push({ time: this.#present + milliseconds, callback }),
  })

  now(): number {
    return this.#present
  }

  /** Moves on, timer by timer. */
  advance(milliseconds: number): void {
    const end = this.#present + milliseconds
    for (;;) {
      const due = this.#timers.filter(({ time }) => time <= end).sort((a, b) => a.time - b.time)[0]
      if (!due) break
      this.#timers.splice(this.#timers.indexOf(due), 1)
      this.#present = Math.max(this.#present, due.time)
      due.callback()
    }
    this.#present = end
  }

  /** Goes on at once: what has come due then comes late, as in a process that was not run. */
  hold(milliseconds: number): void {
    this.#present += milliseconds
    this.advance(0)
  }

  /** Gives the time back to the platform. */
  restore(): void {
    this.#restore()
  }
}

/** Runs a test on a clock that it drives. */
export function onDrivenClock(test: (clock: DrivenClock) => unknown): () => Promise<void> {
  return async () => {
    const clock = new DrivenClock()
    try {
      await test(clock)
    } finally {
      clock.restore()
    }
  }
}
