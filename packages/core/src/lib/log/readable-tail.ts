import type { KeptTail } from './kept-tail.ts'
import type { LogEntry, Tail, Walk } from './message-log.ts'

/** A kept tail as the readers of its log have it: only the log itself adds to it and drops from it. */
export class ReadableTail implements Tail {
  readonly #tail: KeptTail

  constructor(tail: KeptTail) {
    this.#tail = tail
  }

  /** The tail behind one of this class. */
  static behind(tail: Tail): KeptTail | undefined {
    return tail instanceof ReadableTail ? tail.#tail : undefined
  }

  get head(): number {
    return this.#tail.head
  }

  get floor(): number {
    return this.#tail.floor
  }

  at(offset: number): LogEntry | undefined {
    return this.#tail.at(offset)
  }

  walk(after: number, topics: ReadonlySet<string> | undefined): Walk {
    return this.#tail.walk(after, topics)
  }

  hasGap(after: number, topics: ReadonlySet<string> | undefined): boolean {
    return this.#tail.hasGap(after, topics)
  }

  agedFloor(): number {
    return this.#tail.agedFloor()
  }

  trimAged(): void {
    this.#tail.trimAged()
  }
}
