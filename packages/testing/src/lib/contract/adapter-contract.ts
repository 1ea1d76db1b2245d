import type { AdapterUnderTest } from '../adapter-under-test.ts'
import type { Protocol } from '../running-app.ts'
import { channels } from './channels.ts'
import { http } from './http.ts'
import { lifetime } from './lifetime.ts'
import { limits } from './limits.ts'
import { type ContractSuite, testsOf } from './sentence.ts'
import { slowPeers } from './slow-peers.ts'
import { wire } from './wire.ts'
import { type AdapterSentence, stageFor } from './world.ts'

/** A part of the contract of an adapter: `W` the wire, `H` HTTP, `L` lifetime, `B` slow peers, `C` channels. */
export type AdapterPart = 'W' | 'H' | 'L' | 'B' | 'C'

/** Which of an adapter's tests to make; all by default. So several files can run beside each other. */
export interface AdapterSelection {
  /** @default those that the adapter serves */
  protocols?: readonly Protocol[]
  /** @default all */
  parts?: readonly AdapterPart[]
}

/** The sentences that an adapter holds, by the letter that their ids begin with. */
export const adapterContract: Readonly<Record<AdapterPart, { title: string; sentences: readonly AdapterSentence[] }>> = {
  W: { title: 'the wire', sentences: wire },
  H: { title: 'HTTP', sentences: http },
  L: { title: 'lifetime', sentences: [...lifetime, ...limits] },
  B: { title: 'slow peers', sentences: slowPeers },
  C: { title: 'channels', sentences: channels },
}

/**
 * The contract of event streams for an adapter, as suites for any test runner. Run the tests of a suite one after the
 * other: some replace what the process writes to, or its timers.
 *
 * @example
 * import { test } from 'node:test'
 * import { type AdapterUnderTest } from '@tidings/testing'
 * import { adapterSuites } from '@tidings/testing/contract'
 *
 * declare const adapter: AdapterUnderTest // yours
 *
 * for (const suite of adapterSuites(adapter)) {
 *   for (const { name, run } of suite.tests) test(`${suite.name}: ${name}`, run)
 * }
 */
export function adapterSuites(adapter: AdapterUnderTest, { protocols = protocolsOf(adapter), parts = partNames }: AdapterSelection = {}): ContractSuite[] {
  return protocols.flatMap((protocol) =>
    parts.map((part) => {
      const { title, sentences } = adapterContract[part]
      const subject = { adapter, protocol }
      const cannot = (test: string): string | undefined => limitHere(adapter.cannot?.[`${protocol} ${test}`])
      return { name: `${adapter.name} over ${protocol}, ${part}: ${title}`, tests: testsOf(sentences, subject, stageFor(subject), cannot) }
    }),
  )
}

function limitHere(limit: NonNullable<AdapterUnderTest['cannot']>[string] | undefined): string | undefined {
  if (typeof limit !== 'object') return limit
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const [mendedMajor = 0, mendedMinor = 0] = `${limit.beforeNode}`.split('.').map(Number)
  return major < mendedMajor || (major === mendedMajor && minor < mendedMinor) ? limit.why : undefined
}

const partNames = Object.keys(adapterContract) as AdapterPart[]

function protocolsOf({ http2 = false }: AdapterUnderTest): Protocol[] {
  return http2 ? ['HTTP/1.1', 'HTTP/2'] : ['HTTP/1.1']
}
