import { FEED } from '../../src/lib/stream/feeder.ts'
import { SinkStream } from '../../src/lib/stream/sink-stream.ts'

// These tests subscribe the stream itself, without the object that an app holds of it.
Object.defineProperty(SinkStream.prototype, FEED, { value: SinkStream.prototype.feed })
