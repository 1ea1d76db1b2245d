import type { TidingsError } from '@tidings/core'

/** The code of what a call throws, or `undefined` when it does not. */
export function codeOf(call: () => unknown): string | undefined {
  try {
    call()
  } catch (error) {
    return (error as TidingsError).code
  }
  return undefined
}
