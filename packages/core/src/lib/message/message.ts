import { describe } from '../describe.ts'
import { TidingsError } from '../errors.ts'
import { prefixLines } from './lines.ts'
import { emptyMessage, eventWithoutData, invalidField, invalidMessage, notAMessage, unknownKey } from './message-errors.ts'

/** Turns `data` into text where it is neither text nor bytes. The default is `JSON.stringify`. */
export type Serialize = (data: unknown) => string

/** Fields that any message can have, under their names on the wire (WHATWG HTML 9.2.6). */
export interface MessageFields {
  /**
   * Becomes the client's last event ID, which it returns as `Last-Event-ID` when it reconnects. `''` resets it.
   * It must not contain CR, LF or NUL. Use `[A-Za-z0-9._~-]` alone: other characters cost a CORS preflight.
   */
  id?: string | undefined
  /** How long the client waits before it reconnects, in milliseconds: a non-negative safe integer. */
  retry?: number | undefined
  /** A comment before the message. Clients ignore it. */
  comment?: string | undefined
}

/** Maps the name of an event to the type of its data. The key `message` stands for messages without a name. */
export type EventMap = Record<string, unknown>

/** The events of a stream without a type argument: any name with any data. */
export type AnyEvents = Record<string, unknown>

/** The fields of a message to which a channel gives its id. */
type FieldsWithoutId = Omit<MessageFields, 'id'> & { id?: undefined }

type NamedMessage<Events extends object, Name extends keyof Events & string, Fields> = Fields & {
  data: Events[Name]
} & (string extends Name ? { event?: string | undefined } : Name extends 'message' ? { event?: 'message' | '' | undefined } : { event: Name })

type TextShorthand<Events extends object> = 'message' extends keyof Events
  ? string extends Events['message']
    ? string
    : Extract<Events['message'], string>
  : never

/**
 * One message. `data` is sent as it is where it is a string (unless `strings` is `'json'`), and as UTF-8 text where it
 * is bytes; `serialize` turns any other value into text. A bare string is short for `{ data }`. A message of `id`,
 * `retry` or `comment` alone dispatches no event in the client, but its `id` and `retry` take effect.
 */
export type Message<Events extends object = AnyEvents> =
  | TextShorthand<Events>
  | { [Name in keyof Events & string]: NamedMessage<Events, Name, MessageFields> }[keyof Events & string]
  | (MessageFields & { event?: never; data?: never })

// `PublishedMessage` names the event without a condition, so that TypeScript also matches a name that is a type
// parameter, as in `emit<Name extends keyof Events>(event: Name, data: Events[Name])`.
type MessageWithoutName<Events extends object> = string extends keyof Events
  ? NamedMessage<Events, string & keyof Events, FieldsWithoutId>
  : 'message' extends keyof Events
    ? FieldsWithoutId & { event?: 'message' | '' | undefined; data: Events['message'] }
    : never

/** A message that an app can publish: it has data, and no id. */
export type PublishedMessage<Events extends object = AnyEvents, Name extends keyof Events & string = keyof Events & string> =
  | TextShorthand<Events>
  | MessageWithoutName<Events>
  | { [Each in Name]: FieldsWithoutId & { event: Each; data: Events[Each] } }[Name]

/** The options of {@link encodeMessage}. */
export interface EncodeOptions {
  /**
   * Turns `data` into text where it is neither text nor bytes.
   * @default JSON.stringify
   */
  serialize?: Serialize | undefined
  /**
   * `'json'`: `serialize` turns strings into text too, so `'a'` is sent as `"a"`. Bytes are sent as text in any case.
   * @default 'text'
   */
  strings?: 'text' | 'json' | undefined
}

// From this length on, joining the text costs more than all other work on a frame.
const LONG_LINE = 4_096
const LINE_BREAK = /[\r\n]/
const ID_BREAK = /[\r\n\0]/
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/**
 * Encodes one message as wire text that ends with one blank line (WHATWG HTML 9.2.5). The order of the fields is
 * `comment`, `event`, `retry`, `data`, `id`. The id is last because some clients store it as soon as they read it:
 * they must not store the id of a message whose data they never got.
 *
 * @throws `ERR_SSE_INVALID_FIELD` for a line end in `event` or `id`, NUL in `id`, or a `retry` that is not a
 * non-negative safe integer; `ERR_SSE_INVALID_MESSAGE` for a value that is not a message, or data that cannot be
 * serialised
 *
 * @example
 * import { encodeMessage } from '@tidings/core'
 *
 * encodeMessage({ event: 'goal', data: { minute: 12 }, id: '7' })
 * // 'event: goal\ndata: {"minute":12}\nid: 7\n\n'
 */
export function encodeMessage(message: Message, options?: EncodeOptions): string {
  return encodeFrame(message, options, undefined) as string
}

/** Joins the parts of a frame whose data is one long line. Node's transport does it without copying the data twice. */
export type JoinLong = (before: string, line: string, after: string) => Uint8Array

/**
 * Encodes as {@link encodeMessage} does, without the blank line, so that further fields can follow. (A blank line cut
 * off later would stay in memory: the rest refers to the whole text.)
 */
