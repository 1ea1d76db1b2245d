import { describe } from '../describe.ts'
import { TidingsError } from '../errors.ts'

const FIELDS = ['data', 'event', 'id', 'retry', 'comment']
// Wrong names that people coming from other libraries write, and the field each means.
const MEANT = new Map([
  ['type', 'event'],
  ['name', 'event'],
  ['eventName', 'event'],
  ['eventType', 'event'],
  ['topic', 'event'],
  ['lastEventId', 'id'],
  ['eventId', 'id'],
  ['_id', 'id'],
  ['payload', 'data'],
  ['body', 'data'],
  ['value', 'data'],
  ['text', 'data'],
  ['content', 'data'],
  ['message', 'data'],
  ['json', 'data'],
  ['detail', 'data'],
  ['retryAfter', 'retry'],
  ['reconnectionTime', 'retry'],
  ['comments', 'comment'],
])

/** The error of a field that cannot be written. */
export function invalidField(text: string): TidingsError {
  return new TidingsError('ERR_SSE_INVALID_FIELD', text)
}

/** The error of what is no message. */
export function invalidMessage(text: string): TidingsError {
  return new TidingsError('ERR_SSE_INVALID_MESSAGE', text)
}

/** The error of a value that was sent as a message. */
export function notAMessage(value: unknown): TidingsError {
  return invalidMessage(
    `A message is a string or { data, event, id, retry, comment }, got ${Array.isArray(value) ? 'an array' : describe(value)}; write { data: value }`,
  )
}

/** The error of a message without a field. */
export function emptyMessage(message: object): TidingsError {
  // A Date, a Map, an Error, a promise that nobody awaited: they have no keys, and are values, not messages without
  // fields.
  if (Object.keys(message).length === 0 && describe(message) !== describe({})) return notAMessage(message)
  return invalidMessage("A message needs at least one of data, id, retry and comment; for an empty message write { data: '' }")
}

/** The error of a key that is no field, with the one that was meant. */
export function unknownKey(key: string): TidingsError {
  const meant = MEANT.get(key) ?? FIELDS.find((field) => field === key.toLowerCase())
  const hint = meant === undefined ? 'to send a value, write { data: value }' : `did you mean ${meant}?`
  return invalidMessage(`${describe(key)} is not a field of a message (data, event, id, retry, comment); ${hint}`)
}

/** The error of an event that no client would see. */
export function eventWithoutData(event: string): TidingsError {
  return invalidMessage(`event ${describe(event)} has no data, and clients drop such an event in silence; write data: ''`)
}
