import type { LogEntry } from '../log/message-log.ts'
import { isBytes } from '../message/message.ts'

/** Gives the data of messages as it was published and parsed back: once, frozen, and shared by all who ask. */
export class ParsedValues {
  readonly #values = new WeakMap<LogEntry, unknown>()
  readonly #parse: (text: string) => unknown

  constructor(parse: (text: string) => unknown) {
    this.#parse = parse
  }

  of(entry: LogEntry): unknown {
    if (entry.isText) return entry.data
    let value = this.#values.get(entry)
    if (value === undefined) {
      value = deepFrozen(this.#parse(entry.data))
      this.#values.set(entry, value)
    }
    return value
  }
}

function deepFrozen<Value>(value: Value): Value {
  // Bytes cannot be frozen.
  if (typeof value !== 'object' || value === null || Object.isFrozen(value) || isBytes(value)) return value
  // First itself: what a parser other than JSON's makes may lead back to it.
  Object.freeze(value)
  for (const each of Object.values(value)) deepFrozen(each)
  return value
}
