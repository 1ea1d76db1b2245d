import { now, timerMaker } from './time-source.ts'
import { sharesTimers, startTimer } from './timer.ts'

/** Something that the clock calls from time to time: an open stream. */
export interface Watched {
  /** The clock stores its slot here. Start with `0`. */
  slot: number
  /** Called when the delay is over. Returns the delay until the next call, in milliseconds. */
  look(present: number): number
}

// The longest delay of a platform's timer, in milliseconds. A later time takes several sleeps.
const LONGEST_SLEEP = 2 ** 31 - 1

/**
 * One timer for all streams (a timer for each of 5,000 streams costs twice the CPU). Times are rounded up to slots of
 * at most a sixth of the delay, so that streams share a wake-up: a look comes after 1 to 1.17 times its delay. The
 * timer does not keep a process alive.
 */
export class Clock {
  readonly #slots = new Map<number, Set<Watched>>()
  #timer: ReturnType<typeof setTimeout> | undefined
  #madeBy: unknown
  #wakesAt = Number.POSITIVE_INFINITY
  /**
   * The sum of all delays of its timer, in milliseconds: the time in which this process was stopped or busy.
   */
  lateness = 0

  watch(watched: Watched, delay: number): void {
    this.#place(watched, delay, now())
    // A test framework may have faked or restored timers since. The present timer may then never fire.
    if (this.#madeBy !== timerMaker()) this.#sleepUntil(Math.min(...this.#slots.keys()))
    else if (watched.slot < this.#wakesAt) this.#sleepUntil(watched.slot)
  }

  unwatch(watched: Watched): void {
    const slot = this.#slots.get(watched.slot)
    if (!slot?.delete(watched) || slot.size > 0) return
    this.#slots.delete(watched.slot)
    if (this.#slots.size === 0) this.#stop()
  }

  #place(watched: Watched, delay: number, present: number): void {
    const width = 2 ** Math.floor(Math.log2(Math.max(delay, 6) / 6))
    watched.slot = Math.ceil((present + delay) / width) * width
    const slot = this.#slots.get(watched.slot)
    if (slot) slot.add(watched)
    else this.#slots.set(watched.slot, new Set([watched]))
  }

  #tick(): void {
    const present = now()
    this.lateness += Math.max(0, present - this.#wakesAt)
    for (const [time, slot] of [...this.#slots]) {
      if (time > present) continue
      // A look may end any stream, which then leaves its slot. The streams that are still in the slot are open.
      for (const watched of slot) {
        const delay = watched.look(present)
        if (slot.delete(watched)) this.#place(watched, delay, present)
      }
      if (slot.size === 0) this.#slots.delete(time)
    }
    this.#stop()
    if (this.#slots.size > 0) this.#sleepUntil(Math.min(...this.#slots.keys()))
  }

  #sleepUntil(time: number): void {
    this.#stop()
    this.#wakesAt = time
    this.#madeBy = timerMaker()
    this.#timer = startTimer(() => this.#tick(), Math.min(Math.max(0, Math.ceil(time - now())), LONGEST_SLEEP))
  }

  #stop(): void {
    // Only the maker of a timer can clear it. A tick of an older timer does no harm.
    if (this.#madeBy === timerMaker()) clearTimeout(this.#timer)
    this.#timer = undefined
    this.#wakesAt = Number.POSITIVE_INFINITY
  }
}

/** The one clock of this copy of the package. */
export const clock: Clock = new Clock()

/** The clock for a new stream: the shared one, or its own on platforms where streams cannot share timers. */
export function clockOfStream(): Clock {
  return sharesTimers ? clock : new Clock()
}
