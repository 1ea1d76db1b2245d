import type { Tail, TailedLog } from '../log/message-log.ts'
import { now } from '../time-source.ts'

/** The recent messages with which a new reader begins. One of the two fields sets no bound. */
export interface Recent {
  /** The number of messages. */
  readonly last: number
  /** The time of the oldest one, in milliseconds of `now()`. */
  readonly since: number
}

// Messages. Each step back in a part of the log looks at twice as many as the one before.
const FIRST_STEP = 64

/**
 * Looks further back, as far as messages are loaded. `offset` is that of the place when it is found. Until then it is
 * the one after which the log must load messages before the next call.
 */
export type LookBack = (topics: ReadonlySet<string> | undefined) => { readonly isFound: boolean; readonly offset: number }

/**
 * Looks back from an offset for the place before the recent messages of some topics. On a log on an engine it looks at
 * one page after the other, from the newest to the oldest. Messages that the log has lost on the way make no gap.
 */
export function lookBack(log: TailedLog, from: number, { last, since }: Recent): LookBack {
  const { tail } = log
  const oldest = tail.present - now() + since
  /** The number of messages that are still to be found. */
  let left = last
  /** All wanted messages after this offset are found. */
  let until = from
  const lookAt = (part: Tail, topics: ReadonlySet<string> | undefined): void => {
    const isOld = (offset: number): boolean => (part.at(offset)?.at ?? 0) < oldest
    for (let step = FIRST_STEP; left > 0 && until > part.floor; step *= 2) {
      const after = Math.max(part.floor, until - step)
      const walk = part.walk(after, topics)
      const offsets: number[] = []
      for (let offset = walk.next(); offset <= until; offset = walk.next()) if (!isOld(offset)) offsets.push(offset)
      const first = isOld(after + 1) ? (offsets[0] ?? until + 1) : offsets.at(-left)
      until = first === undefined ? after : first - 1
      left = first === undefined ? left - offsets.length : 0
    }
  }
  return (topics) => {
    for (;;) {
      const start = log.start ?? tail.floor
      // The tail may know that the topics have no older messages.
      if (left === 0 || until <= start || (until <= tail.floor && !tail.hasGap(start, topics)))
        return { isFound: true, offset: Math.min(from, Math.max(until, start)) }
      const part = until > tail.floor ? tail : log.older?.(until - 1)
      if (!part) return { isFound: false, offset: until - 1 }
      lookAt(part, topics)
    }
  }
}
