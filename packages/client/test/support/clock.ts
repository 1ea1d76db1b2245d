import { afterEach, beforeEach, vi } from 'vitest'

/** Drives the time of the tests in this file. There is no jitter. */
export function driveTime(): void {
  beforeEach(() => {
    vi.useFakeTimers()
    vi.spyOn(Math, 'random').mockReturnValue(0)
  })
  afterEach(() => {
    vi.useRealTimers()
    vi.restoreAllMocks()
    vi.unstubAllGlobals()
  })
}

/** Lets time pass, with all that happens in it. */
export async function pass(milliseconds: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(milliseconds)
}

/** Lets all promises settle that need no time. */
export async function settle(): Promise<void> {
  await pass(0)
}

/** The computer sleeps: time passes, and nothing runs in it. */
export function sleepFor(milliseconds: number): void {
  vi.setSystemTime(Date.now() + milliseconds)
}

/** Collects the errors that are reported as uncaught. */
export function collectUncaught(): unknown[] {
  const errors: unknown[] = []
  vi.stubGlobal('reportError', (error: unknown) => errors.push(error))
  return errors
}
