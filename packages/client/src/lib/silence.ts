// Milliseconds. A `silence` above it stays as it is.
const LONGEST = 300_000

/** How long a stream may be silent. */
export interface Silence {
  /** In milliseconds. */
  limit: number
  /** A byte came when the stream had been open for so long. */
  heard(age: number): void
  /** The stream is replaced, since it was silent. Returns the limit that was over. */
  over(): number
}

/**
 * A server without heartbeats is silent on each stream. So a replacement that is silent too doubles the limit. A
 * replacement that gave bytes for longer than the limit was not silent: the network cut it.
 */
export function createSilence(limit: number): Silence {
  let again = false
  return {
    limit,
    heard(age) {
      if (age > this.limit) again = false
    },
    over() {
      const { limit } = this
      if (again) this.limit = Math.max(limit, Math.min(limit * 2, LONGEST))
      again = true
      return limit
    },
  }
}
