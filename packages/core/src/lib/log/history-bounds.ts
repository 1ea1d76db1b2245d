import { describe } from '../message.ts'
import { checkNames, invalidOption } from '../option-checks.ts'

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

const NAMES = ['messages', 'bytes', 'age']

/** Checks the bounds of a history. @throws `ERR_SSE_INVALID_OPTION` */
export function checkBounds(bounds: HistoryBounds): void {
  checkNames('history', bounds, NAMES)
  for (const [name, value] of Object.entries(bounds)) {
    if (value !== undefined && !(typeof value === 'number' && value > 0))
      throw invalidOption(`history.${name} must be a number above 0, got ${describe(value)}`)
  }
}
