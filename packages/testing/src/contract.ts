/**
 * The contracts of adapters, logs and clients as data: their sentences, and the tests that prove them, for any test
 * runner.
 *
 * @module @tidings/testing/contract
 */
export { type AdapterPart, type AdapterSelection, adapterContract, adapterSuites } from './lib/contract/adapter-contract.ts'
export { clientContract, clientSuite } from './lib/contract/client.ts'
export type { ClientAnswer, PlayedRequest, SentMessage } from './lib/contract/client-answers.ts'
export type { ClientReport, ClientScript, ClientWorld } from './lib/contract/client-stage.ts'
export { type LogWorld, logContract, logSuite } from './lib/contract/log.ts'
export type { Case, ContractSuite, ContractTest, Proof, Sentence } from './lib/contract/sentence.ts'
export type { AdapterSentence, Start, Subject, World } from './lib/contract/world.ts'
