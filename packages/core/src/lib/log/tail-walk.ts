import type { LogEntry, Walk } from './message-log.ts'
import type { TopicIndex } from './topic-index.ts'

/** The tail that a walk goes through. */
export interface WalkedTail {
  readonly head: number
  readonly floor: number
  /** How often it has gone on behind another place, where offsets stand for other entries. */
  readonly restarts: number
  at(offset: number): LogEntry | undefined
}

/** The next message of a topic. */
interface Next {
  readonly topic: string
  readonly offset: number
}

/**
 * Goes through the entries of some topics, oldest first. It asks the index about each topic once, and then about one
 * topic for each entry. So many topics cost no more than their entries do.
 */
export class TailWalk implements Walk {
  readonly #tail: WalkedTail
  readonly #index: TopicIndex
  readonly #topics: ReadonlySet<string> | undefined
  /** The offset that it has come to. */
  #at: number
  /** A heap with the earliest on top, of the entries up to `#until`. */
  #nexts: Next[] | undefined
  #until = 0
  #restarts = 0

  constructor(tail: WalkedTail, index: TopicIndex, topics: ReadonlySet<string> | undefined, after: number) {
    this.#tail = tail
    this.#index = index
    this.#topics = topics
    this.#at = after
  }

  next(): number {
    const tail = this.#tail
    const topics = this.#topics
    for (;;) {
      if (this.#at < tail.floor) this.#at = tail.floor
      if (!topics) return this.#at < tail.head ? ++this.#at : Number.POSITIVE_INFINITY
      // Near the head it is cheaper to look at each entry than to ask the index about each topic.
      if (tail.head - this.#at <= topics.size) return this.#scan(topics)
      const offset = this.#pop(topics)
      if (offset === undefined) this.#at = this.#until
      else if (offset > tail.floor) {
        this.#at = offset
        return offset
      }
    }
  }

  #scan(topics: ReadonlySet<string>): number {
    this.#nexts = undefined
    const tail = this.#tail
    while (this.#at < tail.head) {
      const topic = tail.at(++this.#at)?.topic
      if (topic !== undefined && topics.has(topic)) return this.#at
    }
    return Number.POSITIVE_INFINITY
  }

  /** Takes the earliest offset off the heap. `undefined`: none lies up to `#until`. */
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
      const next = this.#nextOf(topic, this.#at)
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

/** Puts an item into this place of a heap, and moves it down to where it belongs. */
function sink(heap: Next[], item: Next, at = 0): void {
  let place = at
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
