import { readdirSync, readFileSync } from 'node:fs'
import { builtinModules, createRequire } from 'node:module'
import { dirname, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const SOURCES = fileURLToPath(new URL('../src/', import.meta.url))
const ENTRIES = ['index.ts', 'web.ts', 'node.ts', 'adapter.ts', 'internal.ts']
// `import … from`, `export … from`, also of types alone: declarations that need Node's types do not compile at the
// edge either.
const STATIC_IMPORT = /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]/gm
const OTHER_IMPORT = /\b(?:require|import)\(\s*['"]([^'"]+)['"]\s*\)/g

/** A source without its comments, in which anything may stand. */
function codeOf(file: string): string {
  return readFileSync(file, 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '')
}

function importsOf(file: string): string[] {
  const code = codeOf(file)
  return [...code.matchAll(STATIC_IMPORT), ...code.matchAll(OTHER_IMPORT)].map((match) => match[1] ?? match[2] ?? '')
}

/** Every module that an entry reaches, in its own package and in those that it depends on. */
function reachedFrom(entry: string): { files: string[]; builtins: string[] } {
  const files = new Set<string>()
  const builtins = new Set<string>()
  const visit = (file: string): void => {
    if (files.has(file)) return
    files.add(file)
    for (const name of importsOf(file)) {
      if (name.startsWith('node:') || builtinModules.includes(name)) builtins.add(name)
      else if (file.endsWith('.ts') && name.startsWith('.')) visit(resolve(dirname(file), name))
      else visit(createRequire(file).resolve(name))
    }
  }
  visit(resolve(SOURCES, entry))
  return { files: [...files], builtins: [...builtins] }
}

const own = (files: string[]) => files.filter((file) => file.startsWith(SOURCES)).map((file) => relative(SOURCES, file))

describe('the imports of an entry', () => {
  test.each(['index.ts', 'web.ts'])('%s reaches no module of Node', (entry) => {
    const { files, builtins } = reachedFrom(entry)
    expect(own(files)).toContain('lib/message/message.ts')
    expect(own(files).length).toBeGreaterThan(4)
    expect(builtins).toEqual([])
  })

  test.each(['index.ts', 'web.ts'])('%s reaches nothing that names a global of Node', (entry) => {
    for (const file of own(reachedFrom(entry).files)) {
      expect(codeOf(resolve(SOURCES, file)), file).not.toMatch(/\b(?:Buffer|process|setImmediate|__dirname|global)\b[.(]/)
    }
  })

  test('node.ts does, so that this test would see it', () => {
    expect(reachedFrom('node.ts').builtins).toContain('node:http2')
    expect(own(reachedFrom('adapter.ts').files)).toContain('lib/transport/node-sink.ts')
  })

  test.each(ENTRIES)('%s reaches only packages that package.json names, and no framework', (entry) => {
    const { dependencies } = JSON.parse(readFileSync(resolve(SOURCES, '../package.json'), 'utf8')) as { dependencies: Record<string, string> }
    const direct = own(reachedFrom(entry).files)
      .flatMap((file) => importsOf(resolve(SOURCES, file)))
      .filter((name) => !name.startsWith('.') && !name.startsWith('node:'))
    for (const name of direct) expect(Object.keys(dependencies)).toContain(name)
    expect(Object.keys(dependencies).filter((name) => ['express', 'koa', 'hono'].includes(name))).toEqual([])
  })
})

/**
 * Which folders of `lib/` the files of a folder may import. Files that stand bare in `lib/` are free to all, and
 * import no folder.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  '': [],
  message: [],
  stream: ['message'],
  transport: ['message', 'stream'],
  log: ['message'],
  'engine-log': ['message', 'log'],
  delivery: ['message', 'stream', 'log'],
  channel: ['message', 'stream', 'log', 'delivery'],
}

describe('the imports of a folder', () => {
  const files = readdirSync(resolve(SOURCES, 'lib'), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
  const folderOf = (file: string) => file.split('/').slice(0, -1).join('/')

  test('there is a rule for each folder', () => {
    expect([...new Set(files.map(folderOf))].sort()).toEqual(Object.keys(MAY_IMPORT).sort())
  })

  test.each(files)('%s imports downwards only', (file) => {
    const here = resolve(SOURCES, 'lib', file)
    const folders = importsOf(here)
      .filter((name) => name.startsWith('.'))
      .map((name) => folderOf(relative(resolve(SOURCES, 'lib'), resolve(dirname(here), name))))
    for (const folder of folders) expect(['', folderOf(file), ...(MAY_IMPORT[folderOf(file)] ?? [])]).toContain(folder)
  })
})

describe('the exports of an entry', () => {
  /** Each exported name with the file that declares it. */
  function exportsOf(entry: string): Array<{ name: string; file: string }> {
    const file = resolve(SOURCES, entry)
    const code = codeOf(file)
    const imported = new Map<string, string>()
    const namesIn = (list: string) =>
      list
        .split(',')
        .map((name) => name.trim().replace(/^type\s+/, ''))
        .filter(Boolean)
    for (const [, list = '', from = ''] of code.matchAll(/^import\s+(?:type\s+)?\{([^}]*)\}\s*from\s*'([^']+)'/gm))
      for (const name of namesIn(list)) imported.set(name, resolve(SOURCES, from))
    const found: Array<{ name: string; file: string }> = []
    for (const [, list = '', from] of code.matchAll(/^export\s+(?:type\s+)?\{([^}]*)\}(?:\s*from\s*'([^']+)')?/gm))
      for (const name of namesIn(list)) found.push({ name, file: from ? resolve(SOURCES, from) : (imported.get(name) ?? file) })
    for (const [, name = ''] of code.matchAll(/^export\s+(?:async\s+)?(?:function|class|const|interface|type)\s+(\w+)/gm)) found.push({ name, file })
    return found
  }

  test.each(ENTRIES)('%s names each export', (entry) => {
    expect(exportsOf(entry).length).toBeGreaterThan(1)
    expect(codeOf(resolve(SOURCES, entry))).not.toMatch(/export\s*\*|export\s+default/)
  })

  test.each(ENTRIES.flatMap((entry) => exportsOf(entry).map(({ name, file }) => [entry, name, file] as const)))('%s: %s has a docstring', (_, name, file) => {
    const source = readFileSync(file, 'utf8')
    const at = source.search(new RegExp(`^export (?:async )?(?:function|class|const|interface|type) ${name}\\b`, 'm'))
    expect(at, `${name} is declared in ${relative(SOURCES, file)}`).toBeGreaterThan(-1)
    expect(source.slice(0, at).trimEnd().endsWith('*/'), `${name} has a docstring`).toBe(true)
  })
})
