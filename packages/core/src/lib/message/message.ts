import { describe } from '../describe.ts'
import { TidingsError } from '../errors.ts'
import { prefixLines } from './lines.ts'
import { emptyMessage, eventWithoutData, invalidField, invalidMessage, notAMessage, unknownKey } from './message-errors.ts'

/** Turns `data` that is neither text nor bytes into text. `JSON.stringify` unless the options say otherwise. */
export type Serialize = (data: unknown) => string

/** Fields that go with any message, in the wire's own names (WHATWG HTML 9.2.6). */
export interface MessageFields {
  /**
   * Becomes the client's last event ID, which it returns as `Last-Event-ID` when it reconnects. `''` resets it.
   * No CR, LF or NUL. Keep to `[A-Za-z0-9._~-]`: other characters cost a preflight across origins.
   */
  id?: string | undefined
  /** How long the client waits before it reconnects, in milliseconds: a non-negative safe integer. */
  retry?: number | undefined
  /** A comment before the message. Clients never see it. */
  comment?: string | undefined
}

/** Event names to the type of their data. The key `message` is the event without a name. */
export type EventMap = Record<string, unknown>

/** What a stream without a type argument takes: any event, any data. */
export type AnyEvents = Record<string, unknown>

type NamedMessage<Events extends object, Name extends keyof Events & string> = MessageFields & {
  data: Events[Name]
} & (string extends Name ? { event?: string | undefined } : Name extends 'message' ? { event?: 'message' | '' | undefined } : { event: Name })

type TextShorthand<Events extends object> = 'message' extends keyof Events
  ? string extends Events['message']
    ? string
    : Extract<Events['message'], string>
  : never

/**
 * One message. `data` goes out as it is when it is a string, as UTF-8 text when it is bytes, and through `serialize`
 * otherwise. A bare string is short for `{ data }`. A message of `id`, `retry` or `comment` alone dispatches no event
 * in the client, but its `id` and `retry` count.
 */
export type Message<Events extends object = AnyEvents> =
  | TextShorthand<Events>
  | { [Name in keyof Events & string]: NamedMessage<Events, Name> }[keyof Events & string]
  | (MessageFields & { event?: never; data?: never })

/** How {@link encodeMessage} encodes. */
export interface EncodeOptions {
  /** @default JSON.stringify */
  serialize?: Serialize | undefined
}

// From here on joining text costs more than everything else about a frame.
const LONG_LINE = 4_096
const LINE_BREAK = /[\r\n]/
const ID_BREAK = /[\r\n\0]/
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/**
 * One message as the text of the wire, ending with one blank line (WHATWG HTML 9.2.5). Fields come as `comment`,
 * `event`, `retry`, `data`, `id`: clients that keep an id as soon as they read it must not hold one whose data they
 * never got.
 *
 * @throws `ERR_SSE_INVALID_FIELD` for a line end in `event` or `id`, NUL in `id`, or a `retry` that is no time;
 * `ERR_SSE_INVALID_MESSAGE` for anything that is no message, or data that cannot be serialised.
 *
 * @example
 * import { encodeMessage } from '@tidings/core'
 *
 * encodeMessage({ event: 'goal', data: { minute: 12 }, id: '7' })
 * // 'event: goal\ndata: {"minute":12}\nid: 7\n\n'
 */
export function encodeMessage(message: Message, options?: EncodeOptions): string {
  return encodeFrame(message, options?.serialize, undefined) as string
}

/** Joins a frame around data that is one long line. A transport knows how to do it without copying the data twice. */
export type JoinLong = (before: string, line: string, after: string) => Uint8Array

/** What {@link encodeMessage} does, with long lines joined by `joinLong` where there is one. */
export function encodeFrame(message: Message, serialize: Serialize | undefined, joinLong: JoinLong | undefined): string | Uint8Array {
  return encode(message, serialize, joinLong, '\n')
}

/**
 * What {@link encodeMessage} does, without the blank line: further fields can follow. (Cut off later, the rest would
 * keep the whole.)
 */
export function encodeBlock(message: Message, serialize: Serialize): string {
  return encode(message, serialize, undefined, '') as string
}

function encode(message: Message, serialize: Serialize | undefined, joinLong: JoinLong | undefined, blankLine: '\n' | ''): string | Uint8Array {
  if (typeof message === 'string') return frameOf('', message, blankLine, joinLong)
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
  return frameOf(head + retry, textOf(data, serialize), tail + blankLine, joinLong)
}

function frameOf(head: string, text: string, tail: string, joinLong: JoinLong | undefined): string | Uint8Array {
  if (joinLong && text.length >= LONG_LINE && isOneLine(text)) return joinLong(`${head}data: `, text, `\n${tail}`)
  return `${head}${dataLines(text)}${tail}`
}

function isOneLine(text: string): boolean {
  return text.indexOf('\n') === -1 && text.indexOf('\r') === -1
}

/**
 * A comment as the text of the wire, every line of it prefixed, ending with one blank line. Clients ignore it,
 * proxies see traffic.
 *
 * @throws `ERR_SSE_INVALID_FIELD` when `text` is not a string.
 *
 * @example
 * import { encodeComment } from '@tidings/core'
 *
 * encodeComment('still here') // ': still here\n\n'
 */
export function encodeComment(text = ''): string {
  return `${commentLines(checkedComment(text))}\n`
}

/** The `event` as it may be written. Exported for the options, which name a heartbeat's event. */
export function checkedEvent(value: unknown): string {
  if (typeof value !== 'string') throw invalidField(`event must be a string, got ${describe(value)}`)
  if (LINE_BREAK.test(value)) throw invalidField('event must not contain CR or LF: a line end starts a new field in the client')
  return value
}

/** The `retry` as it may be written. Exported for the options, which set one for the stream. */
export function checkedRetry(value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
  throw invalidField(`retry must be a non-negative safe integer of milliseconds, got ${describe(value)}`)
}

/** Bytes in any of the forms that a platform hands over. */
export function isBytes(value: unknown): value is ArrayBuffer | ArrayBufferView {
  return value instanceof ArrayBuffer || ArrayBuffer.isView(value)
}

function dataLines(text: string): string {
  return `data: ${prefixLines(text, '\ndata: ')}\n`
}

function commentLines(text: string): string {
  return text === '' ? ':\n' : `: ${prefixLines(text, '\n: ')}\n`
}

/** The text of a message's data. Exported for channels, which encode once for all. */
export function textOf(data: unknown, serialize: Serialize = JSON.stringify): string {
  if (typeof data === 'string') return data
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
