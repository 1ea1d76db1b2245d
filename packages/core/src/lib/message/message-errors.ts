import { describe } from '../describe.ts'
import { TidingsError } from '../errors.ts'

// The fields of a message, and the names that other libraries use for them.
const OTHER_NAMES = {
  data: ['payload', 'body', 'value', 'text', 'content', 'message', 'json', 'detail'],
  event: ['type', 'name', 'eventName', 'eventType', 'topic'],
  id: ['lastEventId', 'eventId', '_id'],
  retry: ['retryAfter', 'reconnectionTime'],
  comment: ['comments'],
}

/** The error for a field that cannot be written. */
export function invalidField(text: string): TidingsError {
  return new TidingsError('ERR_SSE_INVALID_FIELD', text)
}

/** The error for a value that is not a message. */
export function invalidMessage(text: string): TidingsError {
  return new TidingsError('ERR_SSE_INVALID_MESSAGE', text)
}

/** The error for a value that was sent in place of a message. */
export function notAMessage(value: unknown): TidingsError {
  return invalidMessage(`A message is a string or { data, event, id, retry, comment }, got ${describe(value)}; write { data: value }`)
}

/** The error for a second argument of `send`, which other libraries take as the event or the id. */
export function secondArgument(value: unknown): TidingsError {
  const event = describe(typeof value === 'string' ? value : 'name')
  return invalidMessage(`send takes one argument, a message, and got ${describe(value)} as well; write send({ event: ${event}, data })`)
}

/** The error for an object without any field of a message. */
export function emptyMessage(message: object): TidingsError {
  // A Date, a Map, an Error or a promise has no keys either, but it is a value and not an empty message.
  if (Object.keys(message).length === 0 && describe(message) !== describe({})) return notAMessage(message)
  return invalidMessage("A message needs at least one of data, id, retry and comment; for an empty message write { data: '' }")
}

/** The error for a key that is not a field. It names the field that was probably meant. */
export function unknownKey(key: string): TidingsError {
  const [meant] = Object.entries(OTHER_NAMES).find(([field, names]) => field === key.toLowerCase() || names.includes(key)) ?? []
  const hint = meant === undefined ? 'to send a value, write { data: value }' : `did you mean ${meant}?`
  return invalidMessage(`${describe(key)} is not a field of a message (data, event, id, retry, comment); ${hint}`)
}

/** The error for an event without data: clients ignore it. */
export function eventWithoutData(event: string): TidingsError {
  return invalidMessage(`event ${describe(event)} has no data, so clients would ignore it; write data: ''`)
}
