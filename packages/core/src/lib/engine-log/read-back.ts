import type { LogEntry } from '../log/message-log.ts'
import { type FollowedTail, PAGE, type ReadPage } from './followed-tail.ts'

/** How far back may be read. */
export interface ReadBackBounds {
  /** How many messages the tail may have then. */
  readonly messages: number
  /** How old they may be, in milliseconds. */
  readonly age: number | undefined
}

/**
 * Reads what lies between an offset and the tail, and puts it in front of it, as far as the engine has it. Returns false where the log has
 * turned out to be another one meanwhile.
 */
export async function readBack(
  followed: FollowedTail,
  after: number,
  { messages, age = Number.POSITIVE_INFINITY }: ReadBackBounds,
  read: ReadPage,
): Promise<boolean> {
  const { tail, epoch } = followed
  const top = tail.floor
  const room = messages - tail.size
  const oldest = Date.now() - age
  const older: LogEntry[] = []
  let { floorAt } = tail
  let isAll = false
  while (!isAll && top - older.length > after) {
    const next = top - older.length
    const page = await read('before', { offset: next + 1, at: floorAt }, PAGE)
    if (page.epoch !== epoch) return false
    isAll = page.entries.length < PAGE
    for (const packed of page.entries) {
      const isNext = packed.offset === top - older.length && packed.at === floorAt
      const entry = isNext ? followed.entryOf(packed) : undefined
      if (!entry || entry.at < oldest || older.length >= room) {
        isAll = true
        break
      }
      older.push(entry)
      floorAt = packed.before
    }
  }
  // Meanwhile the tail may have gone on, or begun anew.
  if (followed.epoch !== epoch || tail.floor !== top) return true
  tail.prepend(older.reverse(), floorAt)
  if (isAll) followed.lostUpTo = tail.floor
  return true
}
