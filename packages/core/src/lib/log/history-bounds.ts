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
   * How many bytes of encoded messages are kept. The newest message is kept whatever its size.
   * @default 16_777_216
   */
  bytes?: number | undefined
  /** How old a kept message may be, in milliseconds. Unset: any age. */
  age?: number | undefined
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
