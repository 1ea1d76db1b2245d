import type { LogEntry, Walk } from './message-log.ts'
import type { TopicIndex } from './topic-index.ts'

/** The parts of a kept tail that a walk reads. */
export interface WalkedTail {
  readonly head: number
  readonly floor: number
  /** The number of restarts. After each, offsets stand for other entries. */
  readonly restarts: number
  at(offset: number): LogEntry | undefined
}

/** The next entry of a topic. */
interface Next {
  readonly topic: string
  readonly offset: number
}

/**
 * Goes through the entries of some topics, oldest first. It asks the index once about each topic, and then about one
 * topic for each entry. So many topics cost no more than their entries.
 */
export class TailWalk implements Walk {
  readonly #tail: WalkedTail
  readonly #index: TopicIndex
  readonly #topics: ReadonlySet<string> | undefined
  /** The offset of the last entry that it has looked at. */
  #offset: number
  /** A heap of the next entry of each topic, the earliest on top. It covers the entries up to `#until`. */
  #nexts: Next[] | undefined
  #until = 0
  #restarts = 0

  constructor(tail: WalkedTail, index: TopicIndex, topics: ReadonlySet<string> | undefined, after: number) {
    this.#tail = tail
    this.#index = index
    this.#topics = topics
    this.#offset = after
  }

  next(): number {
    const tail = this.#tail
    const topics = this.#topics
    for (;;) {
      if (this.#offset < tail.floor) this.#offset = tail.floor
      if (!topics) return this.#offset < tail.head ? ++this.#offset : Number.POSITIVE_INFINITY
      // Near the head, looking at each entry costs less than asking the index about each topic.
      if (tail.head - this.#offset <= topics.size) return this.#scan(topics)
      const offset = this.#pop(topics)
      if (offset === undefined) this.#offset = this.#until
      // An entry of two of the topics is in the heap twice.
      else if (offset > this.#offset) {
        this.#offset = offset
        return offset
      }
    }
  }

  #scan(topics: ReadonlySet<string>): number {
    this.#nexts = undefined
    const tail = this.#tail
    while (this.#offset < tail.head) {
      const { topic, moreTopics } = tail.at(++this.#offset) ?? {}
      if (topic !== undefined && (topics.has(topic) || moreTopics?.some((each) => topics.has(each)))) return this.#offset
    }
    return Number.POSITIVE_INFINITY
  }

  /** Takes the earliest offset off the heap. Returns undefined where no entry is left up to `#until`. */
  #pop(topics: ReadonlySet<string>): number | undefined {
    if (this.#restarts !== this.#tail.restarts) this.#nexts = undefined
    this.#nexts ??= this.#lookUp(topics)
    const nexts = this.#nexts
    const [first] = nexts
    if (!first) {
      this.#nexts = undefined
      return undefined
    }
    const following = this.#nextOf(first.topic, first.offset)
    if (following) sink(nexts, following)
    else {
      const last = nexts.pop() as Next
      if (nexts.length > 0) sink(nexts, last)
    }
    return first.offset
  }

  #lookUp(topics: ReadonlySet<string>): Next[] {
    this.#until = this.#tail.head
    this.#restarts = this.#tail.restarts
    const nexts: Next[] = []
    for (const topic of topics) {
      const next = this.#nextOf(topic, this.#offset)
      if (next) nexts.push(next)
    }
    for (let place = nexts.length >> 1; place-- > 0; ) sink(nexts, nexts[place] as Next, place)
    return nexts
  }

  #nextOf(topic: string, after: number): Next | undefined {
    const offset = this.#index.nextAfter(topic, after)
    return offset <= this.#until ? { topic, offset } : undefined
  }
}

/** Puts an item into a place of a heap, and moves it down until the heap is in order. */
function sink(heap: Next[], item: Next, start = 0): void {
  let place = start
  for (;;) {
    const child = 2 * place + 1
    const [left, right] = [heap[child], heap[child + 1]]
    const smaller = left && right && right.offset < left.offset ? right : left
    if (!smaller || smaller.offset >= item.offset) break
    heap[place] = smaller
    place = smaller === left ? child : child + 1
  }
  heap[place] = item
}
