import type { KeptEntry } from '../log/kept-entry.ts'
import { runBefore } from './chain.ts'
import type { ResolvedHistory } from './engine-log-options.ts'
import type { FollowedTail } from './followed-tail.ts'
import type { ReadPage } from './page-reader.ts'

/**
 * Reads what lies between an offset and the tail, and puts it in front of it, as far as the engine has it. Returns
 * false where the log has turned out to be another one meanwhile.
 *
 * @param history how many messages the tail may have then, and how old they may be
 */
export async function readBack(
  followed: FollowedTail,
  after: number,
  { messages, age = Number.POSITIVE_INFINITY }: ResolvedHistory,
  read: ReadPage,
): Promise<boolean> {
  const { tail, epoch } = followed
  const { restarts } = tail
  const top = tail.floor
  const room = messages - tail.size
  const oldest = followed.clock.present - age
  const older: KeptEntry[] = []
  let { floorAt } = tail
  let isAll = false
  while (!isAll && top - older.length > after) {
    const next = { offset: top - older.length, at: floorAt }
    const page = await read('before', { offset: next.offset + 1, at: floorAt })
    if (page.epoch !== epoch) return false
    const run = runBefore(next, followed.unpacked(page))
    isAll = run.messages.length === 0
    for (const { entry, before } of [...run.messages].reverse()) {
      if (entry.at < oldest || older.length >= room) {
        isAll = true
        break
      }
      older.push(entry)
      floorAt = before
    }
  }
  // The tail may have gone on meanwhile, or begun anew: then its floor is another message, maybe of the same offset.
  if (tail.restarts !== restarts || tail.floor !== top) return true
  tail.prepend(older.reverse(), floorAt)
  if (isAll) followed.lostUpTo = tail.floor
  return true
}
