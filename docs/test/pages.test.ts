import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { metrics } from '@tidings/core'
import { instruments } from '@tidings/core/instruments'
import { expect, test } from 'vitest'
import { clients, type Limits } from '../../packages/tests/support/clients.ts'
import { markdownFiles, ROOT, readPage, rowsUnder } from './blocks.ts'

/** The quoted words of a declaration in a source of core. */
function wordsOf(file: string, begin: string, end: string): string[] {
  const source = readFileSync(`${ROOT}/packages/core/src/lib/${file}`, 'utf8')
  const start = source.indexOf(begin)
  expect(start, `${file} has ${begin}`).toBeGreaterThan(-1)
  const declaration = source.slice(start + begin.length, source.indexOf(end, start)).replace(/\/\*[\s\S]*?\*\//g, '')
  return [...declaration.matchAll(/'([^']+)'/g)].map(([, word]) => word as string)
}

/** The names in the first cells of a table. */
function namesUnder(page: string, heading: string): string[] {
  return rowsUnder(page, heading).map(([cell]) => /^`(\w+)/.exec(cell as string)?.[1] ?? `${page} names nothing in ${cell}`)
}

test('docs/observability.md has one row for each instrument, with the field that it reads', () => {
  const rows = rowsUnder('docs/observability.md', '## Numbers').map(([name, field, kind]) => ({ name, field, kind }))
  const kinds = { counter: 'counter', upDownCounter: 'up and down', gauge: 'gauge' }
  expect(rows.map(({ name, kind }) => [name, kind])).toEqual(instruments.map(({ name, kind }) => [`\`${name}\``, kinds[kind]]))
  const fields = Object.entries(metrics()).flatMap(([of, numbers]) => Object.keys(numbers).map((name) => `\`${of}.${name}\``))
  expect(rows.flatMap(({ field }) => field?.split(', ')).sort()).toEqual(fields.sort())
})

/** The options and members that have a table: its heading, and the interface in the sources of core or of `in`. */
const TABLES: readonly { page: string; heading: string; file: string; type: string; and?: string; in?: string }[] = [
  { page: 'docs/streams.md', heading: '## Options', file: 'stream/stream-options.ts', type: 'StreamOptions' },
  { page: 'docs/limits.md', heading: '## revalidate', file: 'stream/revalidation.ts', type: 'Revalidate' },
  { page: 'docs/streams.md', heading: '## The stream', file: 'stream/event-stream.ts', type: 'EventStream' },
  { page: 'docs/channels.md', heading: '### createChannel', file: 'channel/channel-options.ts', type: 'ChannelOptions' },
  { page: 'docs/channels.md', heading: '### history', file: 'log/history-bounds.ts', type: 'HistoryBounds' },
  { page: 'docs/scaling.md', heading: '## Options', file: 'engine-log/engine-log-options.ts', type: 'EngineLogOptions', and: 'redis/src/lib/redis-log.ts' },
  { page: 'docs/channels.md', heading: '### publish', file: 'channel/publish.ts', type: 'PublishOptions' },
  { page: 'docs/channels.md', heading: '### subscribe', file: 'channel/subscription.ts', type: 'SubscribeOptions' },
  { page: 'docs/channels.md', heading: '### messages', file: 'channel/read-messages.ts', type: 'MessagesOptions' },
  { page: 'docs/channels.md', heading: '### The channel', file: 'channel/channel.ts', type: 'Channel' },
  { page: 'docs/channels.md', heading: '### The subscription', file: 'channel/subscription.ts', type: 'Subscription' },
  { page: 'docs/client.md', heading: '## Options', in: 'client', file: 'options.ts', type: 'ConnectOptions' },
  { page: 'docs/client.md', heading: '## The connection', in: 'client', file: 'connect.ts', type: 'Connection' },
]

/** The body of an exported interface in a source, with the body of the interface that extends it, if any. */
function bodyOf(file: string, type: string, and?: string, folder = 'core'): string {
  const body = interfaceIn(`${folder}/src/lib/${file}`, type)
  return and === undefined ? body : `${body}\n${interfaceIn(and, `\\w+ extends ${type}`)}`
}

function interfaceIn(file: string, type: string): string {
  const source = readFileSync(`${ROOT}/packages/${file}`, 'utf8')
  const body = new RegExp(`export interface ${type}\\b[^{]*\\{\\n([\\s\\S]*?)\\n\\}`).exec(source)?.[1]
  if (body === undefined) throw new Error(`${file} has no ${type}`)
  return body
}

