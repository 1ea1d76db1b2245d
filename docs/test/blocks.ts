import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { publishedPackages } from '../../scripts/packages.mjs'

/** The repository's root. */
export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url))

/** A fenced block of a page, with the instruction in the HTML comment on the line before it. */
export interface Block {
  /** The page's path from the root. */
  page: string
  /** The line of the page on which the code begins. */
  line: number
  language: string
  code: string
  /** `<!-- run: GET /clock -->`: a whole program, and a request that its server answers with an event stream. */
  run: { method: string; path: string; body: string | undefined } | undefined
  /** `<!-- recipe: chat -->`: a whole program or page, and the name by which its test finds it. */
  recipe: string | undefined
  /** `<!-- context: express -->`: a fragment, and the name of its context. */
  context: string | undefined
  /** `<!-- before: better-sse -->`: code of another library, which is not checked. */
  before: string | undefined
  /** `<!-- example: relay/relay.js -->`: a whole file of an example. */
  example: string | undefined
  /** `<!-- not checked: why -->`. */
  notChecked: string | undefined
}

/** The paths from the root of all pages that are written by hand. */
export function pages(): string[] {
  const packages = publishedPackages().map(({ folder }) => `packages/${folder}/README.md`)
  const docs = readdirSync(`${ROOT}/docs`).filter((name) => name.endsWith('.md'))
  const decisions = readdirSync(`${ROOT}/docs/decisions`).filter((name) => name.endsWith('.md'))
  // A new package may have no README yet. The package checks fail if a published one has none.
  return ['README.md', ...packages, ...docs.map((name) => `docs/${name}`), ...decisions.map((name) => `docs/decisions/${name}`)].filter((page) =>
    existsSync(`${ROOT}/${page}`),
  )
}

/** The paths from the root of all Markdown files of the repository. */
export function markdownFiles(folder = ''): string[] {
  return readdirSync(`${ROOT}/${folder}`, { withFileTypes: true })
    .filter(({ name }) => !['.git', '.turbo', 'dist', 'node_modules'].includes(name))
    .flatMap((entry) => (entry.isDirectory() ? markdownFiles(`${folder}${entry.name}/`) : `${folder}${entry.name}`))
    .filter((path) => path.endsWith('.md'))
}

/** The examples in the docstrings of the packages, each as a block of its source. */
export function examplesInDocstrings(): Block[] {
  const sources = publishedPackages().flatMap(({ folder, path }) =>
    readdirSync(`${path}/src`, { recursive: true, encoding: 'utf8' }).map((file) => `packages/${folder}/src/${file}`),
  )
  return sources.filter((file) => file.endsWith('.ts')).flatMap(examplesOf)
}

function examplesOf(source: string): Block[] {
  const lines = readPage(source).split('\n')
  return [...lines.entries()]
    .filter(([, line]) => line.endsWith('* @example'))
    .map(([index]) => {
      const rest = lines.slice(index + 1)
      const end = rest.findIndex((line) => /^\s*\*(\/| @)/.test(line))
      const code = rest.slice(0, end).map((line) => `${line.replace(/^\s*\* ?/, '')}\n`)
      return {
        page: source,
        line: index + 2,
        language: 'ts',
        code: code.join(''),
        run: undefined,
        recipe: undefined,
        context: undefined,
        before: undefined,
        example: undefined,
        notChecked: undefined,
      }
    })
}

export function readPage(page: string): string {
  return readFileSync(`${ROOT}/${page}`, 'utf8')
}

export function blocksOf(page: string): Block[] {
  const blocks: Block[] = []
  const lines = readPage(page).split('\n')
  let open: Block | undefined
  for (const [index, line] of lines.entries()) {
    if (open && line === '```') {
      blocks.push(open)
      open = undefined
    } else if (open) {
      open.code += `${line}\n`
    } else if (line.startsWith('```')) {
      open = { page, line: index + 2, language: line.slice(3), code: '', ...instructionsIn(lines[index - 1] ?? '') }
    }
  }
  if (open) throw new Error(`${page}:${open.line} has a block without an end`)
  return blocks
}

/** The blocks between a heading and the next one. */
export function blocksUnder(page: string, heading: string): Block[] {
  const lines = readPage(page).split('\n')
  const begin = lines.indexOf(heading)
  if (begin === -1) throw new Error(`${page} has no ${heading}`)
  const blocks = blocksOf(page).filter(({ line }) => line > begin)
  // A comment in a block of shell commands looks like a heading.
  const end = lines.findIndex((line, index) => index > begin && /^#+ /.test(line) && !blocks.some((block) => isIn(block, index)))
  return blocks.filter(({ line }) => end === -1 || line <= end)
}

function isIn({ line, code }: Block, index: number): boolean {
  return index + 1 >= line && index + 1 < line + code.split('\n').length
}

/** The rows of the table under a heading, each as its cells, without the head of the table. */
export function rowsUnder(page: string, heading: string): string[][] {
  return tablesUnder(page, heading).flat().slice(2)
}

/** The tables under a heading, each with all of its rows, and each row as its cells. */
export function tablesUnder(page: string, heading: string): string[][][] {
  const [, section] = readPage(page).split(`\n${heading}\n`)
  if (section === undefined) throw new Error(`${page} has no ${heading}`)
  const tables = (section.split(/\n#+ /)[0] ?? '').split('\n\n').map((part) => part.split('\n').filter((line) => line.startsWith('|')))
  return tables.filter((rows) => rows.length > 0).map((rows) => rows.map(cellsOf))
}

function cellsOf(row: string): string[] {
  return row
    .slice(1, -1)
    .split('|')
    .map((cell) => cell.trim())
}

function instructionsIn(line: string): Pick<Block, 'run' | 'recipe' | 'context' | 'before' | 'example' | 'notChecked'> {
  const [, key, value = ''] = /^<!-- ([a-z ]+): (.+) -->$/.exec(line) ?? []
  const [, method = '', path = '', body] = /^(\S+) (\S+)(?: (.+))?$/.exec(value) ?? []
  return {
    run: key === 'run' ? { method, path, body } : undefined,
    recipe: key === 'recipe' ? value : undefined,
    context: key === 'context' ? value : undefined,
    before: key === 'before' ? value : undefined,
    example: key === 'example' ? value : undefined,
    notChecked: key === 'not checked' ? value : undefined,
  }
}
