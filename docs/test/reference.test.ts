import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { expect, test } from 'vitest'
import { publishedPackages } from '../../scripts/packages.mjs'
import { ROOT } from './blocks.ts'
import { newDirectory } from './program.ts'

/** The entries that users import: all entries of all packages except package.json. */
const entries = publishedPackages().flatMap(({ name, manifest }) =>
  Object.keys(manifest.exports)
    .filter((entry) => entry !== './package.json')
    .map((entry) => name + entry.slice(1)),
)

test('the reference has every entry, and every exported name has a docstring', { timeout: 600_000 }, () => {
  const directory = newDirectory('reference')
  try {
    const file = `${directory}/reference.json`
    const typedoc = `${ROOT}/docs/reference/node_modules/typedoc/bin/typedoc`
    const args = [typedoc, '--json', file, '--pretty', 'false', '--logLevel', 'Warn']
    const { stdout, stderr, status } = spawnSync(process.execPath, args, {
      cwd: `${ROOT}/docs/reference`,
      encoding: 'utf8',
      env: { ...process.env, NO_COLOR: '1' },
    })
    expect(stdout + stderr).toBe('')
    expect(status).toBe(0)
    const { children } = JSON.parse(readFileSync(file, 'utf8')) as { children: { name: string }[] }
    expect(entries.length).toBeGreaterThan(8)
    expect(children.map(({ name }) => name).sort()).toEqual(entries.sort())
  } finally {
    rmSync(directory, { recursive: true })
  }
})
