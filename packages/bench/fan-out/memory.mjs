import { readFileSync, writeFileSync } from 'node:fs'

/** Has the kernel count the process's peak from now on. */
export function resetPeakMemory() {
  writeFileSync('/proc/self/clear_refs', '5')
}

/** The most memory that the process has had resident since, in bytes. */
export function peakMemory() {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024
}
