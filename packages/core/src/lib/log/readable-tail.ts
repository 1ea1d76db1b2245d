import type { KeptTail } from './kept-tail.ts'
import type { LogEntry, Tail, Walk } from './message-log.ts'

/** The reading side of a kept tail, for the readers of its log. Only the log itself adds and drops entries. */
export class ReadableTail implements Tail {
  readonly #tail: KeptTail

  constructor(tail: KeptTail) {
    this.#tail = tail
  }

  /** The kept tail behind a readable tail; undefined for another kind of tail. */
  static behind(tail: Tail): KeptTail | undefined {
    return tail instanceof ReadableTail ? tail.#tail : undefined
  }

  get head(): number {
    return this.#tail.head
  }

  get floor(): number {
    return this.#tail.floor
  }

  get present(): number {
    return this.#tail.present
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
