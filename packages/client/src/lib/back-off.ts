// Milliseconds. The first is the reconnection time until the server sends `retry`.
const RETRY = 3_000
const LEAST_AFTER_FAILURE = 1_000
// With the jitter, 30 s.
const LONGEST = 20_000
/** The longest delay of a platform's timer, in milliseconds. */
export const LONGEST_DELAY: number = 2 ** 31 - 1

/** Tells how long to wait before the next attempt. */
export interface BackOff {
  /** The server's reconnection time (`retry`), in milliseconds. */
  retry: number
  /** The delay after a stream that `lived`, or after a failure. The server asked for `least` milliseconds. */
  next(lived: boolean, least: number): number
}

/** Doubles the delay with each failure in a row. The jitter keeps clients from returning all at once. */
export function createBackOff(): BackOff {
  let failures = 0
  return {
    retry: RETRY,
    next(lived, least) {
      failures = lived ? 0 : failures + 1
      const delay = failures === 0 ? 0 : Math.min(LONGEST, Math.max(this.retry, LEAST_AFTER_FAILURE) * 2 ** (failures - 1))
      return Math.min(LONGEST_DELAY, Math.max(delay, this.retry, least) * (1 + Math.random() / 2))
    },
  }
}
