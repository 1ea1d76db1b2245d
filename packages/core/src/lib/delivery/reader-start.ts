import { describe } from '../describe.ts'
import type { TailedLog } from '../log/message-log.ts'
import { invalidOption } from '../option-checks.ts'

/**
 * Where a reader begins: after an id, whether or not its client came back with that; with the oldest that is kept; or
 * with what comes from now on. That is at the head (`''`), or after an id that a log on an engine has told;
 * `undefined` where something after it is gone.
 */
export type Start = { readonly id: string; readonly comesBack: boolean } | { readonly now: string | undefined } | 'start'

const NOW: Start = { now: '' }

/** Whether a reader begins with what comes from now on. */
export function isNow(start: Start): start is { readonly now: string | undefined } {
  return start !== 'start' && 'now' in start
}

/** What has to be here for a reader to begin: an id, an offset, or the head (`''`). */
export function neededBy(start: Start): string | number {
  if (start === 'start') return 0
  return isNow(start) ? (start.now ?? '') : start.id
}

/**
 * After which offset a reader begins, once what it needs is here. `undefined` where the log does not know that place.
 */
export function offsetOf(start: Start, log: TailedLog): number | undefined {
  if (start === 'start') return log.start ?? log.tail.floor
  const id = isNow(start) ? start.now : start.id
  if (id === undefined) return undefined
  return id === '' ? log.tail.head : log.locate(id)
}

/**
 * Where a client begins that comes with this id, `''` for none, on a route that would else begin at `after`.
 *
 * @throws `ERR_SSE_INVALID_OPTION`
 */
export function startOf(lastEventId: string, after: string | undefined): Start {
  if (after !== undefined && typeof after !== 'string') throw invalidOption(`after must be an id or 'start', got ${describe(after)}`)
  if (lastEventId !== '') return { id: lastEventId, comesBack: true }
  if (after === undefined || after === '') return NOW
  return after === 'start' ? 'start' : { id: after, comesBack: false }
}
