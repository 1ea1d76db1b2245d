import { startTimer } from '../timer.ts'

// Milliseconds.
const FIRST_WAIT = 50
const LONGEST_WAIT = 5_000

/**
 * Waits before the next attempt. The wait begins with 50 ms and doubles with each attempt, up to 5 s. Up to half of it
 * is left out at random, so that processes do not all return at once to an engine that was away.
 *
 * @param attempt the number of attempts that have failed
 * @param most the longest wait, in milliseconds
 */
export function backOff(attempt: number, most: number = LONGEST_WAIT): Promise<void> {
  const longest = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** Math.min(attempt - 1, 10))
  return pause(Math.max(0, Math.min(most, longest * (1 - Math.random() / 2))))
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    startTimer(resolve, milliseconds)
  })
}
