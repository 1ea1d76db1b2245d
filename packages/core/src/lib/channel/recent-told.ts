import type { LogEntry } from '../log/message-log.ts'
import { now } from '../time-source.ts'

// Milliseconds.
const LONGEST_KEPT = 1_000
// Characters of all messages, and for each message beside its text.
const MOST_LENGTH = 262_144
const LENGTH_OF_ONE = 200

/** A reader's place among the messages of `RecentTold`. */
export interface Hearer {
  /** The number of the next message. */
  heard: number
}

/**
 * The last messages that the log does not keep, for the readers of `messages()`. A reader that does not ask for them
 * in time does not get them.
 */
export class RecentTold {
  #messages: { readonly message: LogEntry; readonly until: number }[] = []
  #length = 0
  /** The number of the first of the messages. */
  #first = 0

  /** The number of the next message that comes. */
  get next(): number {
    return this.#first + this.#messages.length
  }

  add(message: LogEntry): void {
    this.#messages.push({ message, until: now() + LONGEST_KEPT })
    this.#length += lengthOf(message)
    while (this.#messages.length > 1 && (this.#length > MOST_LENGTH || (this.#messages[0]?.until ?? 0) < now())) this.#dropFirst()
  }

  /** Takes the reader's next message that stands before the entry with the offset `before`. */
  take(hearer: Hearer, before: number): LogEntry | undefined {
    for (;;) {
      hearer.heard = Math.max(hearer.heard, this.#first)
      const next = this.#messages[hearer.heard - this.#first]
      if (!next || next.message.offset >= before) return undefined
      hearer.heard++
      if (next.until >= now()) return next.message
    }
  }

  clear(): void {
    while (this.#messages.length > 0) this.#dropFirst()
  }

  #dropFirst(): void {
    const dropped = this.#messages.shift()
    this.#first++
    if (dropped) this.#length -= lengthOf(dropped.message)
  }
}

function lengthOf({ block }: LogEntry): number {
  return block.length + LENGTH_OF_ONE
}
