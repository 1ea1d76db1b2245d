import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ROOT } from './blocks.ts'
import { contractPage, sentences } from './contract-page.ts'

/** The ids of sentences at the beginning of a test's title. */
const TITLES = /\b(?:test|it|describe)(?:\.\w+)*(?:\(\s*|\([^'"`]*\)\()(['"`])((?:[A-Z]\d+ )+)/g

/** The ids in the titles of the tests in these sources. */
function idsIn(source: string): Set<string> {
  return new Set([...source.matchAll(TITLES)].flatMap(([, , ids]) => (ids as string).trim().split(' ')))
}

function testSources(): { path: string; ids: Set<string> }[] {
  return ['packages', 'docs/test'].flatMap((folder) =>
    readdirSync(`${ROOT}/${folder}`, { recursive: true, encoding: 'utf8' })
      .filter((path) => /(^|\/)(test|runtimes|support)\/.*\.ts$|^[^/]+\.test\.ts$/.test(path) && !path.includes('node_modules'))
      .map((path) => ({ path: `${folder}/${path}`, ids: idsIn(readFileSync(`${ROOT}/${folder}/${path}`, 'utf8')) })),
  )
}

const sources = testSources()

test('docs/contract.md is the page that `npm run contract` writes', async () => {
  await expect(contractPage()).toMatchFileSnapshot(`${ROOT}/docs/contract.md`)
})

test('each sentence of the contract has its own id, a source, and a proof', () => {
  const ids = sentences.map(({ id }) => id)
  expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([])
  expect(sentences.filter(({ source, text }) => source === '' || text === '')).toEqual([])
  expect(sentences.filter(({ cases, provedIn }) => Object.keys(cases).length === 0 && provedIn.length === 0).map(({ id }) => id)).toEqual([])
  const also = sentences.flatMap(({ cases }) => Object.values(cases).flatMap(({ also = [] }) => also))
  expect(also.filter((id) => !ids.includes(id))).toEqual([])
})

test.each(sentences.flatMap(({ id, provedIn }) => provedIn.map((path) => ({ id, path }))))('$id is proved in $path', ({ id, path }) => {
  expect(sources.find((source) => source.path === path)?.ids).toContain(id)
})

test('each id in the title of a test is the id of a sentence', () => {
  const known = new Set(sentences.map(({ id }) => id))
  const unknown = sources.flatMap(({ path, ids }) => [...ids].filter((id) => !known.has(id)).map((id) => `${path}: ${id}`))
  expect(unknown).toEqual([])
  expect(sources.filter(({ ids }) => ids.size > 0).length).toBeGreaterThan(20)
})
