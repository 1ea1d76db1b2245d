import { readFileSync, writeFileSync } from 'node:fs'

/** Resets the kernel's record of this process's peak memory. */
export function resetPeakMemory() {
  writeFileSync('/proc/self/clear_refs', '5')
}

/** The largest resident memory of this process since the reset, in bytes. */
export function peakMemory() {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024
}
