import { byteLength } from '../message/byte-length.ts'
import type { HistoryBounds } from './history-bounds.ts'
import type { LogEntry, LogPage, Tail, Walk } from './message-log.ts'
import { TailWalk } from './tail-walk.ts'
import { TopicIndex } from './topic-index.ts'

type Bounds = Required<{ [Name in keyof HistoryBounds]: number }>

/** The kept end of a log, in order, with an index of its topics. */
export class KeptTail implements Tail {
  #bounds: Bounds
  readonly #present: () => number
  readonly #topics = new TopicIndex()
  /** The entries from offset `#first` on, behind `#trimmed` empty places. */
  #entries: Array<LogEntry | undefined> = []
  #trimmed = 0
  #bytes = 0
  head = 0
  /** How often it has gone on behind another place, where offsets stand for other entries. */
  restarts = 0
  /** When the newest entry that is gone was appended; 0 when none is. */
  floorAt = 0

  /** @param present tells the log's clock */
  constructor(bounds: HistoryBounds, present: () => number = () => Date.now()) {
    this.#bounds = boundsOf(bounds)
    this.#present = present
  }

  get floor(): number {
    return this.head - this.size
  }

  /** How many entries are kept. */
  get size(): number {
    return this.#entries.length - this.#trimmed
  }

  /** The floor once an entry with this block is added, which was appended at `at`. */
  floorWith(block: string, at: number): number {
    const { messages, bytes } = this.#bounds
    let floor = Math.max(this.head + 1 - messages, this.#agedFloor(at))
    // No unit of UTF-16 takes more than three bytes: mostly the bytes need no counting.
    if (this.#bytes + 3 * block.length <= bytes) return floor
    let kept = this.#bytes + byteLength(block)
    for (let offset = this.floor + 1; offset <= floor; offset++) kept -= byteLength(this.at(offset)?.block ?? '')
    while (kept > bytes && floor < this.head) kept -= byteLength(this.at(++floor)?.block ?? '')
    return floor
  }

  /** Adds the entry that follows the head, and drops what the bounds no longer allow. */
  add(entry: LogEntry): void {
    this.head = entry.offset
    this.#entries.push(entry)
    this.#bytes += byteLength(entry.block)
    if (entry.topic !== undefined) this.#topics.add(entry.topic, entry.offset)
    this.#trim()
    this.#trimAged(entry.at)
  }

  /** Puts what came before the oldest kept entry, the oldest first, in front of it. @param floorAt when the one before these was appended */
  prepend(older: readonly LogEntry[], floorAt: number): void {
    if (older.length === 0) return
    this.floorAt = floorAt
    this.#entries = [...older, ...this.#entries.slice(this.#trimmed)]
    this.#trimmed = 0
    this.#topics.prepend(older)
    for (const { block } of older) this.#bytes += byteLength(block)
  }

  /** Drops all, and goes on behind this place: whatever came before, of any topic, is gone from here. */
  restartAt(offset: number, at: number): void {
    this.restarts++
    this.floorAt = at
    this.#entries = []
    this.#trimmed = 0
    this.#bytes = 0
    this.#topics.restartAt(offset)
    this.head = offset
  }

  /** Keeps so much from now on. */
  setBounds(bounds: HistoryBounds): void {
    this.#bounds = boundsOf(bounds)
    this.#trim()
  }

  /** At most `limit` entries that follow `after`. */
  page(after: number, limit: number): LogPage {
    const entries: LogEntry[] = []
    for (let offset = Math.max(after, this.floor) + 1; offset <= this.head && entries.length < limit; offset++) {
      entries.push(this.at(offset) as LogEntry)
    }
    return { entries, floor: this.floor }
  }

  agedFloor(): number {
    return this.#agedFloor(this.#present())
  }

  trimAged(): void {
    this.#trimAged(this.#present())
  }

  at(offset: number): LogEntry | undefined {
    return this.#entries[this.#trimmed + offset - this.floor - 1]
  }

  walk(after: number, topics: ReadonlySet<string> | undefined): Walk {
    return new TailWalk(this, this.#topics, topics, after)
  }

  hasGap(after: number, topics: ReadonlySet<string> | undefined): boolean {
    if (!topics) return this.floor > after
    // No topic has lost more than all have: what was brought back in front counts for each.
    if (this.floor <= after) return false
    for (const topic of topics) if (this.#topics.floorOf(topic) > after) return true
    return false
  }

  #agedFloor(present: number): number {
    const oldest = present - this.#bounds.age
    let { floor } = this
    while ((this.at(floor + 1)?.at ?? present) < oldest) floor++
    return floor
  }

  #trimAged(present: number): void {
    const floor = this.#agedFloor(present)
    while (this.floor < floor) this.#dropOldest()
  }

  #trim(): void {
    // The newest is kept whatever its size, or nobody would ever get it.
    while (this.size > this.#bounds.messages || (this.#bytes > this.#bounds.bytes && this.size > 1)) this.#dropOldest()
  }

  #dropOldest(): void {
    const entry = this.#entries[this.#trimmed]
    if (!entry) return
    this.floorAt = entry.at
    this.#bytes -= byteLength(entry.block)
    if (entry.topic !== undefined) this.#topics.trim(entry.topic, entry.offset)
    this.#entries[this.#trimmed++] = undefined
    // Moving the rest down now and then costs each entry one move.
    if (this.#trimmed >= 1_024 && this.#trimmed * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#trimmed)
      this.#trimmed = 0
    }
  }
}

function boundsOf({ messages = 1_000, bytes = 16_777_216, age = Number.POSITIVE_INFINITY }: HistoryBounds): Bounds {
  return { messages, bytes, age }
}
