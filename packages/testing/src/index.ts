/**
 * Reads event streams in tests, and has the contracts of adapters, logs and clients as suites.
 *
 * @module @tidings/testing
 */
export type { AdapterUnderTest, AppUnderTest, Listener, RouteUnderTest } from './lib/adapter-under-test.ts'
export type { ClientRequest, ClientUnderTest, ReportedMessage, ServedAnswer, ServedStream, ServerForClients, StoredMessages } from './lib/client-under-test.ts'
export type { AdapterPart, AdapterSelection } from './lib/contract/adapter-contract.ts'
export { describeAdapter } from './lib/describe-adapter.ts'
export { describeClient } from './lib/describe-client.ts'
export { describeLog } from './lib/describe-log.ts'
export type { LogUnderTest } from './lib/log-under-test.ts'
export { type EventStreamRecording, type ReadOptions, type ReceivedEvent, readEventStream, type SupertestTest } from './lib/read-event-stream.ts'
