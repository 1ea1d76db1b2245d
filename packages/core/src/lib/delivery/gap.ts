import type { ResetReason } from '../errors.ts'
import { isNow, type Start } from './reader-start.ts'

// How a gap is decided. A reader meets a gap where a message for it may be gone:
//
// - The log does not know the id from which the reader begins (`TailedLog.locate`).
// - Messages of its topics after its cursor are dropped from the tail (`Tail.hasGap`), no loaded page has them
//   (`TailedLog.older`), and the log has none to load (`TailedLog.load`).
// - The log told that it has lost messages that the reader has got (`LogFollower.breaking`).
//
// The reader then gets the reset event with one of these reasons, or its stream ends (`lag: 'close'`).

/** The reason of a gap where a reader begins. `offset` is that of its beginning; undefined where the log has none. */
export function gapAtStart(start: Start, offset: number | undefined): ResetReason {
  if (offset === undefined) return isNow(start) ? 'lost' : 'unknown'
  return isNow(start) ? 'lagged' : 'trimmed'
}

/** The reason of a gap that a reader meets later. `lostId` is the id of a position that the log has lost. */
export function gapAtCursor(lostId: string | undefined): ResetReason {
  return lostId === undefined ? 'lagged' : 'lost'
}
