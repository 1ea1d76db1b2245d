import { describe } from '../describe.ts'
import { invalidOption } from '../option-checks.ts'

/** The topics that were asked for; undefined for all messages. @throws `ERR_SSE_INVALID_OPTION` */
export function topicsOf(topics: Iterable<string> | undefined): ReadonlySet<string> | undefined {
  if (topics === undefined) return undefined
  const isList = typeof topics === 'object' && topics !== null && Symbol.iterator in topics
  if (!isList) throw invalidOption(`topics must be a list of strings, got ${describe(topics)}`)
  const set = new Set(topics)
  for (const topic of set) if (typeof topic !== 'string') throw invalidOption(`topics must be a list of strings, got one with ${describe(topic)}`)
  return set
}
