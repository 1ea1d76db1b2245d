/**
 * Waits for a call of `wake`, which `begin` gets, or until one of the signals is aborted. `begin` returns a function
 * that removes `wake` again, so that a reader that has left does not stay in memory.
 */
export function calledUnless(begin: (wake: () => void) => () => void, ...signals: readonly (AbortSignal | undefined)[]): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      forget()
      for (const signal of signals) signal?.removeEventListener('abort', wake)
      resolve()
    }
    const forget = begin(wake)
    for (const signal of signals) signal?.addEventListener('abort', wake)
    if (signals.some((signal) => signal?.aborted)) wake()
  })
}

const callbacksByPromise = new WeakMap<Promise<unknown>, Set<() => void>>()

/**
 * Waits until a promise has settled, or until one of the signals is aborted. A plain `then` would keep each reader in
 * memory until the promise settles, and an engine may be away for hours.
 */
export function settledUnless(promise: Promise<unknown>, ...signals: readonly (AbortSignal | undefined)[]): Promise<void> {
  return calledUnless(
    (wake) => {
      const callbacks = callbacksByPromise.get(promise) ?? watched(promise)
      callbacks.add(wake)
      return () => callbacks.delete(wake)
    },
    ...signals,
  )
}

function watched(promise: Promise<unknown>): Set<() => void> {
  const callbacks = new Set<() => void>()
  callbacksByPromise.set(promise, callbacks)
  const settled = (): void => {
    callbacksByPromise.delete(promise)
    for (const callback of callbacks) callback()
  }
  promise.then(settled, settled)
  return callbacks
}
