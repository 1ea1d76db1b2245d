import type { AdapterUnderTest } from '@tidings/testing'
import { adapterContract, clientContract, logContract } from '@tidings/testing/contract'
import { adapterPackages } from '../../scripts/packages.mjs'

/** A part of the contract, by the letter that the ids of its sentences begin with. */
interface Part {
  letter: string
  title: string
  suite: keyof typeof SUITES
  sentences: readonly StatedSentence[]
}

interface StatedSentence {
  id: string
  text: string
  source: string
  cases: Readonly<Record<string, { also?: readonly string[] }>>
  provedIn: readonly string[]
}

const adapters = await Promise.all(
  adapterPackages().map(async ({ path }) => Object.values((await import(`${path}/test/support/adapters.ts`)) as Record<string, AdapterUnderTest>)),
)

const SUITES = {
  describeAdapter: 'testing.md#the-contract-of-an-adapter',
  describeLog: 'testing.md#the-contract-of-a-log',
  describeClient: 'testing.md#the-contract-of-a-client',
}

const INTRODUCTION = [
  'These sentences define the behaviour of Tidings, in the words of [RFC 2119](https://www.rfc-editor.org/rfc/rfc2119). Each sentence',
  'has an id, and a test is named after the sentence that it proves: `H5/refuses-head` is a case of H5. The suites of',
  '[`@tidings/testing`](testing.md) run the cases against every adapter, over real connections, against every log, and against clients. Some',
  'sentences need other tests. Then their files stand after the sentence.',
]

export const parts: readonly Part[] = [
  ...Object.entries(adapterContract).map(([letter, part]) => ({ letter, suite: 'describeAdapter' as const, ...part })),
  { letter: 'G', title: 'logs', suite: 'describeLog', sentences: logContract },
  { letter: 'K', title: 'clients', suite: 'describeClient', sentences: clientContract },
]

export const sentences: readonly StatedSentence[] = parts.flatMap((part) => part.sentences)

/** The page docs/contract.md. */
export function contractPage(): string {
  const blocks = [
    '# The contract',
    '<!-- `npm run contract` writes this page from the suites of @tidings/testing. -->',
    INTRODUCTION,
    [...parts.map(({ letter, title }) => `- [${letter}: ${title}](#${anchorOf(letter, title)})`), '- [What a platform cannot do](#what-a-platform-cannot-do)'],
    ...parts.flatMap(({ letter, title, suite, sentences }) => [
      `## ${letter}: ${title}`,
      `Run by [\`${suite}\`](${SUITES[suite]}).`,
      sentences.flatMap(rowsOf),
    ]),
    '## What a platform cannot do',
    'These cases are expected to fail there. Their tests fail once the cases hold.',
    ['| Adapter | Case | Why |', '|---|---|---|', ...limits()],
    ['Express cannot serve HTTP/2. Behind a proxy that does, it speaks HTTP/1.1. [Runtimes](runtimes.md) has the limits of Bun, Deno and', 'Workers.'],
  ]
  return blocks.map((block) => `${[block].flat().join('\n')}\n`).join('\n')
}

function anchorOf(letter: string, title: string): string {
  return `${letter}-${title}`.toLowerCase().replaceAll(' ', '-')
}

function rowsOf({ id, text, source, cases, provedIn }: StatedSentence): string[] {
  const own = Object.keys(cases).map((name) => `\`${id}/${name}\``)
  const others = sentences.flatMap((other) =>
    Object.entries(other.cases)
      .filter(([, { also }]) => also?.includes(id))
      .map(([name]) => `\`${other.id}/${name}\``),
  )
  const files = provedIn.map((path) => `[${path}](../${path})`)
  return [`- **${id}** ${text}${source === 'Tidings' ? '' : ` (${linked(source)})`}`, `  - ${[...own, ...others, ...files].join(', ')}`]
}

/** A source with links to the sections that it names. */
function linked(source: string): string {
  return source
    .replace(/WHATWG HTML [\d.]+/g, '[$&](https://html.spec.whatwg.org/multipage/server-sent-events.html)')
    .replace(/RFC (\d+) ([\d.]+)/g, '[$&](https://www.rfc-editor.org/rfc/rfc$1#section-$2)')
}

function limits(): string[] {
  return adapters.flat().flatMap(({ name, cannot = {} }) => Object.entries(cannot).map(([of, limit]) => `| ${name} | \`${of}\` | ${reasonOf(limit)} |`))
}

function reasonOf(limit: string | { why: string; beforeNode: number | string }): string {
  return typeof limit === 'string' ? `<${limit}>` : `<${limit.why}>, before Node ${limit.beforeNode}`
}
