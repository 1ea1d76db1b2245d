import { ownText } from '../message/own-text.ts'
import { invalidOption, wrongOption } from '../option-checks.ts'

// Characters. Names come from clients, and are kept longer than messages.
const LONGEST_NAME = 1_024

/**
 * Checks the name of a topic or a key, and copies it. Only strings are names: a number would match no topic of a
 * reader.
 * @throws `ERR_SSE_INVALID_OPTION`
 */
export function checkedName(option: string, value: unknown): string {
  if (typeof value !== 'string') throw wrongOption(option, 'a string', value)
  if (value.length > LONGEST_NAME) throw invalidOption(`${option} must have at most ${LONGEST_NAME} characters, got ${value.length}; shorten it, or hash it`)
  return ownText(value)
}
