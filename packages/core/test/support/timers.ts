import { createHook } from 'node:async_hooks'

/**
 * Counts the timers that this package has made since, and that neither fired for good nor were cleared; also unref'd
 * ones.
 */
export function watchTimers(): { alive(): Promise<number>; stop(): void } {
  const timers = new Set<number>()
  const hook = createHook({
    init: (id, type) => {
      if (type === 'Timeout' && madeByUs()) timers.add(id)
    },
    destroy: (id) => {
      timers.delete(id)
    },
  }).enable()
  return {
    async alive() {
      // Node reports cleared timers after the turn.
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
      return timers.size
    },
    stop: () => void hook.disable(),
  }
}

/** Whether a source of this package is on the stack; the test runner has timers, too. */
function madeByUs(): boolean {
  const { prepareStackTrace } = Error
  // The bare call sites: to write the stack out, with its source maps, takes a millisecond.
  Error.prepareStackTrace = (_, sites) => sites.some((site) => site.getFileName()?.includes('/core/src/'))
  const ours = new Error().stack as unknown as boolean
  Error.prepareStackTrace = prepareStackTrace
  return ours
}
