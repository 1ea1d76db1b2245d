import type { LogEntry } from '../log/message-log.ts'
import { BatchCache } from './batch-cache.ts'

/**
 * The messages of a view since the last flush that the log does not keep, in order. One flush writes them to the
 * readers that are ready, each behind the kept messages before it. Readers that come later must not get them, so their
 * batches are kept for the flush alone.
 */
export class Told {
  readonly messages: LogEntry[] = []
  readonly batches: BatchCache = new BatchCache()
}
