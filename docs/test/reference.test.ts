import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ROOT } from './blocks.ts'
import { newDirectory } from './program.ts'

/** What users import: each entry of each package, package.json itself apart. */
const entries = readdirSync(`${ROOT}/packages`).flatMap((folder) => {
  const { name, exports } = JSON.parse(readFileSync(`${ROOT}/packages/${folder}/package.json`, 'utf8')) as { name: string; exports: object }
  return Object.keys(exports)
    .filter((entry) => entry !== './package.json')
    .map((entry) => name + entry.slice(1))
})

test('the reference has every entry, and every name that one exports has a docstring', { timeout: 120_000 }, () => {
  const directory = newDirectory('reference')
  try {
    const file = `${directory}/reference.json`
    const typedoc = `${ROOT}/reference/node_modules/typedoc/bin/typedoc`
    const args = [typedoc, '--json', file, '--pretty', 'false', '--logLevel', 'Warn']
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { cwd: `${ROOT}/reference`, encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } })
    expect(stdout + stderr).toBe('')
    expect(status).toBe(0)
    const { children } = JSON.parse(readFileSync(file, 'utf8')) as { children: { name: string }[] }
    expect(entries.length).toBeGreaterThan(8)
    expect(children.map(({ name }) => name).sort()).toEqual(entries.sort())
  } finally {
    rmSync(directory, { recursive: true })
  }
})
