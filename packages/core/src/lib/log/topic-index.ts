import type { LogEntry } from './message-log.ts'

/** Offsets of one topic's kept messages, oldest first, and where its kept part begins. */
interface Topic {
  offsets: number[]
  /** How many at the front of `offsets` are trimmed already. */
  trimmed: number
  /** The offset of its last trimmed message: whoever stands before it may have missed something of this topic. 0 for none. */
  floor: number
}

// Floors of topics that have no message left are kept for so many topics, and cost about 100 bytes each.
const REMEMBERED_FLOORS = 100_000

/** Which messages of a log belong to which topic, and from where on each topic is whole. */
export class TopicIndex {
  readonly #kept = new Map<string, Topic>()
  /** Floors of topics without a kept message, in the order in which they ran empty. */
  readonly #emptied = new Map<string, number>()
  /** The highest floor that was forgotten: it stands for every topic that is not known. */
  #forgotten = 0

  add(topic: string, offset: number): void {
    const known = this.#kept.get(topic)
    if (known) {
      known.offsets.push(offset)
      return
    }
    this.#kept.set(topic, { offsets: [offset], trimmed: 0, floor: this.floorOf(topic) })
    this.#emptied.delete(topic)
  }

  /** These come before all that is kept. */
  prepend(older: readonly LogEntry[]): void {
    const byTopic = new Map<string, number[]>()
    for (const { topic, offset } of older) {
      if (topic === undefined) continue
      const offsets = byTopic.get(topic)
      if (offsets) offsets.push(offset)
      else byTopic.set(topic, [offset])
    }
    for (const [topic, offsets] of byTopic) {
      const known = this.#kept.get(topic)
      if (known) {
        known.offsets = [...offsets, ...known.offsets.slice(known.trimmed)]
        known.trimmed = 0
      } else {
        this.#kept.set(topic, { offsets, trimmed: 0, floor: this.floorOf(topic) })
        this.#emptied.delete(topic)
      }
    }
  }

  /** Forgets all: up to this offset anything may have been there. */
  restartAt(offset: number): void {
    this.#kept.clear()
    this.#emptied.clear()
    this.#forgotten = offset
  }

  /** The oldest kept message of the topic, which has this offset, is gone. */
  trim(topic: string, offset: number): void {
    const known = this.#kept.get(topic)
    if (!known) return
    known.trimmed++
    known.floor = offset
    if (known.trimmed === known.offsets.length) {
      this.#kept.delete(topic)
      this.#remember(topic, offset)
    } else if (known.trimmed >= 32 && known.trimmed * 2 >= known.offsets.length) {
      known.offsets = known.offsets.slice(known.trimmed)
      known.trimmed = 0
    }
  }

  /** The offset of the topic's last message that is gone, 0 where it is whole; no less than that, where older messages were put in front again. */
  floorOf(topic: string): number {
    return this.#kept.get(topic)?.floor ?? this.#emptied.get(topic) ?? this.#forgotten
  }

  /** The topic's first kept offset above `offset`, or `Infinity`. */
  nextAfter(topic: string, offset: number): number {
    const known = this.#kept.get(topic)
    if (!known) return Number.POSITIVE_INFINITY
    const { offsets } = known
    let low = known.trimmed
    let high = offsets.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((offsets[middle] as number) <= offset) low = middle + 1
      else high = middle
    }
    return offsets[low] ?? Number.POSITIVE_INFINITY
  }

  #remember(topic: string, floor: number): void {
    this.#emptied.set(topic, floor)
    if (this.#emptied.size <= REMEMBERED_FLOORS) return
    for (const [oldest, itsFloor] of this.#emptied) {
      this.#emptied.delete(oldest)
      this.#forgotten = Math.max(this.#forgotten, itsFloor)
      return
    }
  }
}
