import { runOutside } from './async-context.ts'
import { makeTimer } from './time-source.ts'

/**
 * Whether requests can share a timer. On Cloudflare Workers a timer belongs to the request that started it, and ends
 * with that request. A stream of another request that waits for it is taken to hang.
 * https://developers.cloudflare.com/workers/observability/errors/
 */
export const sharesTimers: boolean = (globalThis as { navigator?: { userAgent?: string } }).navigator?.userAgent !== 'Cloudflare-Workers'

/** Starts a timer that does not keep a process alive, and keeps nothing of the request that starts it. */
export function startTimer(callback: () => void, milliseconds: number): ReturnType<typeof setTimeout> {
  const timer = runOutside(makeTimer, callback, milliseconds) as ReturnType<typeof setTimeout>
  // Node, Bun and Deno return an object. Other platforms return a number, and no timer keeps a process alive there.
  ;(timer as { unref?: () => void } | undefined)?.unref?.()
  return timer
}

/** Waits for a promise. After this many milliseconds it calls `late` instead, and returns its result. */
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
