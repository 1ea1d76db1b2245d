// Milliseconds. A timer that is later than this tells that the process or the computer slept, or that the page was
// throttled. Bytes that came meanwhile are read within the same time.
const LATE = 1_000

/**
 * Calls `over` after a delay in milliseconds. If the timer comes late, waits a second more, so that the bytes that
 * arrived during a sleep are read first. Returns the function that cancels it.
 */
export function startDeadline(delay: number, over: () => void): () => void {
  // The wall clock goes on while a computer sleeps. The clock of `performance` may not.
  const due = Date.now() + delay
  let timer = setTimeout(() => {
    if (Date.now() - due > LATE) timer = setTimeout(over, LATE)
    else over()
  }, delay)
  return () => clearTimeout(timer)
}
