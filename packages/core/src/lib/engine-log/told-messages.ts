import { now } from '../time-source.ts'
import type { EnginePosition, EngineTold } from './engine.ts'

// Milliseconds. A message that stands after entries which this process does not have yet waits so long for them.
const LONGEST_HELD = 1_000
// Calls of `tell`, and writers.
const MOST_HELD = 1_000
const MOST_WRITERS = 1_000

const NONE: readonly string[] = []

/** The messages that an engine has told of and does not keep, until the tail is where they stand. */
export class ToldMessages {
  #held: { readonly told: EngineTold; readonly until: number }[] = []
  /** The newest sequence of each writer. A library may send a call twice. */
  readonly #sequences = new Map<string, number>()

  add(told: EngineTold): void {
    const { writer, sequence } = told
    if (sequence <= (this.#sequences.get(writer) ?? 0)) return
    this.#sequences.delete(writer)
    this.#sequences.set(writer, sequence)
    const [oldest = ''] = this.#sequences.keys()
    if (this.#sequences.size > MOST_WRITERS) this.#sequences.delete(oldest)
    if (this.#held.length < MOST_HELD) this.#held.push({ told, until: now() + LONGEST_HELD })
  }

  /** Takes the messages that stand at the head of the tail. Drops those before it, and those that waited in vain. */
  take(epoch: string | undefined, head: EnginePosition): readonly string[] {
    if (this.#held.length === 0) return NONE
    const here: string[] = []
    this.#held = this.#held.filter(({ told, until }) => {
      if (until < now()) return false
      const isLater = told.epoch !== epoch || told.offset > head.offset
      if (!isLater && told.offset === head.offset && told.at === head.at) here.push(...told.packed)
      return isLater
    })
    return here
  }
}
