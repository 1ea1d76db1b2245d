import type { LogMessage } from '../log/message-log.ts'
import { dataOf, eventOf } from '../message/block.ts'

/** A message as one line of text. What its block says already is not said again. */
export function packMessage({ block, event, data, isText, topic, key }: LogMessage): string {
  const fields: unknown[] = [block, isText ? 1 : 0, topic ?? null, key ?? null]
  if (dataOf(block) !== data || eventOf(block) !== event) fields.push(data, event)
  return JSON.stringify(fields)
}

/** The message that a line was made of; `undefined` for any other text. */
export function unpackMessage(packed: string): LogMessage | undefined {
  const fields = parsed(packed)
  if (!Array.isArray(fields)) return undefined
  const [block, isText, topic, key, data, event] = fields
  if (typeof block !== 'string' || !block.endsWith('\n') || !isName(topic) || !isName(key)) return undefined
  return {
    block,
    event: typeof event === 'string' ? event : eventOf(block),
    data: typeof data === 'string' ? data : dataOf(block),
    isText: isText === 1,
    topic: topic ?? undefined,
    key: key ?? undefined,
  }
}

function isName(value: unknown): value is string | null {
  return value === null || typeof value === 'string'
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
