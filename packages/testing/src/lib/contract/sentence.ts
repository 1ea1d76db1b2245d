import { quietly } from '../stderr.ts'
import { SOON, withinItsTime } from '../within.ts'

// Milliseconds. These limits only end a proof that hangs; no sentence says that it is shown within them. A busy
// machine takes ten times as long as an idle one.
const LONGEST_PROOF = 120_000
const LONGEST_LONG_PROOF = 600_000

/** Shows that a sentence holds: does something in its world, and throws where that is not what the sentence says. */
export type Proof<World> = (world: World) => unknown

/** A proof with what there is to say of it. */
export interface Case<Subject, World> {
  /** Shows it, with one of `each` where there are such. */
  proof: (world: World, each: string) => unknown
  /** Ids of other sentences that it shows too. */
  also?: readonly string[]
  /** Whether there is such a case at all for what is under test. By default there is. */
  when?: (subject: Subject) => boolean
  /** Runs the proof once with each of these, which stand behind the name of the case. */
  each?: (subject: Subject) => readonly string[]
  /** Whether it does something thousands of times, so that its run takes long. */
  isLong?: boolean
}

/**
 * Where a sentence is proved that a suite over real connections cannot show: files, from the repository's root, with
 * tests that bear its id.
 */
export interface ProvedElsewhere {
  provedIn: string | readonly string[]
}

/** One sentence of a contract, beside the proofs that show it. */
export interface Sentence<Subject, World extends Subject> {
  /** What the names of its tests begin with. It never changes, and is never given to another sentence. */
  id: string
  /** In the words of RFC 2119. */
  text: string
  /** The standard that it comes from, or `'Tidings'`. */
  source: string
  cases: Readonly<Record<string, Case<Subject, World>>>
  /** Empty where all of its proofs stand beside it. */
  provedIn: readonly string[]
}

/** Writes one sentence down. A case is named `id/name`, in words that say what it shows. */
export function sentence<Subject, World extends Subject>(
  id: string,
  text: string,
  source: string,
  shown: Readonly<Record<string, Proof<World> | Case<Subject, World>>> | ProvedElsewhere,
): Sentence<Subject, World> {
  if (isProvedElsewhere(shown)) return { id, text, source, cases: {}, provedIn: [shown.provedIn].flat() }
  const cases = Object.entries(shown).map(([name, proof]) => [name, typeof proof === 'function' ? { proof } : proof])
  return { id, text, source, cases: Object.fromEntries(cases), provedIn: [] }
}

function isProvedElsewhere(shown: object): shown is ProvedElsewhere {
  return 'provedIn' in shown && typeof shown.provedIn !== 'function'
}

/** A case of a sentence as a test runner takes it. */
export interface ContractTest {
  /** `'H5/refuses-head'`, and behind it the ids of other sentences that it shows. */
  name: string
  /** Rejects where the sentence does not hold; for a case that the platform cannot keep, where it does hold. */
  run: () => Promise<void>
  /** So many milliseconds end a proof that hangs, with what it waits for. A runner's own limit has to be longer. */
  timeout: number
}

/** Tests that a runner shows under one name. */
export interface ContractSuite {
  name: string
  tests: ContractTest[]
}

/** Runs a proof in its world, and tidies up behind it. */
export type Stage<World> = (proof: (world: World) => unknown) => Promise<void>

/**
 * The cases of these sentences for one subject, each ready to run.
 *
 * @param patience milliseconds for a case that the subject cannot pass. What never comes is not waited for as long
 */
export function testsOf<Subject, World extends Subject>(
  sentences: readonly Sentence<Subject, World>[],
  subject: Subject,
  stage: Stage<World>,
  cannot: (name: string) => string | undefined = () => undefined,
  patience: number = SOON,
): ContractTest[] {
  return sentences.flatMap(({ id, text, source, cases }) =>
    Object.entries(cases)
      .filter(([, { when }]) => when?.(subject) ?? true)
      .flatMap(([name, { each, proof, also = [], isLong = false }]) =>
        (each?.(subject) ?? ['']).map((one) => {
          const title = `${id}/${name}${one && ` ${one}`}`
          const why = cannot(title)
          const timeout = isLong ? LONGEST_LONG_PROOF : LONGEST_PROOF
          const limit = why === undefined ? timeout : patience
          const holds = () => stage((world) => withinItsTime(() => proof(world, one), limit)).catch((error) => failed(`${title}: ${text} (${source})`, error))
          return {
            name: [title, ...also, ...(why === undefined ? [] : [`[cannot: ${why}]`])].join(' '),
            run: () => quietly(why === undefined ? holds : () => holdsNot(holds, title, why)),
            timeout,
          }
        }),
      ),
  )
}

/** Tells the sentence together with what was seen instead. */
function failed(sentence: string, error: unknown): never {
  const said = error instanceof Error ? error : new Error(String(error))
  const { message, stack = message } = said
  said.message = `${sentence}\n${message}`
  said.stack = stack.replace(message, () => said.message)
  throw said
}

async function holdsNot(holds: () => Promise<void>, title: string, why: string): Promise<void> {
  const held = await holds().then(
    () => true,
    () => false,
  )
  if (held) throw new Error(`${title} holds now: remove it from \`cannot\` (${why})`)
}
