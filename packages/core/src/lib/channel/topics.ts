import { describe } from '../describe.ts'
import { invalidOption } from '../option-checks.ts'

/** The topics that were asked for; undefined for all messages. @throws `ERR_SSE_INVALID_OPTION` */
export function topicsOf(topics: Iterable<string> | undefined): ReadonlySet<string> | undefined {
  if (topics === undefined) return undefined
  const set = typeof topics === 'string' ? undefined : new Set(topics)
  if (!set || [...set].some((topic) => typeof topic !== 'string')) throw invalidOption(`topics must be a list of strings, got ${describe(topics)}`)
  return set
}
