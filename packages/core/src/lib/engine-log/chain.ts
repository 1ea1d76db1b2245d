import type { KeptEntry } from '../log/kept-entry.ts'
import type { EnginePosition } from './engine.ts'

/** A message of a page, unpacked. */
export interface Unpacked extends EnginePosition {
  /** The time of the message before it. */
  readonly before: number
  readonly entry: KeptEntry
}

/** Messages that follow each other without a hole, oldest first. */
export interface Run {
  /** The place before the first of them. */
  readonly from: EnginePosition
  readonly messages: readonly Unpacked[]
}

/** Whether a message is the one behind a place. */
export function isNext({ offset, at }: EnginePosition, next: { offset: number; before: number }): boolean {
  return next.offset === offset + 1 && next.before === at
}

/**
 * The messages of a page, oldest first, that follow a place. Where none does, those that follow the first message
 * that the rest of the page does not speak against: what lies before that is lost.
 */
export function runAfter(place: EnginePosition, page: readonly Unpacked[]): Run {
  const run = follow(place, page)
  if (run.messages.length > 0) return run
  const first = page.find((message, index) => {
    const isBorneOut = index === page.length - 1 || page.some((next) => isNext(message, next))
    return message.offset > place.offset + 1 && isBorneOut
  })
  return first ? follow({ offset: first.offset - 1, at: first.before }, page) : run
}

/**
 * The messages of a page, newest first, of which the first is at a place and each next one comes before the one
 * before.
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
