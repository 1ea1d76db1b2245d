import { runOutside } from './async-context.ts'
import { makeTimer } from './time-source.ts'

/**
 * Whether a timer that one request started serves others, too. On Cloudflare Workers a timer, and what it calls, is
 * its request's: it ends with it, and a stream that waits for another's is taken to wait for nothing.
 * https://developers.cloudflare.com/workers/observability/errors/
 */
export const sharesTimers: boolean = (globalThis as { navigator?: { userAgent?: string } }).navigator?.userAgent !== 'Cloudflare-Workers'

/** A timer that keeps no process alive, and nothing of the request that starts it. */
export function startTimer(callback: () => void, milliseconds: number): ReturnType<typeof setTimeout> {
  const timer = runOutside(makeTimer, callback, milliseconds) as ReturnType<typeof setTimeout>
  // Node, Bun and Deno hand out an object; elsewhere a number, and no process to keep alive.
  ;(timer as { unref?: () => void } | undefined)?.unref?.()
  return timer
}

/** What a promise settles to; after so many milliseconds, what `late` gives or throws. */
export async function settledWithin<Result>(promise: Promise<Result>, milliseconds: number, late: () => Result): Promise<Result> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const over = new Promise<void>((resolve) => {
    timer = startTimer(resolve, milliseconds)
  })
  try {
    return await Promise.race([promise, over.then(late)])
  } finally {
    clearTimeout(timer)
  }
}
