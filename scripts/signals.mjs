import { constants } from 'node:os'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP']

/**
 * Ends this process when its parent shell ends. npm sends a signal only to that shell, and some shells (Debian's) end
 * without passing it to their child.
 */
export function endWithParent() {
  const parent = process.ppid
  const watch = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(watch)
    process.kill(process.pid, 'SIGTERM')
  }, 250)
  watch.unref()
}

/**
 * Passes this process's signals to a `detached` child and all processes below it. The returned function stops that and
 * returns the exit code for the signal that came, or 0.
 */
export function handSignalsOn(child) {
  let code = 0
  const hand = (signal) => {
    code = 128 + constants.signals[signal]
    try {
      if (process.platform === 'win32') child.kill(signal)
      else process.kill(-child.pid, signal)
    } catch (error) {
      // The processes have already ended.
      if (error.code !== 'ESRCH') throw error
    }
  }
  for (const signal of SIGNALS) process.on(signal, hand)
  return () => {
    for (const signal of SIGNALS) process.off(signal, hand)
    return code
  }
}
