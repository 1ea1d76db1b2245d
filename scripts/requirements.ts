import { accessSync, constants } from 'node:fs'
import { describe } from 'vitest'

/** Where Debian installs what the suites need. */
export const BINARIES = {
  chromium: '/usr/bin/chromium',
  nginx: '/usr/sbin/nginx',
  haproxy: '/usr/sbin/haproxy',
  'redis-server': '/usr/bin/redis-server',
  prometheus: '/usr/bin/prometheus',
} as const

type Binary = keyof typeof BINARIES
type Describe = typeof describe | typeof describe.skip

// What a limit of the proxy's own is shown with. CI may do without.
const OPTIONAL: readonly Binary[] = ['haproxy']

/**
 * `describe` where the binaries are installed. Where one is missing: an error in CI, whose green must mean something,
 * and elsewhere `describe.skip` with a line that says what to install. Call it once in a file.
 */
export function describeWith(...needed: Binary[]): Describe {
  const missing = needed.filter((binary) => !installed(BINARIES[binary]))
  if (missing.length === 0) return describe
  const text = `needs ${missing.map((binary) => BINARIES[binary]).join(' and ')}: apt-get install ${missing.join(' ')}`
  if (process.env['CI'] && !missing.every((binary) => OPTIONAL.includes(binary))) throw new Error(`This suite ${text}`)
  process.stderr.write(`SKIPPED, since it ${text}\n`)
  return describe.skip
}

function installed(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
