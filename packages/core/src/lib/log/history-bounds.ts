import { checkedInteger, checkNames, wrongOption } from '../option-checks.ts'

/** The bounds of a log's history. The first bound that is reached drops the oldest message. */
export interface HistoryBounds {
  /**
   * The number of messages that are kept.
   * @default 1_000
   */
  messages?: number | undefined
  /**
   * The number of bytes that are kept. It counts encoded messages with their topics and keys, about 150 bytes beside
   * each, and the remembered names of topics and idempotency keys. The newest message is kept even if it is larger.
   * @default 16_777_216
   */
  bytes?: number | undefined
  /** The greatest age of a kept message, in milliseconds. Unset: no limit. */
  age?: number | undefined
}

/** Bounds with the defaults filled in. */
export interface ResolvedBounds {
  readonly messages: number
  readonly bytes: number
  readonly age: number
}

/** Fills in the defaults. */
export function boundsOf({ messages = 1_000, bytes = 16_777_216, age = Number.POSITIVE_INFINITY }: HistoryBounds): ResolvedBounds {
  return { messages, bytes, age }
}

/** The share of a log's bytes for each kind of data that it remembers beside messages: topics and idempotency keys. */
export function shareOf(bytes: number): number {
  return bytes / 8
}

/** Checks an option that has bounds of these names. @throws `ERR_SSE_INVALID_OPTION` */
export function checkBounds(option: string, bounds: HistoryBounds, names: readonly string[] = ['messages', 'bytes', 'age']): void {
  checkNames(option, bounds, names)
  for (const [name, value] of Object.entries(bounds)) {
    if (value === undefined || value === Number.POSITIVE_INFINITY) continue
    if (name === 'age') checkedAge(`${option}.age`, value)
    else checkedInteger(`${option}.${name}`, value, 1)
  }
}

/** Checks a number of milliseconds of any size. @throws `ERR_SSE_INVALID_OPTION` */
export function checkedAge(name: string, value: unknown): number {
  if (Number.isFinite(value) && (value as number) > 0) return value as number
  throw wrongOption(name, 'a number of milliseconds above 0', value)
}
