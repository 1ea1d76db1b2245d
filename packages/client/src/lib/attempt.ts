import type { ClientError } from './client-error.ts'
import { startDeadline } from './deadline.ts'

/** One request with its stream. It can be given up at any time. */
export interface Attempt {
  readonly signal: AbortSignal
  /** Aborts the request. What {@link Attempt.wait} waits for rejects with the error. */
  giveUp(error?: ClientError): void
  /** Waits for a promise. Gives up with the error of `overdue` when it takes longer than `limit` milliseconds. */
  wait<Result>(work: Promise<Result>, limit?: number, overdue?: () => ClientError): Promise<Result>
}

export function createAttempt(): Attempt {
  const controller = new AbortController()
  let interrupt: ((error: unknown) => void) | undefined
  return {
    signal: controller.signal,
    giveUp(error) {
      controller.abort()
      interrupt?.(error)
    },
    // Promise.race would keep an entry for each chunk of a long stream. `interrupt` also ends the wait for a fetch
    // that ignores its signal, as some do in React Native.
    wait(work, limit, overdue) {
      return new Promise((resolve, reject) => {
        const cancel = limit && overdue ? startDeadline(limit, () => this.giveUp(overdue())) : undefined
        interrupt = (error) => {
          cancel?.()
          reject(error)
        }
        work.then(resolve, reject).finally(cancel)
        if (controller.signal.aborted) interrupt(undefined)
      })
    },
  }
}
