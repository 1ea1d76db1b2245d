import { describe } from './describe.ts'
import { TidingsError } from './errors.ts'

// Longer delays overflow the timers of every platform.
const LONGEST_DELAY = 2 ** 31 - 1

/**
 * Refuses what is no object, and a name that is no option, `of` a function where one is named.
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

/** Refuses what is given and is no function. @throws `ERR_SSE_INVALID_OPTION` */
export function checkFunctions(options: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined) checkCallback(name, value)
  }
}

/** Refuses what is no function, `name` a callback that has to be one. @throws `ERR_SSE_INVALID_OPTION` */
export function checkCallback(name: string, callback: unknown): void {
  if (typeof callback !== 'function') throw invalidOption(`${name} must be a function, got ${describe(callback)}`)
}

/**
 * A number of milliseconds for a timer. `orElse` names what else the option takes.
 * @throws `ERR_SSE_INVALID_OPTION`
 */
export function checkedDelay(name: string, value: unknown, orElse = ''): number {
  if (typeof value === 'number' && value > 0 && value <= LONGEST_DELAY) return value
  throw invalidOption(`${name} must be a number of milliseconds above 0 and at most ${LONGEST_DELAY}${orElse}, got ${describe(value)}`)
}

/** A whole number within bounds. @throws `ERR_SSE_INVALID_OPTION` */
export function checkedInteger(name: string, value: unknown, least: number, most: number = Number.MAX_SAFE_INTEGER): number {
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return value as number
  throw invalidOption(`${name} must be a whole number of at least ${least} and at most ${most}, got ${describe(value)}`)
}

/** A signal, where one is given. @throws `ERR_SSE_INVALID_OPTION` */
export function checkedSignal(signal: unknown): AbortSignal | undefined {
  if (signal === undefined) return undefined
  if (typeof signal === 'object' && signal !== null && 'aborted' in signal && 'addEventListener' in signal) return signal as AbortSignal
  throw invalidOption(`signal must be an AbortSignal, got ${describe(signal)}`)
}

/** What a check of a field gives, for an option of this name. @throws `ERR_SSE_INVALID_OPTION` */
export function checkedOption<Value>(name: string, check: () => Value): Value {
  try {
    return check()
  } catch (error) {
    // It begins with the field's own name.
    throw invalidOption((error as Error).message.replace(/^\w+/, name))
  }
}

/** The error for an option that cannot work. */
export function invalidOption(text: string): TidingsError {
  return new TidingsError('ERR_SSE_INVALID_OPTION', text)
}
