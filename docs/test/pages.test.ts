import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { pages, ROOT, readPage, rowsUnder } from './blocks.ts'

/** The quoted words of a declaration in a source of core. */
function wordsOf(file: string, begin: string, end: string): string[] {
  const source = readFileSync(`${ROOT}/packages/core/src/lib/${file}`, 'utf8')
  const start = source.indexOf(begin)
  expect(start, `${file} has ${begin}`).toBeGreaterThan(-1)
  const declaration = source.slice(start + begin.length, source.indexOf(end, start)).replace(/\/\*[\s\S]*?\*\//g, '')
  return [...declaration.matchAll(/'([^']+)'/g)].map(([, word]) => word as string)
}

/** What the first cells of a table name. */
function namesUnder(page: string, heading: string): string[] {
  return rowsUnder(page, heading).map(([cell]) => /^`(\w+)/.exec(cell as string)?.[1] ?? `${page} names nothing in ${cell}`)
}

test('the README has one row for each option', () => {
  const names = wordsOf('options.ts', 'const NAMES = [', ']')
  expect(names.length).toBeGreaterThan(5)
  expect(namesUnder('README.md', '## Options').sort()).toEqual(names.sort())
})

test('the README tells the defaults that the sources tell', () => {
  const source = readFileSync(`${ROOT}/packages/core/src/lib/options.ts`, 'utf8')
  const told = [...source.matchAll(/@default (.+)\n\s+\*\/\n\s+(\w+)\?:/g)].map(([, value, name]) => [name, value])
  expect(told.length).toBeGreaterThan(5)
  const rows = new Map(rowsUnder('README.md', '## Options').map(([name, , value]) => [name?.replaceAll('`', ''), value?.replaceAll('`', '')]))
  expect(told.map(([name]) => [name, rows.get(name)])).toEqual(told)
})

test('the README has one row for each member of a stream', () => {
  const source = readFileSync(`${ROOT}/packages/core/src/lib/event-stream.ts`, 'utf8')
  const [, body = ''] = /export interface EventStream[^{]*\{\n([\s\S]*?)\n\}/.exec(source) ?? []
  const members = new Set([...body.matchAll(/^ {2}(?:readonly )?(\w+)[(:<]/gm)].map(([, name]) => name as string))
  expect(members.size).toBeGreaterThan(5)
  expect(namesUnder('README.md', '## The stream').sort()).toEqual([...members].sort())
})

test('docs/errors.md has one row for each code', () => {
  const codes = wordsOf('errors.ts', 'export type ErrorCode =', '\n\n')
  expect(codes.length).toBeGreaterThan(5)
  expect(namesUnder('docs/errors.md', '## Codes').sort()).toEqual(codes.sort())
})

test('docs/errors.md has one row for each reason', () => {
  const reasons = wordsOf('errors.ts', 'export type CloseReason =', '\n\n')
  expect(reasons.length).toBeGreaterThan(5)
  expect(namesUnder('docs/errors.md', '## Close reasons').sort()).toEqual(reasons.sort())
})

test.each(pages().filter((page) => existsSync(`${ROOT}/${page}`)))('every link of %s that stays in the repository leads somewhere', (page) => {
  const text = readPage(page).replace(/```[\s\S]*?```/g, '')
  const broken = [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target as string)
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => !leadsSomewhere(page, target))
  expect(broken).toEqual([])
})

function leadsSomewhere(page: string, target: string): boolean {
  const [path = '', anchor] = target.split('#')
  const file = path === '' ? page : join(dirname(page), path)
  if (!existsSync(`${ROOT}/${file}`)) return false
  if (anchor === undefined) return true
  return statSync(`${ROOT}/${file}`).isFile() && anchorsOf(file).includes(anchor)
}

/** As GitHub makes them of headings. */
function anchorsOf(page: string): string[] {
  const headings = readPage(page)
    .replace(/```[\s\S]*?```/g, '')
    .matchAll(/^#+ (.+)$/gm)
  return [...headings].map(([, heading]) =>
    (heading as string)
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
}
