import { startTimer } from '../timer.ts'

// Milliseconds.
const FIRST_WAIT = 50
const LONGEST_WAIT = 5_000

/**
 * Waits before the next attempt: twice as long as before the last one, up to five seconds, less a random part of up
 * to half, so that all who lost one engine do not come back to it as one.
 *
 * @param attempt how many there have been
 * @param most milliseconds
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
