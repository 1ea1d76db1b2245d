/** Where times and timers come from. */
export interface TimeSource {
  /** Milliseconds that never go back. */
  now(): number
  /** Calls back once after so many milliseconds. */
  setTimeout(callback: () => void, milliseconds: number): unknown
}

const platform: TimeSource = {
  now: () => performance.now(),
  setTimeout: (callback, milliseconds) => setTimeout(callback, milliseconds),
}
let source = platform

/** Milliseconds on a clock that never goes back. */
export function now(): number {
  return source.now()
}

/** A timer of the present source. */
export function makeTimer(callback: () => void, milliseconds: number): unknown {
  return source.setTimeout(callback, milliseconds)
}

/** What makes timers at present. Another one once a test framework has faked timers, or has taken its fakes back. */
export function timerMaker(): unknown {
  return source === platform ? setTimeout : source
}

/**
 * Takes times and timers from another source, for tests that drive the time. Returns a function that takes them from
 * the source before again. A timer that is no longer wanted may fire all the same.
 */
export function withClock(given: TimeSource): () => void {
  const before = source
  source = given
  return () => {
    source = before
  }
}
