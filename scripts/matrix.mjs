// `npm run matrix` runs the contract on every supported runtime, `npm run matrix -- node24 bun` on some of them. Each
// runtime is installed from npm, outside of this repository.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { judge } from './matrix/judge.mjs'
import { limitsOf } from './matrix/limits.mjs'
import { runSuite } from './matrix/run-suite.mjs'
import { installed, named } from './matrix/runtimes.mjs'
import { suitesOf } from './matrix/suites.mjs'
import { endWithParent } from './signals.mjs'
import { withPnpm } from './with-pnpm.mjs'

const PAGE = 'docs/runtimes.md'

endWithParent()
const chosen = named(process.argv.slice(2))
const built = await withPnpm('build', '--output-logs=errors-only')
if (built !== 0) process.exit(built)

const page = readFileSync(fileURLToPath(new URL(`../${PAGE}`, import.meta.url)), 'utf8')
let sound = true
const fail = (text) => {
  sound = false
  console.log(text)
}

for (const each of chosen) {
  const runtime = installed(each)
  if (!page.includes(runtime.version)) fail(`FAIL  ${PAGE} does not name ${runtime.name} ${runtime.version}`)
  for (const suite of suitesOf(runtime.name)) {
    const limits = limitsOf(runtime.name, suite.suite)
    const began = performance.now()
    const { passed, ran, unrun, known, unexpected, lifted } = judge(await runSuite(runtime, suite), limits)
    const seconds = ((performance.now() - began) / 1000).toFixed(0)
    const isSound = ran > 0 && unrun === 0 && unexpected.length === 0 && lifted.length === 0
    const line = `${runtime.name} ${runtime.version}: ${suite.suite}: ${passed} of ${ran} passed${known.length > 0 ? `, ${known.length} known limits` : ''} (${seconds} s)`
    if (isSound) console.log(`${known.length > 0 ? 'known' : 'ok   '} ${line}`)
    else fail(`FAIL  ${line}`)
    if (unrun > 0) fail(`        ${unrun} tests did not run`)
    for (const { name, failure } of unexpected) fail(`        ${name}\n${failure.split('\n').slice(0, 6).join('\n').replace(/^/gm, '          ')}`)
    for (const { test } of lifted) fail(`        ${test}\n          passes now, and is still named as a limit`)
    for (const { limit } of limits) if (!page.includes(`| \`${limit}\` |`)) fail(`        ${PAGE} has no row for ${limit}`)
  }
}
if (!sound) process.exitCode = 1
