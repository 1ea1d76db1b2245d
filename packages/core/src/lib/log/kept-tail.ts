import { boundsOf, type HistoryBounds, type ResolvedBounds, shareOf } from './history-bounds.ts'
import type { KeptEntry } from './kept-entry.ts'
import type { LogPage, Tail, Walk } from './message-log.ts'
import { TailWalk } from './tail-walk.ts'
import { bytesOfTopic, TopicIndex, topicsOfMessage } from './topic-index.ts'

/** The newest entries of a log in memory, with an index of their topics. */
export class KeptTail implements Tail {
  readonly #bounds: ResolvedBounds
  readonly #present: () => number
  readonly #topics = new TopicIndex()
  /** The kept entries in order. The first `#trimmed` places are empty. */
  #entries: Array<KeptEntry | undefined> = []
  #trimmed = 0
  #entryBytes = 0
  /** Bytes that its log keeps beside it. They count in the bounds too. */
  besides = 0
  head = 0
  /** The number of restarts. After each, offsets stand for other entries. */
  restarts = 0
  /** When the newest dropped entry was appended, in milliseconds of the log's clock; 0 where none was dropped. */
  floorAt = 0

  /** @param present reads the log's clock, in milliseconds */
  constructor(bounds: HistoryBounds, present: () => number = () => Date.now()) {
    this.#bounds = boundsOf(bounds)
    this.#present = present
  }

  get floor(): number {
    return this.head - this.size
  }

  get present(): number {
    return this.#present()
  }

  /** The number of kept entries. */
  get size(): number {
    return this.#entries.length - this.#trimmed
  }

  /** The number of bytes that count in the bounds: entries, topics and `besides`. */
  get bytes(): number {
    return this.#entryBytes + this.#topics.bytes + this.besides
  }

  /**
   * Estimates the floor after `add(entry)`, with `besides` further bytes beside the tail. The real floor will not be
   * above it.
   */
  floorWith(entry: KeptEntry, besides = 0): number {
    const { bytes, at } = entry
    let floor = Math.max(this.head + 1 - this.#bounds.messages, this.#agedFloor(at))
    let over = this.bytes + bytes + besides - this.#bounds.bytes
    for (const topic of topicsOfMessage(entry)) over += bytesOfTopic(topic)
    if (over <= 0) return floor
    over -= Math.max(0, this.#topics.emptiedBytes - shareOf(this.#bounds.bytes))
    for (let offset = this.floor + 1; offset <= floor; offset++) over -= this.at(offset)?.bytes ?? 0
    while (over > 0 && floor < this.head) over -= this.at(++floor)?.bytes ?? 0
    return floor
  }

  /** Adds the entry that follows the head, and drops the oldest entries beyond the bounds. */
  add(entry: KeptEntry): void {
    this.head = entry.offset
    this.#entries.push(entry)
    this.#entryBytes += entry.bytes
    for (const topic of topicsOfMessage(entry)) this.#topics.add(topic, entry.offset)
    this.#trim()
    this.#trimAged(entry.at)
  }

  /**
   * Drops all entries, and makes this offset both head and floor. No topic has messages up to it any more.
   * @param time when the entry with this offset was appended, in milliseconds of the log's clock
   */
  restartAt(offset: number, time: number): void {
    this.restarts++
    this.floorAt = time
    this.#entries = []
    this.#trimmed = 0
    this.#entryBytes = 0
    this.#topics.restartAt(offset)
    this.head = offset
  }

  /** Reads at most `limit` entries after the offset `after`. */
  page(after: number, limit: number): LogPage {
    const entries: KeptEntry[] = []
    for (let offset = Math.max(after, this.floor) + 1; offset <= this.head && entries.length < limit; offset++) {
      entries.push(this.at(offset) as KeptEntry)
    }
    return { entries, floor: this.floor }
  }

  agedFloor(): number {
    return this.#agedFloor(this.present)
  }

  trimAged(): void {
    this.#trimAged(this.present)
  }

  at(offset: number): KeptEntry | undefined {
    return this.#entries[this.#trimmed + offset - this.floor - 1]
  }

  walk(after: number, topics: ReadonlySet<string> | undefined): Walk {
    return new TailWalk(this, this.#topics, topics, after)
  }

  hasGap(after: number, topics: ReadonlySet<string> | undefined): boolean {
    if (!topics) return this.floor > after
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
      // The floors of topics without messages prevent needless resets, so they have their own share of the bytes. The
      // newest message is always kept, because otherwise no reader would get it.
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
    for (const topic of topicsOfMessage(entry)) this.#topics.trim(topic, entry.offset)
    this.#entries[this.#trimmed++] = undefined
    // Moving the rest only when half of the places are empty costs about one move for each entry.
    if (this.#trimmed >= 1_024 && this.#trimmed * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#trimmed)
      this.#trimmed = 0
    }
  }
}
