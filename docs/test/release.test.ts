import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path/posix'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { publishedPackages } from '../../scripts/packages.mjs'
import { ROOT } from './blocks.ts'

const folders = publishedPackages()
  .map(({ folder }) => `packages/${folder}`)
  .filter((folder) => existsSync(`${ROOT}/${folder}/README.md`))

let copy: string

/** A repository with the manifests, the READMEs and the targets of their links. */
beforeEach(() => {
  copy = mkdtempSync(`${tmpdir()}/tidings-release-`)
  const targets = folders.flatMap((folder) => relativeLinks(`${folder}/README.md`).map((target) => join(folder, target.split('#')[0] ?? '')))
  const files = folders.flatMap((folder) => [`${folder}/package.json`, `${folder}/README.md`])
  for (const path of ['scripts', ...files, ...targets]) {
    if (path !== 'scripts' && isDirectory(path)) mkdirSync(`${copy}/${path}`, { recursive: true })
    else cpSync(`${ROOT}/${path}`, `${copy}/${path}`, { recursive: true })
  }
})
afterEach(() => rmSync(copy, { recursive: true }))

const isDirectory = (path: string): boolean => statSync(`${ROOT}/${path}`).isDirectory()
const read = (path: string): string => readFileSync(path, 'utf8')
const linksOf = (path: string): string[] => [...read(path).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target)
const relativeLinks = (page: string): string[] => linksOf(`${ROOT}/${page}`).filter((target) => !/^([a-z]+:|#)/.test(target))

function nameRepository(environment: Record<string, string>): void {
  const { GITHUB_REPOSITORY: _, GITHUB_SERVER_URL: __, ...others } = process.env
  execFileSync(process.execPath, [`${copy}/scripts/name-repository.mjs`], { env: { ...others, ...environment } })
}

test('the release names the repository in each package.json', () => {
  nameRepository({ GITHUB_REPOSITORY: 'owner/name' })
  for (const folder of folders) {
    const { repository, homepage } = JSON.parse(read(`${copy}/${folder}/package.json`))
    expect(repository).toEqual({ type: 'git', url: 'git+https://github.com/owner/name.git', directory: folder })
    expect(homepage).toBe(`https://github.com/owner/name/tree/HEAD/${folder}#readme`)
  }
})

test.each(folders)('the release makes the relative links of %s/README.md absolute, and changes nothing else in it', (folder) => {
  const page = `${folder}/README.md`
  nameRepository({ GITHUB_REPOSITORY: 'owner/name', GITHUB_SERVER_URL: 'https://example.com' })
  let expected = read(`${ROOT}/${page}`)
  for (const target of relativeLinks(page)) {
    const kind = isDirectory(join(folder, target.split('#')[0] ?? '')) ? 'tree' : 'blob'
    expected = expected.replace(`](${target})`, `](https://example.com/owner/name/${kind}/HEAD/${join(folder, target)})`)
  }
  expect(read(`${copy}/${page}`)).toBe(expected)
  expect(expected).toContain('(https://example.com/owner/name/blob/HEAD/docs/')
})

test('without a repository the release changes nothing', () => {
  nameRepository({})
  for (const folder of folders) {
    for (const file of ['package.json', 'README.md']) expect(read(`${copy}/${folder}/${file}`)).toBe(read(`${ROOT}/${folder}/${file}`))
  }
})
