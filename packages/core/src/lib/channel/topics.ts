import { invalidOption, wrongOption } from '../option-checks.ts'
import { checkedName } from './checked-name.ts'

/**
 * Checks the topics of a reader, at most `most` of them. Undefined stands for all messages.
 * @throws `ERR_SSE_INVALID_OPTION`
 */
export function topicsOf(topics: Iterable<string> | undefined, most: number): ReadonlySet<string> | undefined {
  if (topics === undefined) return undefined
  const isList = typeof topics === 'object' && topics !== null && Symbol.iterator in topics
  if (!isList) throw wrongOption('topics', 'a list of strings', topics)
  const set = new Set<string>()
  for (const topic of topics) checkCount(set.add(checkedName('a topic', topic)), most)
  return set
}

/** Checks the number of topics. @throws `ERR_SSE_INVALID_OPTION` */
export function checkCount(topics: ReadonlySet<string>, most: number): void {
  if (topics.size > most) throw invalidOption(`topics must be at most ${most} names; limit what a client may ask for, or set the channel's maxTopics`)
}
