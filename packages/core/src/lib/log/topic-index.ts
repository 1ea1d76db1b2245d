import { byteLength } from '../message/byte-length.ts'
import type { LogEntry } from './message-log.ts'

/** For all topics without a message: nothing is added to it. */
const NONE: number[] = []

/** Offsets of one topic's kept messages, oldest first, and where its kept part begins. */
class Topic {
  readonly name: string
  offsets = NONE
  /** How many at the front of `offsets` are trimmed already. */
  trimmed = 0
  /**
   * The offset of its last trimmed message: whoever stands before it may have missed something of this topic. 0 for
   * none.
   */
  floor: number
  /** The topics that ran empty before and after this one, while it has no message. */
  previous: Topic = this
  next: Topic = this

  constructor(name: string, floor: number) {
    this.name = name
    this.floor = floor
  }
}

// Topics that have no message left are kept for their floors, so many of them.
const REMEMBERED_FLOORS = 100_000
// What a topic takes beside its name.
const TOPIC_BYTES = 150

/** How many bytes a topic of this name counts. */
export function bytesOfTopic(name: string): number {
  return TOPIC_BYTES + byteLength(name)
}

/** Which messages of a log belong to which topic, and from where on each topic is whole. */
export class TopicIndex {
  readonly #topics = new Map<string, Topic>()
  /**
   * Stands for every topic that is not known: its floor is the highest that was forgotten. Those that ran empty are a
   * ring that begins and ends here.
   */
  #unknown = new Topic('', 0)
  #emptied = 0
  /** How many bytes all its topics count. */
  bytes = 0
  /** How many of them those count that have no message left. */
  emptiedBytes = 0

  has(name: string): boolean {
    return this.#topics.has(name)
  }

  add(name: string, offset: number): void {
    const topic = this.#topics.get(name)
    if (topic && topic.offsets.length > 0) topic.offsets.push(offset)
    else this.#fill(name, [offset])
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
    for (const [name, offsets] of byTopic) {
      const { offsets: newer = NONE, trimmed } = this.#topics.get(name) ?? {}
      this.#fill(name, [...offsets, ...newer.slice(trimmed)])
    }
  }

  /** Forgets all: up to this offset anything may have been there. */
  restartAt(offset: number): void {
    this.#topics.clear()
    this.#unknown = new Topic('', offset)
    this.#emptied = this.bytes = this.emptiedBytes = 0
  }

  /** The oldest kept message of the topic, which has this offset, is gone. */
  trim(name: string, offset: number): void {
    const topic = this.#topics.get(name)
    if (!topic) return
    topic.trimmed++
    topic.floor = offset
    if (topic.trimmed === topic.offsets.length) {
      this.#empty(topic)
    } else if (topic.trimmed >= 32 && topic.trimmed * 2 >= topic.offsets.length) {
      topic.offsets = topic.offsets.slice(topic.trimmed)
      topic.trimmed = 0
    }
  }

  /**
   * The offset of the topic's last message that is gone, 0 where it is whole; no less than that, where older messages
   * were put in front again.
   */
  floorOf(name: string): number {
    return (this.#topics.get(name) ?? this.#unknown).floor
  }

  /** Forgets the topic that ran empty first: from now on its floor is that of all that are not known. */
  forgetOldest(): void {
    const { next: topic } = this.#unknown
    this.#leaveEmptied(topic)
    this.#topics.delete(topic.name)
    this.bytes -= bytesOfTopic(topic.name)
    this.#unknown.floor = Math.max(this.#unknown.floor, topic.floor)
  }

  /** The topic's first kept offset above `offset`, or `Infinity`. */
  nextAfter(name: string, offset: number): number {
    const topic = this.#topics.get(name)
    if (!topic) return Number.POSITIVE_INFINITY
    const { offsets } = topic
    let low = topic.trimmed
    let high = offsets.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((offsets[middle] as number) <= offset) low = middle + 1
      else high = middle
    }
    return offsets[low] ?? Number.POSITIVE_INFINITY
  }

  /** These are all that the topic has. */
  #fill(name: string, offsets: number[]): void {
    let topic = this.#topics.get(name)
    if (!topic) {
      topic = new Topic(name, this.#unknown.floor)
      this.#topics.set(name, topic)
      this.bytes += bytesOfTopic(name)
    } else if (topic.offsets.length === 0) {
      this.#leaveEmptied(topic)
    }
    topic.offsets = offsets
    topic.trimmed = 0
  }

  /** The topic has no message left. */
  #empty(topic: Topic): void {
    const { previous } = this.#unknown
    topic.offsets = NONE
    topic.trimmed = 0
    topic.previous = previous
    topic.next = this.#unknown
    previous.next = topic
    this.#unknown.previous = topic
    this.emptiedBytes += bytesOfTopic(topic.name)
    if (++this.#emptied > REMEMBERED_FLOORS) this.forgetOldest()
  }

  #leaveEmptied({ name, previous, next }: Topic): void {
    previous.next = next
    next.previous = previous
    this.#emptied--
    this.emptiedBytes -= bytesOfTopic(name)
  }
}
