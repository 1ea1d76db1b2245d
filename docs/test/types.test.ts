import { spawnSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { type Block, blocksOf, examplesInDocstrings, pages, readPage } from './blocks.ts'
import { CONTEXTS } from './contexts.ts'
import { newDirectory } from './program.ts'

const LANGUAGES = ['js', 'ts', 'tsx']
const blocks = pages().flatMap(blocksOf)
const code = blocks.filter(({ language, before }) => LANGUAGES.includes(language) && before === undefined)
const directory = newDirectory('types')
afterAll(() => rmSync(directory, { recursive: true }))

test('every block has a language that this test knows', () => {
  const others = new Set(blocks.map(({ language }) => language).filter((language) => !LANGUAGES.includes(language)))
  expect([...others].sort()).toEqual(['caddyfile', 'haproxy', 'html', 'ini', 'nginx', 'sh', 'text', 'vcl', 'yaml'])
})

test('every block that is not checked says why, and only a few are not checked', () => {
  expect(code.filter(({ notChecked }) => notChecked).length).toBeLessThanOrEqual(2)
  for (const { context } of blocks) expect(context === undefined || context in CONTEXTS, `context: ${context}`).toBe(true)
})

test('code of other libraries is on one page, each block with the code that replaces it', () => {
  const befores = blocks.filter(({ before }) => before !== undefined)
  expect(befores.map(({ page }) => page)).toEqual(Array(6).fill('docs/migration.md'))
  const shown = code.filter(({ page }) => page === 'docs/migration.md')
  expect(shown).toHaveLength(befores.length)
  for (const [index, { line }] of befores.entries()) expect(shown[index]?.line).toBeGreaterThan(line)
})

test('a block with a file of an example is the same as the file', () => {
  const shown = blocks.filter(({ example }) => example !== undefined)
  expect(shown.length).toBeGreaterThan(0)
  for (const { example, code } of shown) expect(code).toBe(readPage(`examples/${example}`))
})

test('every block of code, and every example in a docstring, has the types that it needs', () => {
  const examples = examplesInDocstrings()
  expect(examples.length).toBeGreaterThan(10)
  const files = [...code.filter(({ notChecked }) => !notChecked), ...examples].map(write)
  writeFileSync(
    `${directory}/tsconfig.json`,
    JSON.stringify({
      compilerOptions: {
        target: 'es2022',
        lib: ['es2023', 'dom', 'dom.iterable', 'dom.asynciterable'],
        types: ['node'],
        module: 'nodenext',
        jsx: 'react-jsx',
        strict: true,
        // Programs are JavaScript, so their parameters have no types.
        noImplicitAny: false,
        skipLibCheck: true,
        noEmit: true,
        moduleDetection: 'force',
      },
      files,
    }),
  )
  const typescript = createRequire(import.meta.url).resolve('typescript/package.json')
  const { stdout, stderr } = spawnSync(process.execPath, [`${dirname(typescript)}/bin/tsc`, '-p', directory], { encoding: 'utf8', cwd: directory })
  expect(stdout + stderr).toBe('')
})

/** Names a block after its page, and keeps its line numbers, so that a compiler error names its place. */
function write(block: Block): string {
  const name = `${block.page.replaceAll('/', '_')}-${block.line}.${block.language === 'tsx' ? 'tsx' : 'mts'}`
  writeFileSync(`${directory}/${name}`, '\n'.repeat(block.line - 1) + (CONTEXTS[block.context ?? ''] ?? '') + block.code)
  return name
}
