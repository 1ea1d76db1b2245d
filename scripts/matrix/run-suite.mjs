import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
// Milliseconds. The slowest suite takes three minutes on two busy processors.
const LONGEST = 600_000

/**
 * Runs one suite for a runtime. Resolves to its tests from vitest's report, each with its name, status and first
 * failure.
 */
export async function runSuite({ executable, before }, { folder, file, server }) {
  const work = mkdtempSync(join(tmpdir(), 'tidings-matrix-'))
  const report = join(work, 'report.json')
  const vitest = [join(root, folder, 'node_modules/vitest/vitest.mjs'), 'run', file, '--reporter=json', `--outputFile=${report}`]
  // The tests of a server run on this Node, and read it from outside. The other suites run in the runtime itself.
  const [program, args] = server ? [process.execPath, vitest] : [executable, [...before, ...vitest]]
  // The limits are known for whole counts only.
  const env = { ...process.env, TIDINGS_FULL: '1', ...(server ? { TIDINGS_SERVER: server, TIDINGS_RUNTIME: executable } : {}) }
  try {
    const child = spawn(program, args, { cwd: join(root, folder), env, stdio: ['ignore', 'pipe', 'pipe'], timeout: LONGEST, killSignal: 'SIGKILL' })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output = (output + text).slice(-4_000)
      })
    }
    const [code, signal] = await once(child, 'close')
    const tests = testsIn(report) ?? []
    // A failure outside of the tests shows in the exit code and the output, but not in the report.
    const isReported = tests.some(({ status }) => status === 'failed') && tests.every(({ status }) => status === 'failed' || status === 'passed')
    if (code !== 0 && !isReported) tests.push({ name: 'the suite', status: 'failed', failure: `ended with ${signal ?? code}\n${output}` })
    return tests
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function testsIn(report) {
  let text
  try {
    text = readFileSync(report, 'utf8')
  } catch {
    return
  }
  const files = JSON.parse(text).testResults
  // A file that failed before its first test has no tests, but says why.
  const broken = files.filter(({ status, assertionResults }) => status === 'failed' && !assertionResults.some((each) => each.status === 'failed'))
  return [
    ...files.flatMap(({ assertionResults }) =>
      assertionResults.map(({ fullName, status, failureMessages }) => ({ name: fullName, status, failure: failureMessages?.[0] ?? '' })),
    ),
    ...broken.map(({ message }) => ({ name: 'the suite', status: 'failed', failure: message || 'failed outside of its tests' })),
  ]
}
