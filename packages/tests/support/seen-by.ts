import type { Dispatched } from './browser.ts'
import type { Client } from './clients.ts'

/** What a block without data is to a client that shows those. */
const EMPTY: Dispatched = { type: 'message', data: '', lastEventId: '' }

/** A block on the wire: the event that it is by the specification, or nothing, and the id that it carries itself. */
export interface Block {
  event?: Dispatched
  ownId?: string
}

/** What a client dispatches for these blocks. */
export function seenBy({ limits }: Client, blocks: readonly Block[]): Dispatched[] {
  return blocks.flatMap(({ event, ownId = '' }) => {
    if (!event) return limits.showsEmptyBlocks ? [{ ...EMPTY, lastEventId: ownId }] : []
    return [
      {
        ...event,
        data: limits.losesLeadingEmptyLines ? event.data.replace(/^\n+/, '') : event.data,
        lastEventId: limits.forgetsIds ? ownId : event.lastEventId,
      },
    ]
  })
}

/**
 * The events apart from what a client shows for blocks without data, where it does and none of the events is empty.
 */
export function withoutEmptyBlocks({ limits }: Client, events: readonly Dispatched[]): Dispatched[] {
  return events.filter(({ type, data }) => !(limits.showsEmptyBlocks && type === EMPTY.type && data === EMPTY.data))
}
