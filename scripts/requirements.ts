import { accessSync, constants } from 'node:fs'
import { describe } from 'vitest'

/** The paths at which Debian installs the programs that suites need. */
export const BINARIES = {
  chromium: '/usr/bin/chromium',
  nginx: '/usr/sbin/nginx',
  haproxy: '/usr/sbin/haproxy',
  'redis-server': '/usr/bin/redis-server',
  prometheus: '/usr/bin/prometheus',
} as const

type Binary = keyof typeof BINARIES
type Describe = typeof describe | typeof describe.skip

// Used by tests of a proxy's own limits. CI may lack them.
const OPTIONAL: readonly Binary[] = ['haproxy']

/**
 * `describe` when the binaries are installed. When one is missing, it throws in CI, where a skipped suite would pass
 * unseen. Elsewhere it is `describe.skip`, with a line that says what to install. Call it once in a file.
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
