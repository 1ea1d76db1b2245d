import type { LogEntry } from '../log/message-log.ts'
import { isBytes } from '../message/message.ts'
import { nextTurn } from './pacer.ts'

// Of the text whose values are shared, in characters. Objects take many times the memory of their text.
const MOST_LENGTH = 1_048_576

/**
 * Gives the data of messages as it was published and parsed back, frozen. Filters and readers that ask in the same
 * turn share a value. A value that is kept longer would count for nothing in the history's bounds, and reading it
 * again costs CPU alone.
 */
export class ParsedValues {
  /** Those of this turn: as many as there is room for, and the last one. */
  #values: Map<LogEntry, unknown> | undefined
  #length = 0
  #last: LogEntry | undefined
  #lastValue: unknown
  readonly #parse: (text: string) => unknown

  constructor(parse: (text: string) => unknown) {
    this.#parse = parse
  }

  of(entry: LogEntry): unknown {
    if (entry.isText) return entry.data
    if (entry === this.#last) return this.#lastValue
    const value = this.#values?.get(entry) ?? this.#read(entry)
    this.#last = entry
    this.#lastValue = value
    return value
  }

  #read(entry: LogEntry): unknown {
    const { data } = entry
    const value = deepFrozen(this.#parse(data))
    if (!this.#values) {
      this.#values = new Map()
      nextTurn(() => this.#forget())
    }
    if (this.#length + data.length > MOST_LENGTH) return value
    this.#values.set(entry, value)
    this.#length += data.length
    return value
  }

  #forget(): void {
    this.#values = this.#last = this.#lastValue = undefined
    this.#length = 0
  }
}

/** Freezes all that a value leads to. A loop, since data may be nested deeper than calls can be. */
function deepFrozen<Value>(value: Value): Value {
  const pending: unknown[] = [value]
  while (pending.length > 0) {
    const next = pending.pop()
    // Bytes cannot be frozen. What is frozen already was met before: what a parser other than JSON's makes may lead
    // back to itself.
    if (typeof next !== 'object' || next === null || Object.isFrozen(next) || isBytes(next)) continue
    Object.freeze(next)
    for (const each of Object.values(next)) pending.push(each)
  }
  return value
}
