import { boundsOf, type HistoryBounds, type ResolvedBounds, shareOf } from './history-bounds.ts'
import type { KeptEntry } from './kept-entry.ts'
import type { LogPage, Tail, Walk } from './message-log.ts'
import { TailWalk } from './tail-walk.ts'
import { bytesOfTopic, TopicIndex } from './topic-index.ts'

/** The kept end of a log, in order, with an index of its topics. */
export class KeptTail implements Tail {
  #bounds: ResolvedBounds
  readonly #present: () => number
  readonly #topics = new TopicIndex()
  /** The entries from offset `#first` on, behind `#trimmed` empty places. */
  #entries: Array<KeptEntry | undefined> = []
  #trimmed = 0
  #entryBytes = 0
  /** How many bytes its log keeps beside it, which count too. */
  besides = 0
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

  /** How many bytes all that is kept counts: entries, topics, and what is kept beside them. */
  get bytes(): number {
    return this.#entryBytes + this.#topics.bytes + this.besides
  }

  /** The floor once this entry is added, and `besides` bytes beside it; no less than it will be. */
  floorWith({ topic, bytes, at }: KeptEntry, besides = 0): number {
    let floor = Math.max(this.head + 1 - this.#bounds.messages, this.#agedFloor(at))
    let over = this.bytes + bytes + besides - this.#bounds.bytes
    if (topic !== undefined) over += bytesOfTopic(topic)
    if (over <= 0) return floor
    over -= Math.max(0, this.#topics.emptiedBytes - shareOf(this.#bounds.bytes))
    for (let offset = this.floor + 1; offset <= floor; offset++) over -= this.at(offset)?.bytes ?? 0
    while (over > 0 && floor < this.head) over -= this.at(++floor)?.bytes ?? 0
    return floor
  }

  /** Adds the entry that follows the head, and drops what the bounds no longer allow. */
  add(entry: KeptEntry): void {
    this.head = entry.offset
    this.#entries.push(entry)
    this.#entryBytes += entry.bytes
    if (entry.topic !== undefined) this.#topics.add(entry.topic, entry.offset)
    this.#trim()
    this.#trimAged(entry.at)
  }

  /**
   * Puts what came before the oldest kept entry, the oldest first, in front of it.
   * @param floorAt when the one before these was appended
   */
  prepend(older: readonly KeptEntry[], floorAt: number): void {
    if (older.length === 0) return
    this.floorAt = floorAt
    this.#entries = [...older, ...this.#entries.slice(this.#trimmed)]
    this.#trimmed = 0
    this.#topics.prepend(older)
    for (const { bytes } of older) this.#entryBytes += bytes
  }

  /** Drops all, and goes on behind this place: whatever came before, of any topic, is gone from here. */
  restartAt(offset: number, at: number): void {
    this.restarts++
    this.floorAt = at
    this.#entries = []
    this.#trimmed = 0
    this.#entryBytes = 0
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
    const entries: KeptEntry[] = []
    for (let offset = Math.max(after, this.floor) + 1; offset <= this.head && entries.length < limit; offset++) {
      entries.push(this.at(offset) as KeptEntry)
    }
    return { entries, floor: this.floor }
  }

  agedFloor(): number {
    return this.#agedFloor(this.#present())
  }

  trimAged(): void {
    this.#trimAged(this.#present())
  }

  at(offset: number): KeptEntry | undefined {
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
    const { messages, bytes } = this.#bounds
    while (this.size > messages) this.#dropOldest()
    while (this.bytes > bytes) {
      // Topics without a message save needless resets, so a part of the room is theirs. The newest message is kept
      // whatever its size, or nobody would ever get it.
      if (this.#topics.emptiedBytes > shareOf(bytes)) this.#topics.forgetOldest()
      else if (this.size > 1) this.#dropOldest()
      else return
    }
  }

  #dropOldest(): void {
    const entry = this.#entries[this.#trimmed]
    if (!entry) return
    this.floorAt = entry.at
    this.#entryBytes -= entry.bytes
    if (entry.topic !== undefined) this.#topics.trim(entry.topic, entry.offset)
    this.#entries[this.#trimmed++] = undefined
    // Moving the rest down now and then costs each entry one move.
    if (this.#trimmed >= 1_024 && this.#trimmed * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#trimmed)
      this.#trimmed = 0
    }
  }
}
