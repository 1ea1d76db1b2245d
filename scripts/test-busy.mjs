// `npm run test:busy` runs the suites of sentences that name a time, while busy loops use all processors.
// `npm run test:busy -- verify` runs another script of package.json in the same way.
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { endWithParent } from './signals.mjs'
import { withPnpm } from './with-pnpm.mjs'

const LOOP = fileURLToPath(new URL('busy-loop.mjs', import.meta.url))

endWithParent()
const [script = 'test:timed', ...rest] = process.argv.slice(2)
const loops = Array.from({ length: availableParallelism() }, () => spawn(process.execPath, [LOOP], { stdio: 'ignore' }))
try {
  process.exitCode = await withPnpm(script, ...rest)
} finally {
  for (const loop of loops) loop.kill('SIGKILL')
}
