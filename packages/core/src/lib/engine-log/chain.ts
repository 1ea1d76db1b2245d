import type { KeptEntry } from '../log/kept-entry.ts'
import type { EnginePosition } from './engine.ts'

/** A message of a page, unpacked. */
export interface Unpacked extends EnginePosition {
  /** The time of the message before it. */
  readonly before: number
  readonly entry: KeptEntry
}

/** Consecutive messages, oldest first. */
export interface Run {
  /** The place before the first message. */
  readonly from: EnginePosition
  readonly messages: readonly Unpacked[]
}

/** Whether a message is the next one after a place. */
export function isNext({ offset, at }: EnginePosition, next: { offset: number; before: number }): boolean {
  return next.offset === offset + 1 && next.before === at
}

/**
 * The messages of a page, oldest first, that follow a place without a hole. Where no message does, the run begins with
 * a later message that the rest of the page confirms; the messages before that are lost.
 */
export function runAfter(place: EnginePosition, page: readonly Unpacked[]): Run {
  const run = follow(place, page)
  if (run.messages.length > 0) return run
  const first = page.find((message, index) => {
    const isConfirmed = index === page.length - 1 || page.some((next) => isNext(message, next))
    return message.offset > place.offset + 1 && isConfirmed
  })
  return first ? follow({ offset: first.offset - 1, at: first.before }, page) : run
}

/**
 * The messages of a page, newest first, that lead back from a place without a hole. The first of them is at the place
 * itself.
 */
export function runBefore(place: EnginePosition, page: readonly Unpacked[]): Run {
  let from = place
  const messages: Unpacked[] = []
  for (const message of page) {
    if (message.offset !== from.offset || message.at !== from.at) continue
    messages.push(message)
    from = { offset: from.offset - 1, at: message.before }
  }
  return { from, messages: messages.reverse() }
}

function follow(from: EnginePosition, page: readonly Unpacked[]): Run {
  const messages: Unpacked[] = []
  let last = from
  for (const message of page) {
    if (!isNext(last, message)) continue
    messages.push(message)
    last = message
  }
  return { from, messages }
}
