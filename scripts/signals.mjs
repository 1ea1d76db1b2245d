import { constants } from 'node:os'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP']

/**
 * Ends this process with the shell that it was started in: npm hands a signal on to that shell alone, and some shells
 * (Debian's) die of it without telling their child.
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
 * Hands this process's signals on to a child and everything below it, for which it has to be `detached`. The function
 * that comes back stops that, and tells the exit code of the signal that came, 0 for none.
 */
export function handSignalsOn(child) {
  let code = 0
  const hand = (signal) => {
    code = 128 + constants.signals[signal]
    try {
      if (process.platform === 'win32') child.kill(signal)
      else process.kill(-child.pid, signal)
    } catch (error) {
      // All of it has ended already.
      if (error.code !== 'ESRCH') throw error
    }
  }
  for (const signal of SIGNALS) process.on(signal, hand)
  return () => {
    for (const signal of SIGNALS) process.off(signal, hand)
    return code
  }
}
