import { describe } from '../describe.ts'
import type { TailedLog } from '../log/message-log.ts'
import { invalidOption } from '../option-checks.ts'

/**
 * The beginning of a reader. It is an id, which the client has reconnected with or the route has given; or `'start'`,
 * the oldest kept message; or `now`, the next message. `now` is `''` for the head, or the id of a position that a log
 * on an engine has told, or `undefined` where a message after that position is gone. `Reader.begin` goes on from here.
 */
export type Start = { readonly id: string; readonly comesBack: boolean } | { readonly now: string | undefined } | 'start'

const NOW: Start = { now: '' }

/** Whether a reader begins with the next message. */
export function isNow(start: Start): start is { readonly now: string | undefined } {
  return start !== 'start' && 'now' in start
}

/** The place after which the log must load messages before a reader begins: an id, an offset, or the head (`''`). */
export function neededBy(start: Start): string | number {
  if (start === 'start') return 0
  return isNow(start) ? (start.now ?? '') : start.id
}

/**
 * The offset after which a reader begins, once the log has loaded its messages; undefined where the log does not know
 * the place.
 */
export function offsetOf(start: Start, log: TailedLog): number | undefined {
  if (start === 'start') return log.start ?? log.tail.floor
  const id = isNow(start) ? start.now : start.id
  if (id === undefined) return undefined
  return id === '' ? log.tail.head : log.locate(id)
}

/**
 * The beginning of a client.
 *
 * @param lastEventId the id that it reconnects with; `''` for none
 * @param after the beginning that the route gives to a client without an id
 * @throws `ERR_SSE_INVALID_OPTION`
 */
export function startOf(lastEventId: string, after: string | undefined): Start {
  if (after !== undefined && typeof after !== 'string') throw invalidOption(`after must be an id or 'start', got ${describe(after)}`)
  if (lastEventId !== '') return { id: lastEventId, comesBack: true }
  if (after === undefined || after === '') return NOW
  return after === 'start' ? 'start' : { id: after, comesBack: false }
}
