import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { consumers } from '../../scripts/consumers.mjs'
import { allPackages, publishedPackages } from '../../scripts/packages.mjs'
import { ROOT } from './blocks.ts'

const read = (path: string): string => readFileSync(`${ROOT}/${path}`, 'utf8')
/** Parses JSON with comments on lines of their own. */
const json = (path: string): unknown => JSON.parse(read(path).replace(/^\s*\/\/.*$/gm, ''))

// The lists that name packages one by one. All other lists come from scripts/packages.mjs.
describe('a package that is published', () => {
  const published = publishedPackages()

  test('is built before package checks run: turbo.json', () => {
    const { tasks } = json('turbo.json') as { tasks: Record<string, { dependsOn?: string[] }> }
    expect(tasks['//#package-check']?.dependsOn?.toSorted()).toEqual(published.map(({ name }) => `${name}#build`).toSorted())
  })

  test('has a program that uses its tarball: scripts/consumers.mjs', () => {
    // The program of `@tidings/testing` is a test, consumers/testing.test.ts.
    const expected = published.map(({ folder }) => folder).filter((folder) => folder !== 'testing')
    expect([...new Set(consumers.map(({ tidings }) => tidings))].toSorted()).toEqual(expected.toSorted())
    for (const { source } of consumers) expect(existsSync(`${ROOT}/scripts/consumers/${source}`), source).toBe(true)
  })

  test('is listed in README.md', () => {
    const readme = read('README.md')
    expect(published.map(({ name }) => name).filter((name) => !readme.includes(`\`${name}\``))).toEqual([])
  })

  test('has the same version as all others, and private packages have none: .changeset/config.json', () => {
    const { fixed } = json('.changeset/config.json') as { fixed: string[][] }
    const others = ['docs', 'docs/reference'].map((folder) => (json(`${folder}/package.json`) as { name: string }).name)
    const hidden = [...allPackages().flatMap(({ name, manifest }) => (manifest.private ? [name] : [])), ...others]
    const names = hidden.map((name) => name.replace('@tidings/', '')).toSorted()
    expect(fixed).toEqual([['@tidings/*', `!@tidings/{${names.join()}}`]])
  })
})
