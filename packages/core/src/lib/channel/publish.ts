import { TidingsError } from '../errors.ts'
import type { LogMessage } from '../log/message-log.ts'
import { encodeBlock, isBytes, type Message, type Serialize, textOf } from '../message/message.ts'
import { checkNames } from '../option-checks.ts'
import { checkedName } from './checked-name.ts'

/** Where a message of a channel belongs. */
export interface PublishOptions {
  /** Readers that name topics get the messages of those. At most 1,024 characters. */
  topic?: string | undefined
  /** A newer message of the same key supersedes this one for readers that conflate. At most 1,024 characters. */
  key?: string | undefined
  /**
   * Publishing again with the same key adds nothing and gives the first id, so that a caller may retry. At most 1,024
   * characters.
   */
  idempotencyKey?: string | undefined
}

const PUBLISH_OPTIONS = ['topic', 'key', 'idempotencyKey']

/** The names that a channel's own events have. */
export type ReservedEvents = ReadonlySet<string>

/** A message as its log keeps it: checked and encoded, so that what happens to its data later changes nothing. */
export function toLogMessage(message: Message, options: PublishOptions, serialize: Serialize = JSON.stringify, reserved: ReservedEvents): LogMessage {
  checkNames('publish', options, PUBLISH_OPTIONS)
  const parts = typeof message === 'string' ? { data: message } : message
  let serialized = ''
  // What is no message at all is refused here, with the text that says so.
  const block = encodeBlock(parts, (data) => {
    serialized = serialize(data)
    return serialized
  })
  if (parts.id !== undefined) throw new TidingsError('ERR_SSE_ID_OWNED', 'A channel gives its messages their ids; publish without one')
  if (!('data' in parts)) throw new TidingsError('ERR_SSE_INVALID_MESSAGE', "A channel's message needs data; for an empty one write { data: '' }")
  const event = parts.event || 'message'
  if (reserved.has(event))
    throw new TidingsError(
      'ERR_SSE_RESERVED_EVENT',
      `The event ${JSON.stringify(event)} is the channel's own; name it otherwise, or set the channel's resetEvent`,
    )
  const topic = nameOf('topic', options.topic)
  const key = nameOf('key', options.key)
  nameOf('idempotencyKey', options.idempotencyKey)
  const isText = typeof parts.data === 'string' || isBytes(parts.data)
  return { block, event, data: isText ? textOf(parts.data) : serialized, isText, topic, key }
}

function nameOf(option: string, value: unknown): string | undefined {
  return value === undefined ? undefined : checkedName(option, value)
}
