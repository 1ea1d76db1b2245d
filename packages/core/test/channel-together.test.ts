import { HeldSink } from './support/held-sink.ts'

// Whatever holds for a channel holds too where its readers are written to together, past their streams.
HeldSink.takesShared = true
await import('./channel.test.ts')
await import('./engine-log.test.ts')
