import { describe } from '../describe.ts'
import { checkedInteger, checkNames, invalidOption } from '../option-checks.ts'

/** How much a log keeps: whichever bound is reached first drops the oldest. */
export interface HistoryBounds {
  /**
   * How many messages are kept.
   * @default 1_000
   */
  messages?: number | undefined
  /**
   * How many bytes are kept: encoded messages and their topics and keys, about 150 bytes beside each, and the names
   * of topics and idempotency keys that are remembered. The newest message is kept whatever its size.
   * @default 16_777_216
   */
  bytes?: number | undefined
  /** How old a kept message may be, in milliseconds. Unset: any age. */
  age?: number | undefined
}

/** The bounds, with their defaults. */
export interface ResolvedBounds {
  readonly messages: number
  readonly bytes: number
  readonly age: number
}

/** Adds the defaults. */
export function boundsOf({ messages = 1_000, bytes = 16_777_216, age = Number.POSITIVE_INFINITY }: HistoryBounds): ResolvedBounds {
  return { messages, bytes, age }
}

/** How many of so many bytes are for what is remembered beside the messages, of each kind. */
export function shareOf(bytes: number): number {
  return bytes / 8
}

/** Checks the bounds that an option has, of these names. @throws `ERR_SSE_INVALID_OPTION` */
export function checkBounds(option: string, bounds: HistoryBounds, names: readonly string[] = ['messages', 'bytes', 'age']): void {
  checkNames(option, bounds, names)
  for (const [name, value] of Object.entries(bounds)) {
    if (value === undefined || value === Number.POSITIVE_INFINITY) continue
    if (name === 'age') checkedAge(`${option}.age`, value)
    else checkedInteger(`${option}.${name}`, value, 1)
  }
}

/** A number of milliseconds of any length. @throws `ERR_SSE_INVALID_OPTION` */
export function checkedAge(name: string, value: unknown): number {
  if (Number.isFinite(value) && (value as number) > 0) return value as number
  throw invalidOption(`${name} must be a number of milliseconds above 0, got ${describe(value)}`)
}
