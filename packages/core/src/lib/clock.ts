import { now, timerMaker } from './time-source.ts'
import { sharesTimers, startTimer } from './timer.ts'

/** Something that wants to be looked at from time to time: an open stream. */
export interface Watched {
  /** Which slot of the clock it stands in. The clock's own; start with `0`. */
  slot: number
  /** Called when its time has come. Answers in how many milliseconds it wants to be looked at again. */
  look(present: number): number
}

// What a 32-bit timer can hold. Whatever lies further off is reached in several sleeps.
const LONGEST_SLEEP = 2 ** 31 - 1

/**
 * The same rounded up, so that nothing that is counted from it comes early; a whole number is kept in place, where
 * another is an object of its own.
 */
export const wholeMilliseconds = (): number => Math.ceil(now())

/**
 * One timer for all that is watched, however many there are (a timer for each of 5,000 streams costs twice the CPU).
 * Times are rounded up to slots of at most a sixth of the delay, so that those that come due together share a wake-up:
 * a look comes between 1 and 1.17 times its delay. The timer never keeps a process alive.
 */
export class Clock {
  readonly #slots = new Map<number, Set<Watched>>()
  #timer: ReturnType<typeof setTimeout> | undefined
  #madeBy: unknown
  #wakesAt = Number.POSITIVE_INFINITY
  /**
   * How many milliseconds its timer has been late, in all: for so long this process was not run, or did something
   * else.
   */
  lateness = 0

  watch(watched: Watched, delay: number): void {
    this.#place(watched, delay, now())
    // A timer that was faked, or made before a fake came, may never fire.
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
      // A look may end any stream, which then leaves its slot: what is still there is still open.
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
    // One that another maker made is not for this one to clear. Its tick does no harm.
    if (this.#madeBy === timerMaker()) clearTimeout(this.#timer)
    this.#timer = undefined
    this.#wakesAt = Number.POSITIVE_INFINITY
  }
}

/** The one clock of this copy of the package. */
export const clock: Clock = new Clock()

/** The clock of a new stream: the one of all, or its own where it can share none. */
export function clockOfStream(): Clock {
  return sharesTimers ? clock : new Clock()
}
