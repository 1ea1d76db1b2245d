import { HeldSink } from './support/held-sink.ts'

// Runs the tests of channels again with readers that are written to together, without their streams.
HeldSink.takesShared = true
await import('./channel.test.ts')
await import('./engine-log.test.ts')
