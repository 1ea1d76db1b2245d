import { byteLength } from '../message/byte-length.ts'
import type { LogMessage } from './message-log.ts'

/** Shared by all topics without messages. It is never changed. */
const NONE: number[] = []

/** A topic: the offsets of its kept messages, oldest first, and its floor. */
class Topic {
  readonly name: string
  offsets = NONE
  /** The number of dropped messages at the front of `offsets`. */
  trimmed = 0
  /** The offset of its newest dropped message. A reader before it may have missed a message of the topic. 0: none. */
  floor: number
  /** While the topic has no message: the topics that became empty before and after it. */
  previous: Topic = this
  next: Topic = this

  constructor(name: string, floor: number) {
    this.name = name
    this.floor = floor
  }
}

// The number of topics without messages that are kept for their floors.
const REMEMBERED_FLOORS = 100_000
// The memory of a topic beside its name.
const TOPIC_BYTES = 150

/** The number of bytes that a topic of this name counts in the bounds. */
export function bytesOfTopic(name: string): number {
  return TOPIC_BYTES + byteLength(name)
}

/** All topics of a message. */
export function topicsOfMessage({ topic, moreTopics = [] }: Pick<LogMessage, 'topic' | 'moreTopics'>): readonly string[] {
  return topic === undefined ? [] : [topic, ...moreTopics]
}

/** Finds the kept messages of a topic, and the floor after which the topic is complete. */
export class TopicIndex {
  readonly #topics = new Map<string, Topic>()
  /**
   * Stands for every unknown topic. Its floor is the highest of all forgotten topics. It is also the first link of the
   * ring of topics without messages.
   */
  #unknown = new Topic('', 0)
  #emptied = 0
  /** The number of bytes that all topics count in the bounds. */
  bytes = 0
  /** The part of `bytes` for topics without messages. */
  emptiedBytes = 0

  add(name: string, offset: number): void {
    let topic = this.#topics.get(name)
    if (!topic) {
      topic = new Topic(name, this.#unknown.floor)
      this.#topics.set(name, topic)
      this.bytes += bytesOfTopic(name)
    } else if (topic.offsets === NONE) this.#leaveEmptied(topic)
    if (topic.offsets === NONE) topic.offsets = [offset]
    else topic.offsets.push(offset)
  }

  /** Forgets all topics. Each topic may have had messages up to this offset. */
  restartAt(offset: number): void {
    this.#topics.clear()
    this.#unknown = new Topic('', offset)
    this.#emptied = this.bytes = this.emptiedBytes = 0
  }

  /** Drops the oldest kept message of a topic, which has this offset. */
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

  /** The offset of the topic's newest dropped message; 0 where it is complete. */
  floorOf(name: string): number {
    return (this.#topics.get(name) ?? this.#unknown).floor
  }

  /** Forgets the topic that has been without messages for longest. Its floor then holds for all unknown topics. */
  forgetOldest(): void {
    const { next: topic } = this.#unknown
    this.#leaveEmptied(topic)
    this.#topics.delete(topic.name)
    this.bytes -= bytesOfTopic(topic.name)
    this.#unknown.floor = Math.max(this.#unknown.floor, topic.floor)
  }

  /** The topic's first kept offset after `offset`, or `Infinity`. */
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

  /** Adds a topic to the ring of topics without messages. */
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
