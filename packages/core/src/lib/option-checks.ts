import { TidingsError } from './errors.ts'
import { describe } from './message.ts'

/** Refuses a name that is no option. @throws `ERR_SSE_INVALID_OPTION` */
export function checkNames(of: string, options: object, names: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (!names.includes(name)) throw invalidOption(`${describe(name)} is not an option of ${of}; there are ${names.join(', ')}`)
  }
}

/** The error for an option that cannot work. */
export function invalidOption(text: string): TidingsError {
  return new TidingsError('ERR_SSE_INVALID_OPTION', text)
}
