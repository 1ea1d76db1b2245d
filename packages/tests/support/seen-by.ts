import type { Dispatched } from './browser.ts'
import type { Client } from './clients.ts'

/** The event that a client with `showsEmptyBlocks` dispatches for a block without data. */
const EMPTY: Dispatched = { type: 'message', data: '', lastEventId: '' }

/** A block on the wire: the event that the specification makes of it, if any, and the id in the block. */
export interface Block {
  event?: Dispatched
  ownId?: string
}

/** The events that a client dispatches for these blocks. */
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

/** Leaves out the empty events of a client with `showsEmptyBlocks`. The other events must not be empty. */
export function withoutEmptyBlocks({ limits }: Client, events: readonly Dispatched[]): Dispatched[] {
  return events.filter(({ type, data }) => !(limits.showsEmptyBlocks && type === EMPTY.type && data === EMPTY.data))
}
