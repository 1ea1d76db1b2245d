import { channels } from './channels.ts'
import { http } from './http.ts'
import { lifetime } from './lifetime.ts'
import { type ContractTest, testsOf } from './sentence.ts'
import { slowPeers } from './slow-peers.ts'
import { wire } from './wire.ts'
import { type AdapterSentence, type Subject, stageFor } from './world.ts'

/** The parts of the contract that an adapter passes, each by the letter of its sentences. */
export const adapterParts: Readonly<Record<AdapterPart, { title: string; sentences: readonly AdapterSentence[] }>> = {
  W: { title: 'the wire', sentences: wire },
  H: { title: 'HTTP', sentences: http },
  L: { title: 'lifetime', sentences: lifetime },
  B: { title: 'slow peers', sentences: slowPeers },
  C: { title: 'channels', sentences: channels },
}

/** The letter of a part. */
export type AdapterPart = 'W' | 'H' | 'L' | 'B' | 'C'

/** The tests of one part for an adapter over a protocol. */
export function adapterTests(subject: Subject, part: AdapterPart): ContractTest[] {
  const cannot = Object.entries(subject.adapter.cannot ?? {})
  return testsOf(adapterParts[part].sentences, subject, stageFor(subject), (name) => cannot.find(([of]) => of === `${subject.protocol} ${name}`)?.[1])
}
