import type { LogEntry, Tail } from '../log/message-log.ts'

/** Gives a view's messages with keys that follow one offset, up to another: each call of what it returns the next. */
export type WalkKeyed = (after: number, until: number) => () => LogEntry | undefined

// Of all views of the process, in keys. Each takes about fifty bytes: its text is the log's.
const MOST_KEPT = 262_144

/** Those that keep some, in the order in which they began to, with how many. */
const keepers = new Map<NewestOfKeys, number>()
let keptByAll = 0

/**
 * Which message of each key is the newest in a view. It looks at each message once, however many batches readers take
 * and wherever they stand. Kept while a reader is behind, and as long as all views together have room for it.
 */
export class NewestOfKeys {
  readonly #tail: Tail
  readonly #walk: WalkKeyed
  readonly #onDrop: () => void
  /** For whom it is kept. */
  readonly #readers = new Set<object>()
  readonly #offsets = new Map<string, number>()
  #isDropped = false
  /** It has looked at what lies above the one and up to the other. */
  #from: number
  #to: number

  constructor(tail: Tail, walk: WalkKeyed, onDrop: () => void) {
    this.#tail = tail
    this.#walk = walk
    this.#onDrop = onDrop
    this.#from = this.#to = tail.head
  }

  /** Looks at what follows `cursor`. Returns the offset that it has come to. @throws what the view's filter throws */
  reach(cursor: number): number {
    const { floor } = this.#tail
    // What was trimmed may come back in front of the rest.
    this.#from = Math.max(this.#from, floor)
    if (cursor < this.#from) this.#look(cursor, this.#from)
    this.#look(this.#to, Number.POSITIVE_INFINITY)
    this.#from = Math.min(this.#from, cursor)
    this.#to = this.#tail.head
    if (this.#offsets.size > 2 * (this.#to - floor)) for (const [key, offset] of this.#offsets) if (offset <= floor) this.#offsets.delete(key)
    if (!this.#isDropped) this.#makeRoom()
    return this.#to
  }

  /** Whether no newer message of its key is known. */
  has({ key, offset }: LogEntry): boolean {
    return key !== undefined && this.#offsets.get(key) === offset
  }

  hold(reader: object): void {
    this.#readers.add(reader)
  }

  release(reader: object): void {
    if (this.#readers.delete(reader) && this.#readers.size === 0) this.drop()
  }

  drop(): void {
    this.#isDropped = true
    keptByAll -= keepers.get(this) ?? 0
    keepers.delete(this)
    this.#onDrop()
  }

  /** A filter may publish, and so have another reader look at the same messages in between: that changes nothing. */
  #look(after: number, until: number): void {
    const next = this.#walk(after, until)
    for (let entry = next(); entry; entry = next()) {
      const { key = '', offset } = entry
      if (offset > (this.#offsets.get(key) ?? 0)) this.#offsets.set(key, offset)
    }
  }

  #makeRoom(): void {
    keptByAll += this.#offsets.size - (keepers.get(this) ?? 0)
    keepers.set(this, this.#offsets.size)
    for (const keeper of keepers.keys()) {
      if (keptByAll <= MOST_KEPT) return
      if (keeper !== this) keeper.drop()
    }
  }
}
