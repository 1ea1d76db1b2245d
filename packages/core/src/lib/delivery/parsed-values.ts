import type { LogEntry } from '../log/message-log.ts'
import { isBytes } from '../message/message.ts'
import { nextTurn } from './pacer.ts'

// The length of all texts whose values are kept, in characters. Objects take many times the memory of their text.
const MOST_LENGTH = 1_048_576

/**
 * Parses the data of messages back into values, and freezes them. Filters and readers that ask in the same turn share
 * a value. It is not kept longer, because the history's bounds would not count it; parsing again costs only CPU.
 */
export class ParsedValues {
  /** The values of this turn, up to `MOST_LENGTH`. The last one is kept in any case. */
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

/** Freezes a value and all values inside it. It uses a loop, because data may be nested deeper than the call stack. */
function deepFrozen<Value>(value: Value): Value {
  const pending: unknown[] = [value]
  while (pending.length > 0) {
    const next = pending.pop()
    // Bytes cannot be frozen. A frozen value was visited before: a parser other than JSON's may make values that
    // contain themselves.
    if (typeof next !== 'object' || next === null || Object.isFrozen(next) || isBytes(next)) continue
    Object.freeze(next)
    for (const each of Object.values(next)) pending.push(each)
  }
  return value
}
