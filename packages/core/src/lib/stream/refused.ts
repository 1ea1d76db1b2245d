import { type Refusal, TidingsError } from '../errors.ts'
import { counts, openStreams } from '../metrics.ts'
import { now } from '../time-source.ts'

// Milliseconds. 100 refused clients return in a second.
const BETWEEN_RETURNS = 10
const LONGEST_RETRY = 300_000

/** When the last of the refused clients returns, on the clock of `now()`. */
let lastReturn = 0

/** Whether so many streams are open in this process that a further one is refused. */
export function isFull(maxStreams: number): boolean {
  return maxStreams < Number.POSITIVE_INFINITY && openStreams() >= maxStreams
}

/** The milliseconds after which a refused client returns: later than the client that was refused before it. */
export function retryOfRefused(usual: number): number {
  const present = now()
  lastReturn = Math.min(Math.max(lastReturn, present + usual) + BETWEEN_RETURNS, present + LONGEST_RETRY)
  return Math.ceil(lastReturn - present)
}

/** Counts a request that is refused before its head, and makes the error for it. */
export function tooManyStreams(usual: number): Refusal {
  counts.opened++
  counts.closed.refused++
  const headers = { 'Retry-After': `${Math.ceil(retryOfRefused(usual) / 1_000)}` }
  const text = 'maxStreams event streams are open in this process; try again later'
  return new TidingsError('ERR_SSE_TOO_MANY_STREAMS', text, { status: 503, headers }) as Refusal
}
