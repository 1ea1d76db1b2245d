/** A source of times and timers. */
export interface TimeSource {
  /** The present time in milliseconds, on a clock that never goes back. */
  now(): number
  /** Calls back once after this many milliseconds. */
  setTimeout(callback: () => void, milliseconds: number): unknown
}

const platform: TimeSource = {
  now: () => performance.now(),
  setTimeout: (callback, milliseconds) => setTimeout(callback, milliseconds),
}
let source = platform

/** The present time in milliseconds, on a clock that never goes back. */
export function now(): number {
  return source.now()
}

/**
 * The present time in whole milliseconds, for the times that each reader and stream stores at a write. V8 stores a
 * whole number inside the object, and allocates another object for a fraction. Rounded up, so that a delay that is
 * measured from it never ends early.
 */
export function wholeMilliseconds(): number {
  return Math.ceil(now())
}

/** Makes a timer of the present source. */
export function makeTimer(callback: () => void, milliseconds: number): unknown {
  return source.setTimeout(callback, milliseconds)
}

/** The present maker of timers. It changes when a test framework fakes timers or restores them. */
export function timerMaker(): unknown {
  return source === platform ? setTimeout : source
}

/**
 * Takes times and timers from another source, for tests that control the time. Returns a function that restores the
 * source before. A timer of the source may fire after it was cleared.
 */
export function withClock(given: TimeSource): () => void {
  const before = source
  source = given
  return () => {
    source = before
  }
}
