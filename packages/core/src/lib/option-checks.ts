import { describe } from './describe.ts'
import { TidingsError } from './errors.ts'

// Milliseconds. A longer delay overflows the timers of every platform.
export const LONGEST_DELAY: number = 2 ** 31 - 1

/**
 * Checks that options are an object, and that each of its names is an option. `of` names the function that takes them.
 * @throws `ERR_SSE_INVALID_OPTION`
 */
export function checkNames(of: string, options: object, names: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw invalidOption(`${of ? `the options of ${of}` : 'options'} must be an object, got ${Array.isArray(options) ? 'an array' : describe(options)}`)
  for (const name of Object.keys(options)) {
    if (names.includes(name)) continue
    throw invalidOption(`${describe(name)} is not an option${of && ` of ${of}`}; there are ${names.join(', ')}`)
  }
}

/** Checks that each option that is given is a function. @throws `ERR_SSE_INVALID_OPTION` */
export function checkFunctions(options: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined) checkCallback(name, value)
  }
}

/** Checks that a callback is a function. @throws `ERR_SSE_INVALID_OPTION` */
export function checkCallback(name: string, callback: unknown): void {
  if (typeof callback !== 'function') throw invalidOption(`${name} must be a function, got ${describe(callback)}`)
}

/**
 * Checks a number of milliseconds for a timer. `orElse` names the other values that the option takes.
 * @throws `ERR_SSE_INVALID_OPTION`
 */
export function checkedDelay(name: string, value: unknown, orElse = ''): number {
  if (typeof value === 'number' && value > 0 && value <= LONGEST_DELAY) return value
  throw invalidOption(`${name} must be a number of milliseconds above 0 and at most ${LONGEST_DELAY}${orElse}, got ${describe(value)}`)
}

/** Checks a whole number between `least` and `most`. @throws `ERR_SSE_INVALID_OPTION` */
export function checkedInteger(name: string, value: unknown, least: number, most: number = Number.MAX_SAFE_INTEGER): number {
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return value as number
  throw invalidOption(`${name} must be a whole number of at least ${least} and at most ${most}, got ${describe(value)}`)
}

/** Checks a signal, where one is given. @throws `ERR_SSE_INVALID_OPTION` */
export function checkedSignal(signal: unknown): AbortSignal | undefined {
  if (signal === undefined) return undefined
  if (typeof signal === 'object' && signal !== null && 'aborted' in signal && 'addEventListener' in signal) return signal as AbortSignal
  throw invalidOption(`signal must be an AbortSignal, got ${describe(signal)}`)
}

/** Checks an option by the check of a message's field. @throws `ERR_SSE_INVALID_OPTION` */
export function checkedOption<Value>(name: string, check: () => Value): Value {
  try {
    return check()
  } catch (error) {
    // The text begins with the name of the field.
    throw invalidOption((error as Error).message.replace(/^\w+/, name))
  }
}

/** The error for an option that is unknown or cannot work. */
export function invalidOption(text: string): TidingsError {
  return new TidingsError('ERR_SSE_INVALID_OPTION', text)
}
