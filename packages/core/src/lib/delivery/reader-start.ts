import type { TailedLog } from '../log/message-log.ts'
import { wrongOption } from '../option-checks.ts'
import { now } from '../time-source.ts'
import type { Recent } from './look-back.ts'

/**
 * Where a client without an id begins: after the message with this id; with all kept messages (`'start'`); with the
 * last kept messages of its topics (`last`, a number of messages); or with the messages of the last milliseconds
 * (`within`), by the log's clock.
 */
export type After = string | { readonly last: number; readonly within?: undefined } | { readonly within: number; readonly last?: undefined }

/**
 * The beginning of a reader. It is an id, which the client has reconnected with or the route has given; or `'start'`,
 * the oldest kept message; or `now`, the next message. `now` is `''` for the head, or the id of a position that a log
 * on an engine has told, or `undefined` where a message after that position is gone. With `recent`, the reader begins
 * with the recent messages before `now`. `Reader.begin` goes on from here.
 */
export type Start = { readonly id: string; readonly comesBack: boolean } | { readonly now: string | undefined; readonly recent?: Recent | undefined } | 'start'

const NOW: Start = { now: '' }

/** Whether a reader begins with the next message, or counts from there. */
export function isNow(start: Start): start is Exclude<Start, string | { readonly id: string }> {
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
export function startOf(lastEventId: string, after: After | undefined): Start {
  const recent = after === undefined || typeof after === 'string' ? undefined : recentOf(after)
  if (lastEventId !== '') return { id: lastEventId, comesBack: true }
  if (recent) return { now: '', recent }
  if (after === undefined || after === '') return NOW
  return after === 'start' ? 'start' : { id: after as string, comesBack: false }
}

function recentOf(after: Exclude<After, string>): Recent {
  const given = Object.entries(Object(after)).filter(([, value]) => value !== undefined)
  const [name, value] = given[0] ?? []
  if (given.length === 1 && typeof value === 'number' && value > 0 && Number.isFinite(value)) {
    if (name === 'within') return { last: Number.POSITIVE_INFINITY, since: now() - value }
    if (name === 'last' && Number.isSafeInteger(value)) return { last: value, since: Number.NEGATIVE_INFINITY }
  }
  throw wrongOption('after', "an id, 'start', { last: messages } or { within: milliseconds } with a number above 0", value ?? after)
}
