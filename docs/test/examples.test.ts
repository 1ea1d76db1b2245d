import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname } from 'node:path'
import { expect, test } from 'vitest'
import { blocksOf } from './blocks.ts'
import { newDirectory } from './program.ts'

/** The report of vitest on one file. */
interface Result {
  name: string
  status: string
  message: string
  assertionResults: Array<{ fullName: string; status: string }>
}

const vitest = `${dirname(createRequire(import.meta.url).resolve('vitest/package.json'))}/vitest.mjs`
// One sentence of the contract shows that the page's adapter runs it. The adapters of the packages run all of it.
const PART = ' W4/|the clock ticks|a client that reconnects'
const files = ['docs/testing.md', 'docs/express.md', 'docs/koa.md', 'docs/hono.md']
  .flatMap(blocksOf)
  .filter(({ language, code }) => language === 'ts' && /from 'vitest'|describeAdapter\(/.test(code))

test('every test file in the pages passes', { timeout: 600_000 }, () => {
  expect(files.length).toBeGreaterThan(5)
  const directory = newDirectory('examples')
  try {
    // In the folder of tests that this package's configuration names.
    mkdirSync(`${directory}/test`)
    for (const { page, line, code } of files) writeFileSync(`${directory}/test/${basename(page)}-${line}.test.ts`, code)
    const { stdout, status } = spawnSync(process.execPath, [vitest, 'run', '--root', directory, '--reporter', 'json', '--testNamePattern', PART], {
      encoding: 'utf8',
      cwd: directory,
    })
    const { testResults } = JSON.parse(stdout) as { testResults: Result[] }
    expect(testResults.map(({ message }) => message).filter((message) => message !== '')).toEqual([])
    const failed = testResults.flatMap(({ assertionResults }) => assertionResults.filter((each) => each.status === 'failed'))
    expect(failed).toEqual([])
    expect(testResults.filter(({ assertionResults }) => assertionResults.some(({ status }) => status === 'passed'))).toHaveLength(files.length)
    expect(status).toBe(0)
  } finally {
    rmSync(directory, { recursive: true })
  }
})
