import { TidingsError } from './errors.ts'
import { describe } from './message.ts'

/** Refuses a name that is no option, `of` a function where one is named. @throws `ERR_SSE_INVALID_OPTION` */
export function checkNames(of: string, options: object, names: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (names.includes(name)) continue
    throw invalidOption(`${describe(name)} is not an option${of && ` of ${of}`}; there are ${names.join(', ')}`)
  }
}

/** Refuses what is given and is no function. @throws `ERR_SSE_INVALID_OPTION` */
export function checkFunctions(options: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && typeof value !== 'function') throw invalidOption(`${name} must be a function, got ${describe(value)}`)
  }
}

/** The error for an option that cannot work. */
export function invalidOption(text: string): TidingsError {
  return new TidingsError('ERR_SSE_INVALID_OPTION', text)
}
