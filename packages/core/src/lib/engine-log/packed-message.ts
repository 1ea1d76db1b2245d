import type { LogMessage } from '../log/message-log.ts'
import { dataOf, eventOf, isBlock } from '../message/block.ts'

const LINE_END = /\r\n|\r/g

/**
 * Packs a message into one line of text. Fields that its block contains are left out. Fields may be added at the end
 * alone: a process of an earlier version ignores those that it does not know.
 */
export function packMessage({ block, event, data, isText, topic, moreTopics, key }: LogMessage): string {
  const fields: unknown[] = [block, isText ? 1 : 0, topic ?? null, key ?? null]
  if (moreTopics) fields.push(data, event, moreTopics)
  else if (dataOf(block) !== data || eventOf(block) !== event) fields.push(data, event)
  return JSON.stringify(fields)
}

/**
 * Unpacks a message from a line; `undefined` for any other text. The block is sent to clients as it is. So it must be
 * one that a channel encodes, and must match the event and the data.
 */
export function unpackMessage(packed: string): LogMessage | undefined {
  const fields = parsed(packed)
  if (!Array.isArray(fields)) return undefined
  const [block, isText, topic, key, data, event, moreTopics = []] = fields
  if (typeof block !== 'string' || !isName(topic) || !isName(key) || !isBlock(block)) return undefined
  if (!Array.isArray(moreTopics) || moreTopics.some((each) => typeof each !== 'string')) return undefined
  const said = { event: eventOf(block), data: dataOf(block) }
  if (fields.length > 4 && (event !== said.event || typeof data !== 'string' || data.replace(LINE_END, '\n') !== said.data)) return undefined
  return {
    block,
    event: said.event,
    data: fields.length > 4 ? data : said.data,
    isText: isText === 1,
    topic: topic ?? undefined,
    key: key ?? undefined,
    ...(moreTopics.length > 0 && { moreTopics }),
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
