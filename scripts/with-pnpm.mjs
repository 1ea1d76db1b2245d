// Runs a script of package.json under the pnpm that package.json names, so that `npm start` and `npm test` need Node
// and npm alone. After `--full`, tests run with whole counts, as in CI. Without it, they run with a tenth of them.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { endWithParent, handSignalsOn } from './signals.mjs'

/** Resolves to the exit code of the script. After a signal it is not 0. */
export async function withPnpm(...args) {
  const { packageManager } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  const windows = process.platform === 'win32'
  const child = spawn('npx', ['--yes', packageManager, 'run', ...args], {
    stdio: 'inherit',
    shell: windows,
    detached: !windows,
    // Turbo must not reuse the result of a test on another version of Node. Its telemetry is off, since users of this
    // repository have not agreed to it.
    env: { ...process.env, TIDINGS_NODE_VERSION: process.version, TURBO_TELEMETRY_DISABLED: '1' },
  })
  const stop = handSignalsOn(child)
  const [code] = await once(child, 'exit')
  return stop() || (code ?? 1)
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  endWithParent()
  const [first, ...rest] = process.argv.slice(2)
  if (first === '--full') process.env.TIDINGS_FULL = '1'
  process.exitCode = await withPnpm(...(first === '--full' ? rest : [first, ...rest]))
}
