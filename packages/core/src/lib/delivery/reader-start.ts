import { describe } from '../describe.ts'
import { invalidOption } from '../option-checks.ts'

/** Where a reader begins: after an id, whether or not its client came back with that, with the oldest that is kept, or with what comes from now on. */
export type Start = { readonly id: string; readonly comesBack: boolean } | 'start' | 'now'

/** What has to be here for a reader to begin: an id, an offset, or the head (`''`). */
export function neededBy(start: Start): string | number {
  if (start === 'now') return ''
  return start === 'start' ? 0 : start.id
}

/**
 * Where a client begins that comes with this id, `''` for none, on a route that would else begin at `after`.
 *
 * @throws `ERR_SSE_INVALID_OPTION`
 */
export function startOf(lastEventId: string, after: string | undefined): Start {
  if (after !== undefined && typeof after !== 'string') throw invalidOption(`after must be an id or 'start', got ${describe(after)}`)
  if (lastEventId !== '') return { id: lastEventId, comesBack: true }
  if (after === undefined || after === '') return 'now'
  return after === 'start' ? 'start' : { id: after, comesBack: false }
}
