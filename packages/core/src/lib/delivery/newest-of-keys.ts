import type { LogEntry, Tail } from '../log/message-log.ts'
import { type Keeper, SharedBound } from './shared-bound.ts'

/** Walks over a view's messages with keys, after one offset and up to another. Each call of the result gives one. */
export type WalkKeyed = (after: number, until?: number) => () => LogEntry | undefined

/** The bound of all views of the process, in keys. A key takes about fifty bytes: its text is the log's. */
const boundOfProcess = new SharedBound(262_144)

/**
 * Knows the newest message of each key in a view, for readers that conflate. `View.conflatedAfter` skips the others.
 * This looks at each message once, for all batches of all readers. It is kept while a reader is behind, and while all
 * views together have room for it.
 */
export class NewestOfKeys implements Keeper {
  readonly #tail: Tail
  readonly #walk: WalkKeyed
  readonly #onDrop: () => void
  /** The readers that need it. */
  readonly #readers = new Set<object>()
  readonly #offsets = new Map<string, number>()
  #isDropped = false
  /** It has looked at the messages after this offset … */
  #from: number
  /** … and up to this one. */
  #to: number

  constructor(tail: Tail, walk: WalkKeyed, onDrop: () => void) {
    this.#tail = tail
    this.#walk = walk
    this.#onDrop = onDrop
    this.#from = this.#to = tail.head
  }

  /** Looks at all messages after `cursor`. Returns the offset of the last one. @throws errors of the view's filter */
  reach(cursor: number): number {
    const { floor } = this.#tail
    this.#from = Math.max(this.#from, floor)
    if (cursor < this.#from) this.look(this.#walk(cursor, this.#from))
    this.look(this.#walk(this.#to))
    this.#from = Math.min(this.#from, cursor)
    this.#to = this.#tail.head
    if (this.#offsets.size > 2 * (this.#to - floor)) for (const [key, offset] of this.#offsets) if (offset <= floor) this.#offsets.delete(key)
    if (!this.#isDropped) {
      boundOfProcess.set(this, this.#offsets.size)
      boundOfProcess.makeRoom(0, this)
    }
    return this.#to
  }

  /** Whether an entry is the newest of its key. */
  has({ key, offset }: LogEntry): boolean {
    return key !== undefined && this.#offsets.get(key) === offset
  }

  hold(reader: object): void {
    this.#readers.add(reader)
  }

  release(reader: object): void {
    if (this.#readers.delete(reader) && this.#readers.size === 0) this.clear()
  }

  clear(): void {
    this.#isDropped = true
    boundOfProcess.set(this, 0)
    this.#onDrop()
  }

  /**
   * Looks at the messages that a walk gives. A filter may publish a message, and so cause a nested call for the same
   * messages. That does no harm.
   */
  look(next: () => LogEntry | undefined): void {
    for (let entry = next(); entry; entry = next()) {
      const { key = '', offset } = entry
      if (offset > (this.#offsets.get(key) ?? 0)) this.#offsets.set(key, offset)
    }
  }
}
