import { TidingsError } from '../errors.ts'
import type { LogMessage } from '../log/message-log.ts'
import { type EncodeOptions, encodeBlock, type Message, textOf } from '../message/message.ts'
import { checkedOneOf, checkNames, invalidOption } from '../option-checks.ts'
import { checkedName } from './checked-name.ts'
import { topicsOf } from './topics.ts'

/** The options of `publish`. */
export interface PublishOptions {
  /**
   * The topic of the message, or several. A reader that names topics gets only their messages, and each message once.
   * At most 1,024 characters each. A log on an engine keeps messages of several with its option `severalTopics`.
   */
  topic?: string | readonly string[] | undefined
  /**
   * Whether the log keeps the message. With `false`, for typing indicators and cursors, it has no id and is never sent
   * again: it reaches only readers that have had all messages before it, can be written to and wait for no snapshot.
   * @default true
   */
  keep?: true | undefined
  /** A newer message of the same key supersedes this one for readers that conflate. At most 1,024 characters. */
  key?: string | undefined
  /**
   * Makes a retry safe: a second message with the same key is not added, and `publish` resolves to the id of the
   * first. At most 1,024 characters.
   */
  idempotencyKey?: string | undefined
}

/** The options of `publish` for a message that the log does not keep. */
export interface PassingOptions extends Pick<PublishOptions, 'topic'> {
  /** See `PublishOptions`. */
  keep: false
  /** A message that is not kept supersedes none. */
  key?: undefined
  /** A message that is not kept is not sent again. */
  idempotencyKey?: undefined
}

const PUBLISH_OPTIONS = ['topic', 'keep', 'key', 'idempotencyKey']

/** The names of a channel's own events. */
export type ReservedEvents = ReadonlySet<string>

/** Checks and encodes a message for its log. A later change of its data has no effect. */
export function toLogMessage(
  message: Message,
  options: PublishOptions | PassingOptions,
  { serialize = JSON.stringify, strings }: EncodeOptions,
  reserved: ReservedEvents,
  maxTopics = 1,
): LogMessage {
  checkNames('publish', options, PUBLISH_OPTIONS)
  const parts = typeof message === 'string' ? { data: message } : message
  let serialized: string | undefined
  // Refuses a value that is not a message, so it comes before the checks of its fields.
  const block = encodeBlock(parts, {
    serialize(data) {
      serialized = serialize(data)
      return serialized
    },
    strings,
  })
  if (parts.id !== undefined) throw new TidingsError('ERR_SSE_ID_OWNED', 'A channel gives its messages their ids; publish without one')
  if (!('data' in parts)) throw new TidingsError('ERR_SSE_INVALID_MESSAGE', "A channel's message needs data; for an empty one write { data: '' }")
  const event = parts.event || 'message'
  if (reserved.has(event))
    throw new TidingsError('ERR_SSE_RESERVED_EVENT', `event ${JSON.stringify(event)} belongs to the channel itself; use another name, or set its resetEvent`)
  const [topic, ...moreTopics] = Array.isArray(options.topic) ? (topicsOf(options.topic, maxTopics) ?? []) : [nameOf('topic', options.topic)]
  const key = nameOf('key', options.key)
  const { keep = true } = options
  const idempotencyKey = nameOf('idempotencyKey', options.idempotencyKey)
  checkedOneOf('keep', keep, [true, false])
  if (!keep && (key ?? idempotencyKey) !== undefined)
    throw invalidOption('a message that is not kept takes no key and no idempotencyKey: leave them out, or keep the message')
  return {
    block,
    event,
    data: serialized ?? textOf(parts.data),
    isText: serialized === undefined,
    topic,
    key,
    ...(moreTopics.length > 0 && { moreTopics: moreTopics as string[] }),
  }
}

function nameOf(option: string, value: unknown): string | undefined {
  return value === undefined ? undefined : checkedName(option, value)
}
