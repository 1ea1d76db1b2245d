import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The repository's root. */
export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url))

/** A fenced block of a page, with what the HTML comment on the line before it says. */
export interface Block {
  /** The page's path from the root. */
  page: string
  /** The line of the page on which the code begins. */
  line: number
  language: string
  code: string
  /** `<!-- run: GET /clock -->`: a whole program, and a request that its server answers with an event stream. */
  run: { method: string; path: string; body: string | undefined } | undefined
  /** `<!-- context: express -->`: a fragment, and which of the contexts it stands in. */
  context: string | undefined
  /** `<!-- not checked: why -->`. */
  notChecked: string | undefined
}

/** Every page that is written by hand, by its path from the root. */
export function pages(): string[] {
  const packages = readdirSync(`${ROOT}/packages`).map((name) => `packages/${name}/README.md`)
  const docs = readdirSync(`${ROOT}/docs`).filter((name) => name.endsWith('.md'))
  const decisions = readdirSync(`${ROOT}/decisions`).filter((name) => name.endsWith('.md'))
  return ['README.md', ...packages, ...docs.map((name) => `docs/${name}`), ...decisions.map((name) => `decisions/${name}`)]
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

/** The tables under a heading, each row as its cells. Heads and rules are left out. */
export function rowsUnder(page: string, heading: string): string[][] {
  const [, section] = readPage(page).split(`\n${heading}\n`)
  if (section === undefined) throw new Error(`${page} has no ${heading}`)
  const rows = (section.split(/\n#+ /)[0] ?? '').split('\n').filter((line) => line.startsWith('|'))
  return rows.slice(2).map((row) =>
    row
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  )
}

function instructionsIn(line: string): Pick<Block, 'run' | 'context' | 'notChecked'> {
  const [, key, value = ''] = /^<!-- ([a-z ]+): (.+) -->$/.exec(line) ?? []
  const [, method = '', path = '', body] = /^(\S+) (\S+)(?: (.+))?$/.exec(value) ?? []
  return {
    run: key === 'run' ? { method, path, body } : undefined,
    context: key === 'context' ? value : undefined,
    notChecked: key === 'not checked' ? value : undefined,
  }
}
