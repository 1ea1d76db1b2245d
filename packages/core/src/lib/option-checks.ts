import { describe } from './describe.ts'
import { TidingsError } from './errors.ts'

// Milliseconds. A longer delay overflows the timers of every platform.
export const LONGEST_DELAY: number = 2 ** 31 - 1

/**
 * Checks that options are an object, and that each of its names is an option. `of` names the function that takes them.
 * @throws `ERR_SSE_INVALID_OPTION`
 */
export function checkNames(of: string, options: object, names: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) throw wrongOption(`the options of ${of}`, 'an object', options)
  for (const name of Object.keys(options)) {
    if (names.includes(name)) continue
    throw invalidOption(`${describe(name)} is not an option of ${of}; there are ${names.join(', ')}`)
  }
}

/** Checks that each option that is given is a function. @throws `ERR_SSE_INVALID_OPTION` */
export function checkFunctions(options: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined) checkCallback(name, value)
  }
}

/** Checks that a callback is a function. @throws `ERR_SSE_INVALID_OPTION` */
export function checkCallback<Callback>(name: string, callback: unknown): Callback {
  if (typeof callback === 'function') return callback as Callback
  throw wrongOption(name, 'a function', callback)
}

/**
 * Checks a number of milliseconds for a timer. `orElse` names the other values that the option takes.
 * @throws `ERR_SSE_INVALID_OPTION`
 */
export function checkedDelay(name: string, value: unknown, orElse = ''): number {
  if (typeof value === 'number' && value > 0 && value <= LONGEST_DELAY) return value
  throw wrongOption(name, `a number of milliseconds above 0 and at most ${LONGEST_DELAY}${orElse}`, value)
}

/** Checks a whole number between `least` and `most`. @throws `ERR_SSE_INVALID_OPTION` */
export function checkedInteger(name: string, value: unknown, least: number, most: number = Number.MAX_SAFE_INTEGER): number {
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return value as number
  throw wrongOption(name, `a whole number of at least ${least} and at most ${most}`, value)
}

/** Checks a value of which there are few. `undefined` among them is not named. @throws `ERR_SSE_INVALID_OPTION` */
export function checkedOneOf<Value>(name: string, value: unknown, values: readonly Value[]): Value {
  if (values.includes(value as Value)) return value as Value
  throw wrongOption(
    name,
    values
      .filter((each) => each !== undefined)
      .map(describe)
      .join(' or '),
    value,
  )
}

/** Checks a signal, where one is given. @throws `ERR_SSE_INVALID_OPTION` */
export function checkedSignal(signal?: unknown): AbortSignal | undefined {
  if (signal === undefined) return undefined
  if (typeof signal === 'object' && signal !== null && 'aborted' in signal && 'addEventListener' in signal) return signal as AbortSignal
  throw wrongOption('signal', 'an AbortSignal', signal)
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

/** The error for an option with another value than it wants. */
export function wrongOption(name: string, wanted: string, value: unknown): TidingsError {
  return invalidOption(`${name} must be ${wanted}, got ${describe(value)}`)
}

/** The error for an option that is unknown or cannot work. */
export function invalidOption(text: string): TidingsError {
  return new TidingsError('ERR_SSE_INVALID_OPTION', text)
}