test.each(TABLES)('$page: $heading has one row for each member of $type', ({ page, heading, file, type, and, in: folder }) => {
  const members = new Set([...bodyOf(file, type, and, folder).matchAll(/^ {2}(?:readonly )?(\w+)[?(:<]/gm)].map(([, name]) => name as string))
  expect(members.size).toBeGreaterThan(2)
  expect(namesUnder(page, heading).sort()).toEqual([...members].sort())
})

test.each(TABLES.filter(({ type }) => /Options|Bounds/.test(type)))(
  '$page: $heading names the defaults in the docstrings of $type',
  ({ page, heading, file, type, and, in: folder }) => {
    // Each option with the docstring before it, which may name a default.
    const options = bodyOf(file, type, and, folder).matchAll(/(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s+)?^ {2}(\w+)\?:/gm)
    const told = [...options].map(([, docstring = '', name]) => [name, /@default (.+?)\s*(?:\n|$)/.exec(docstring)?.[1] ?? 'unset'])
    const rows = rowsUnder(page, heading).map(([name, , value]) => [name, value].map((cell) => cell?.replaceAll('`', '')))
    // The docstring names no default, since it is the obvious one.
    const known = new Map([['headers', '{}']])
    expect(rows.sort()).toEqual(told.map(([name = '', value]) => [name, known.get(name) ?? value]).sort())
  },
)

test('packages/core/README.md names the exports of @tidings/core', async () => {
  const row = readPage('packages/core/README.md')
    .split('\n')
    .find((line) => line.startsWith('| `@tidings/core` |'))
  const named = [...(row ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name)
  expect(named.sort()).toEqual(Object.keys(await import('@tidings/core')).sort())
})

test('docs/channels.md has one row for each reason of a reset', () => {
  const reasons = wordsOf('errors.ts', 'export type ResetReason =', '\n\n')
  expect(reasons).toHaveLength(4)
  expect(namesUnder('docs/channels.md', '## Gaps').sort()).toEqual(reasons.sort())
})

test('docs/browsers.md says of each client what its tests expect', () => {
  // In the order of the columns.
  const limits: Array<keyof Limits> = ['ignoresLoneIds', 'forgetsIds', 'showsEmptyBlocks', 'losesLeadingEmptyLines', 'returnsAfter204', 'onlyGets']
  const told = rowsUnder('docs/browsers.md', '## What clients can').map(([name = '', ...cells]) => [name.replace(/\[`(.+)`\]\(.+\)/, '$1'), ...cells])
  expect(told).toEqual(clients.map((client) => [client.name, ...limits.map((limit) => (client.limits[limit] ? `[no](${client.limits[limit]})` : 'yes'))]))
  for (const client of clients) for (const limit of Object.keys(client.limits)) expect(limits).toContain(limit)
})

test('docs/errors.md has one row for each stage', () => {
  const stages = [
    ...wordsOf('stream/stream-options.ts', 'export type ErrorStage =', '\n\n'),
    ...wordsOf('channel/channel-options.ts', 'export type ChannelErrorStage =', '\n\n'),
  ]
  expect(stages.length).toBeGreaterThan(5)
  expect(namesUnder('docs/errors.md', '## Stages').sort()).toEqual(stages.sort())
})

test('docs/errors.md has one row for each code', () => {
  const codes = wordsOf('errors.ts', 'export type ErrorCode =', '\n\n')
  expect(codes.length).toBeGreaterThan(5)
  expect(namesUnder('docs/errors.md', '## Codes').sort()).toEqual(codes.sort())
})

test('docs/client.md has one row for each code of the client, and one for each state', () => {
  const source = (file: string): string => readFileSync(`${ROOT}/packages/client/src/lib/${file}`, 'utf8')
  const codes = [...source('client-error.ts').matchAll(/^ {2}\| '(\w+)'/gm)].map(([, code]) => code as string)
  expect(codes.length).toBeGreaterThan(5)
  expect(namesUnder('docs/client.md', '## Errors').sort()).toEqual(codes.sort())
  const states = new Set([...source('status.ts').matchAll(/readonly state: '(\w+)'/g)].map(([, state]) => state as string))
  expect(namesUnder('docs/client.md', '## Status').sort()).toEqual([...states].sort())
})

test('docs/errors.md has one row for each reason', () => {
  const reasons = wordsOf('errors.ts', 'export type CloseReason =', '\n\n')
  expect(reasons.length).toBeGreaterThan(5)
  expect(namesUnder('docs/errors.md', '## Close reasons').sort()).toEqual(reasons.sort())
})

test('the list of Markdown files has files of all folders', () => {
  const folders = new Set(markdownFiles().map((path) => path.split('/')[0]))
  for (const folder of ['README.md', '.github', 'docs', 'examples', 'packages']) expect(folders).toContain(folder)
})

test.each(markdownFiles())('every link of %s into the repository leads to a file and a heading', (page) => {
  const text = readPage(page).replace(CODE, '')
  const broken = [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target as string)
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => !leadsSomewhere(page, target))
  expect(broken).toEqual([])
})

test('docs/decisions/README.md has one row for each decision, with its title', () => {
  const files = readdirSync(`${ROOT}/docs/decisions`).filter((name) => /^\d/.test(name))
  const rows = rowsUnder('docs/decisions/README.md', '## Index').map(([number, topic]) => `# ${number} ${topic}`)
  expect(rows).toEqual(
    files.map((name) =>
      readPage(`docs/decisions/${name}`)
        .split('\n')[0]
        ?.replace(/^# (\d+)/, `# [$1](${name})`),
    ),
  )
})

test('README.md has at most 900 words', () => {
  expect(readPage('README.md').split(/\s+/).length).toBeLessThanOrEqual(900)
})

test('docs/README.md leads to each page and each example', () => {
  const text = readPage('docs/README.md')
  const pages = readdirSync(`${ROOT}/docs`).filter((name) => name.endsWith('.md') && name !== 'README.md')
  const examples = readdirSync(`${ROOT}/examples`).map((name) => `../examples/${name}`)
  for (const target of [...pages, ...examples]) expect(text).toContain(`](${target})`)
})

const CODE = /^( *)```[\s\S]*?^\1```$/gm

function leadsSomewhere(page: string, target: string): boolean {
  const [path = '', anchor] = target.split('#')
  const file = path === '' ? page : join(dirname(page), path)
  if (!existsSync(`${ROOT}/${file}`)) return false
  return anchor === undefined || (file.endsWith('.md') && anchorsOf(file).includes(anchor))
}

/** The anchors that GitHub makes of headings. A heading that comes again gets a number. */
function anchorsOf(page: string): string[] {
  const seen = new Map<string, number>()
  return [
    ...readPage(page)
      .replace(CODE, '')
      .matchAll(/^#+ (.+)$/gm),
  ].map(([, heading = '']) => {
    const anchor = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-')
    const times = seen.get(anchor) ?? 0
    seen.set(anchor, times + 1)
    return times === 0 ? anchor : `${anchor}-${times}`
  })
}