export function encodeBlock(message: Message, options: EncodeOptions): string {
  return encodeFrame(message, options, undefined, '') as string
}

/** Encodes as {@link encodeMessage} does, and joins a long line by `joinLong` where it is given. */
export function encodeFrame(
  message: Message,
  options: EncodeOptions | undefined,
  joinLong: JoinLong | undefined,
  blankLine: '\n' | '' = '\n',
): string | Uint8Array {
  if (typeof message === 'string') return frameOf('', textOf(message, options), blankLine, joinLong)
  if (typeof message !== 'object' || message === null || isBytes(message) || Array.isArray(message)) throw notAMessage(message)

  let head = ''
  let tail = ''
  let hasData = false
  let data: unknown
  let event: string | undefined
  let retry = ''
  for (const key in message) {
    const value: unknown = (message as Record<string, unknown>)[key]
    switch (key) {
      case 'data':
        hasData = true
        data = value
        break
      case 'event':
        if (value !== undefined) event = checkedEvent(value)
        break
      case 'id':
        if (value !== undefined) tail = `id: ${checkedId(value)}\n`
        break
      case 'retry':
        if (value !== undefined) retry = `retry: ${checkedRetry(value)}\n`
        break
      case 'comment':
        if (value !== undefined) head = commentLines(checkedComment(value))
        break
      default:
        throw unknownKey(key)
    }
  }

  if (!hasData) {
    if (event !== undefined) throw eventWithoutData(event)
    const frame = head + retry + tail
    if (frame === '') throw emptyMessage(message)
    return frame + blankLine
  }
  if (event !== undefined && event !== '' && event !== 'message') head += `event: ${event}\n`
  return frameOf(head + retry, textOf(data, options), tail + blankLine, joinLong)
}

function frameOf(head: string, text: string, tail: string, joinLong: JoinLong | undefined): string | Uint8Array {
  if (joinLong && text.length >= LONG_LINE && isOneLine(text)) return joinLong(`${head}data: `, text, `\n${tail}`)
  return `${head}${dataLines(text)}${tail}`
}

function isOneLine(text: string): boolean {
  return text.indexOf('\n') === -1 && text.indexOf('\r') === -1
}

/**
 * Encodes a comment as wire text: each line is prefixed with a colon, and one blank line ends it. Clients ignore
 * comments, and proxies see traffic.
 *
 * @throws `ERR_SSE_INVALID_FIELD` when `text` is not a string
 *
 * @example
 * import { encodeComment } from '@tidings/core'
 *
 * encodeComment('still here') // ': still here\n\n'
 */
export function encodeComment(text = ''): string {
  return `${commentLines(checkedComment(text))}\n`
}

/** Checks an `event`. Exported for options that name an event. @throws `ERR_SSE_INVALID_FIELD` */
export function checkedEvent(value: unknown): string {
  if (typeof value !== 'string') throw invalidField(`event must be a string, got ${describe(value)}`)
  if (LINE_BREAK.test(value)) throw invalidField('event must not contain CR or LF: a line end starts a new field in the client')
  return value
}

/** Checks a `retry`. Exported for the option of this name. @throws `ERR_SSE_INVALID_FIELD` */
export function checkedRetry(value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
  throw invalidField(`retry must be a non-negative safe integer of milliseconds, got ${describe(value)}`)
}

/** Whether a value is bytes, in any of the types that platforms have for them. */
export function isBytes(value: unknown): value is ArrayBuffer | ArrayBufferView {
  return value instanceof ArrayBuffer || ArrayBuffer.isView(value)
}

function dataLines(text: string): string {
  return `data: ${prefixLines(text, '\ndata: ')}\n`
}

function commentLines(text: string): string {
  return text === '' ? ':\n' : `: ${prefixLines(text, '\n: ')}\n`
}

/** The text of a message's data. Exported for channels. @throws `ERR_SSE_INVALID_MESSAGE` */
export function textOf(data: unknown, { serialize = JSON.stringify, strings }: EncodeOptions = {}): string {
  if (typeof data === 'string' && strings !== 'json') return data
  if (isBytes(data)) return utf8.decode(data)
  if (typeof data === 'object' && data !== null && 'then' in data && typeof data.then === 'function') throw invalidMessage('data is a promise; await it first')
  let text: unknown
  try {
    text = serialize(data)
  } catch (cause) {
    throw new TidingsError(
      'ERR_SSE_INVALID_MESSAGE',
      `data cannot be serialised: ${cause instanceof Error ? cause.message : describe(cause)}; send a string, or set the serialize option`,
      { cause },
    )
  }
  if (typeof text === 'string') return text
  throw invalidMessage(`data is ${describe(data)}, which serialises to ${describe(text)}; for an empty message write { data: '' }`)
}

function checkedId(value: unknown): string {
  if (typeof value !== 'string') throw invalidField(`id must be a string, got ${describe(value)}; write String(id)`)
  if (ID_BREAK.test(value)) throw invalidField('id must not contain CR, LF or NUL: a line end starts a new field, and clients drop an id with NUL')
  return value
}

function checkedComment(value: unknown): string {
  if (typeof value === 'string') return value
  throw invalidField(`comment must be a string, got ${describe(value)}`)
}
