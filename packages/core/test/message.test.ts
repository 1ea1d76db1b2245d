import { describe, expect, test } from 'vitest'
import type { TidingsError } from '../src/lib/errors.ts'
import { encodeComment, encodeMessage, type Message } from '../src/lib/message/message.ts'
import { received } from './support/parsers.ts'

/** The error of a message that the types would not let through, or whose fields only a running program can check. */
function refusal(message: unknown, options?: Parameters<typeof encodeMessage>[1]): TidingsError {
  try {
    encodeMessage(message as Message, options)
  } catch (error) {
    return error as TidingsError
  }
  throw new Error('the message was taken')
}

const bytes = (text: string) => new TextEncoder().encode(text)

describe('the frame of a message', () => {
  test.each<[Message, string]>([
    ['hello', 'data: hello\n\n'],
    [{ data: 'hello' }, 'data: hello\n\n'],
    [{ data: { minute: 12 } }, 'data: {"minute":12}\n\n'],
    [{ data: [1, null] }, 'data: [1,null]\n\n'],
    [{ data: 0 }, 'data: 0\n\n'],
    [{ data: false }, 'data: false\n\n'],
    [{ data: null }, 'data: null\n\n'],
    [{ data: new Date(0) }, 'data: "1970-01-01T00:00:00.000Z"\n\n'],
    [{ event: 'goal', data: 'x' }, 'event: goal\ndata: x\n\n'],
    [{ event: undefined, data: 'x', id: undefined, retry: undefined, comment: undefined }, 'data: x\n\n'],
    [{ data: 'x', retry: 0 }, 'retry: 0\ndata: x\n\n'],
    [{ data: 'x', retry: Number.MAX_SAFE_INTEGER }, 'retry: 9007199254740991\ndata: x\n\n'],
  ])('%j becomes %j', (message, frame) => {
    expect(encodeMessage(message)).toBe(frame)
  })

  test('passes its data through serialize, except text and bytes', () => {
    const serialize = (data: unknown) => `<${String(data)}>`
    expect(encodeMessage({ data: 7 }, { serialize })).toBe('data: <7>\n\n')
    expect(encodeMessage({ data: undefined }, { serialize })).toBe('data: <undefined>\n\n')
    expect(encodeMessage({ data: 'text' }, { serialize })).toBe('data: text\n\n')
    expect(encodeMessage({ data: bytes('bytes') }, { serialize })).toBe('data: bytes\n\n')
    expect(encodeMessage({ data: 7 }, { serialize: undefined })).toBe('data: 7\n\n')
  })

  test("W13 passes strings through serialize with strings: 'json', and bytes as text", () => {
    const strings = 'json'
    for (const message of ['a "b"\n', { data: 'a "b"\n' }]) expect(encodeMessage(message, { strings })).toBe('data: "a \\"b\\"\\n"\n\n')
    expect(encodeMessage('', { strings })).toBe('data: ""\n\n')
    expect(encodeMessage({ data: bytes('{}') }, { strings })).toBe('data: {}\n\n')
    expect(encodeMessage({ data: 'a' }, { strings, serialize: (data) => `<${data}>` })).toBe('data: <a>\n\n')
    expect(encodeMessage({ comment: 'a', event: 'e', id: '1', data: { b: 'c' } }, { strings })).toBe(': a\nevent: e\ndata: {"b":"c"}\nid: 1\n\n')
    expect(encodeMessage('a', { strings: 'text' })).toBe('data: a\n\n')
  })

  test('W2 splits the text of serialize like any text', () => {
    expect(encodeMessage({ data: { a: 1 } }, { serialize: (data) => JSON.stringify(data, null, 1) })).toBe('data: {\ndata:  "a": 1\ndata: }\n\n')
  })

  test('reads every field once, so that a getter cannot give two values', () => {
    let reads = 0
    const message = {
      get data() {
        reads++
        return `read ${reads}`
      },
    }
    expect(encodeMessage(message)).toBe('data: read 1\n\n')
    expect(reads).toBe(1)
  })
})

describe('the wire', () => {
  test('W1 takes bytes of any view as UTF-8 text, and keeps a BOM in the data', () => {
    const text = bytes('\uFEFFä\u{1F3C0}')
    const frame = 'data: \uFEFFä\u{1F3C0}\n\n'
    expect(encodeMessage({ data: text })).toBe(frame)
    expect(encodeMessage({ data: text.buffer })).toBe(frame)
    expect(encodeMessage({ data: Buffer.from(text) })).toBe(frame)
    expect(encodeMessage({ data: new DataView(text.buffer) })).toBe(frame)
    expect(encodeMessage({ data: bytes('-x-').subarray(1, 2) })).toBe('data: x\n\n')
  })

  test('W1 takes bytes that are not UTF-8 as U+FFFD', () => {
    expect(encodeMessage({ data: Uint8Array.of(0x61, 0xff, 0x62) })).toBe('data: a\uFFFDb\n\n')
  })

  test('W1 begins with ASCII always, so that a BOM in the data is never taken for the one that a stream may begin with', () => {
    expect(received(encodeMessage('\uFEFFa')).events).toEqual([{ type: 'message', data: '\uFEFFa', lastEventId: '' }])
  })

  test.each([
    ['a\n', 'data: a\ndata: \n\n'],
    ['', 'data: \n\n'],
    ['\n', 'data: \ndata: \n\n'],
    ['a\nb', 'data: a\ndata: b\n\n'],
    ['a\rb', 'data: a\ndata: b\n\n'],
    ['a\r\nb', 'data: a\ndata: b\n\n'],
    ['a\n\rb', 'data: a\ndata: \ndata: b\n\n'],
    ['a\r\r\nb', 'data: a\ndata: \ndata: b\n\n'],
    ['a\r', 'data: a\ndata: \n\n'],
    ['$&\n$1', 'data: $&\ndata: $1\n\n'],
  ])('W2 splits %j on CRLF, LF and CR', (data, frame) => {
    expect(encodeMessage({ data })).toBe(frame)
    expect(encodeMessage(data)).toBe(frame)
    expect(encodeMessage({ data: bytes(data) })).toBe(frame)
  })

  test.each(['\u2028', '\u2029', '\u0085', '\v', '\f', '\0', '\u001e'])('W2 does not split on %j', (separator) => {
    expect(encodeMessage(`a${separator}b`)).toBe(`data: a${separator}b\n\n`)
  })

  test('W3 keeps leading spaces', () => {
    expect(encodeMessage({ event: ' e', data: '  d\n x', id: ' i' })).toBe('event:  e\ndata:   d\ndata:  x\nid:  i\n\n')
    expect(received('event:  e\ndata:   d\ndata:  x\nid:  i\n\n').events).toEqual([{ type: ' e', data: '  d\n x', lastEventId: ' i' }])
  })

  test.each(['\n', '\r', '\r\n'])('W4 refuses %j in event and in id', (end) => {
    for (const value of [end, `a${end}`, `${end}a`, `a${end}data: injected`]) {
      expect(refusal({ event: value, data: '' })).toMatchObject({ code: 'ERR_SSE_INVALID_FIELD', message: expect.stringContaining('event') })
      expect(refusal({ id: value, data: '' })).toMatchObject({ code: 'ERR_SSE_INVALID_FIELD', message: expect.stringContaining('id') })
    }
  })

  test('W4 refuses NUL in id, where clients drop it, and only there', () => {
    expect(refusal({ id: 'a\0b' })).toMatchObject({ code: 'ERR_SSE_INVALID_FIELD', message: expect.stringContaining('NUL') })
    expect(encodeMessage({ event: 'a\0b', data: '' })).toBe('event: a\0b\ndata: \n\n')
  })

  test.each(['1\ndata: x', '1', '', Number.NaN, 1.5, -1, 1e21, Number.POSITIVE_INFINITY, 2 ** 53, null, true, 10n, [1], new Date(5)])(
    'W5 refuses a retry of %o',
    (retry) => {
      expect(refusal({ retry, data: '' })).toMatchObject({
        name: 'TidingsError',
        code: 'ERR_SSE_INVALID_FIELD',
        message: expect.stringContaining('retry must be a non-negative safe integer of milliseconds'),
      })
    },
  )

  test.each([
    ['', ':\n\n'],
    ['hello', ': hello\n\n'],
    ['a\nb', ': a\n: b\n\n'],
    ['a\rb', ': a\n: b\n\n'],
    ['a\r\nb', ': a\n: b\n\n'],
    ['a\n', ': a\n: \n\n'],
    ['a\n\ndata: injected', ': a\n: \n: data: injected\n\n'],
    ['\rretry: 1', ': \n: retry: 1\n\n'],
  ])('W6 prefixes every line of the comment %j', (comment, frame) => {
    expect(encodeComment(comment)).toBe(frame)
    expect(encodeMessage({ comment })).toBe(frame)
    expect(encodeMessage({ comment, data: 'x' })).toBe(`${frame.slice(0, -1)}data: x\n\n`)
    expect(received(frame)).toEqual({ events: [], lastEventId: '', reconnectionTime: undefined })
  })

  test('W6 writes a bare comment without a text', () => {
    expect(encodeComment()).toBe(':\n\n')
  })

  test('W7 sends an empty id, and none by accident', () => {
    expect(encodeMessage({ id: '', data: 'x' })).toBe('data: x\nid: \n\n')
    expect(encodeMessage({ id: '' })).toBe('id: \n\n')
    expect(encodeMessage({ id: undefined, data: 'x' })).toBe('data: x\n\n')
    expect(received('data: 1\nid: a\n\ndata: 2\nid: \n\ndata: 3\n\n').events.map((event) => event.lastEventId)).toEqual(['a', '', ''])
  })

  test.each(['', 'message'])('W7 writes no event line for the event %j', (event) => {
    expect(encodeMessage({ event, data: 'x' })).toBe('data: x\n\n')
  })

  test.each<[Message, string]>([
    [{ id: '7' }, 'id: 7\n\n'],
    [{ retry: 1000 }, 'retry: 1000\n\n'],
    [{ comment: 'x' }, ': x\n\n'],
    [{ comment: 'x', retry: 1000, id: '7' }, ': x\nretry: 1000\nid: 7\n\n'],
  ])('W8 dispatches nothing for %j, and counts its id and retry', (message, frame) => {
    expect(encodeMessage(message)).toBe(frame)
    const { id = '', retry } = message as { id?: string; retry?: number }
    expect(received(frame)).toEqual({ events: [], lastEventId: id, reconnectionTime: retry })
  })

  test.each<Message>([
    '',
    'a\n\n',
    { data: '\n\n\n' },
    { data: bytes('a\r\r') },
    { id: '1' },
    { retry: 1 },
    { comment: '\n\n' },
    { comment: '', event: 'e', retry: 1, data: '', id: '' },
  ])('W9 ends the frame of %j with its only blank line', (message) => {
    expect(encodeMessage(message).indexOf('\n\n')).toBe(encodeMessage(message).length - 2)
    expect(encodeMessage(message)).not.toContain('\r')
  })

  test('W12 writes the id last, for any order of the keys', () => {
    const frame = ': c\nevent: e\nretry: 5\ndata: a\ndata: b\nid: 7\n\n'
    expect(encodeMessage({ id: '7', data: 'a\nb', retry: 5, event: 'e', comment: 'c' })).toBe(frame)
    expect(encodeMessage({ comment: 'c', event: 'e', retry: 5, data: 'a\nb', id: '7' })).toBe(frame)
  })
})

describe('W11 a value that is not a message', () => {
  const cycle: { self?: unknown } = {}
  cycle.self = cycle

  test.each<[what: string, message: unknown, says: string[]]>([
    ['undefined', undefined, ['got undefined', 'write { data: value }']],
    ['null', null, ['got null', 'write { data: value }']],
    ['a number', 7, ['got 7', 'write { data: value }']],
    ['a boolean', true, ['got true', 'write { data: value }']],
    ['a BigInt', 7n, ['got a bigint', 'write { data: value }']],
    ['a symbol', Symbol('x'), ['got a symbol', 'write { data: value }']],
    ['a function', () => 'x', ['got a function', 'write { data: value }']],
    ['an array', ['x'], ['got an array', 'write { data: value }']],
    ['an empty array', [], ['got an array', 'write { data: value }']],
    ['bytes', bytes('x'), ['got an instance of Uint8Array', 'write { data: value }']],
    ['a buffer', bytes('x').buffer, ['got an instance of ArrayBuffer', 'write { data: value }']],
    ['a Date', new Date(), ['got an instance of Date', 'write { data: value }']],
    ['a Map', new Map([['data', 'x']]), ['got an instance of Map', 'write { data: value }']],
    ['an Error', new Error('x'), ['got an instance of Error', 'write { data: value }']],
    ['a promise', Promise.resolve('x'), ['got an instance of Promise', 'write { data: value }']],
    ['a value that is not wrapped', { foo: 1 }, ['"foo" is not a field', 'write { data: value }']],
    ['a value named as what every object has', { constructor: 1 }, ['"constructor" is not a field', 'write { data: value }']],
    ['a value with a key of great length', { ['k'.repeat(9_999)]: 1 }, [`"${'k'.repeat(40)}…" is not a field`]],
    ['an empty object', {}, ['at least one of data, id, retry and comment', "write { data: '' }"]],
    ['fields that are all undefined', { id: undefined, event: undefined }, ['at least one of data, id, retry and comment', "write { data: '' }"]],
    ['an event without data', { event: 'goal' }, ['event "goal" has no data', "write data: ''"]],
    ['an event and an id without data', { event: 'goal', id: '7' }, ['event "goal" has no data', "write data: ''"]],
    ['an event of no name without data', { event: '' }, ['has no data', "write data: ''"]],
    ['data: undefined', { data: undefined }, ['data is undefined', "write { data: '' }"]],
    ['an event with data: undefined', { event: 'goal', data: undefined }, ['data is undefined', "write { data: '' }"]],
    ['data that is a function', { data: () => 1 }, ['data is a function', "write { data: '' }"]],
    ['data that is a symbol', { data: Symbol('x') }, ['data is a symbol', "write { data: '' }"]],
    ['data whose toJSON gives undefined', { data: { toJSON: () => undefined } }, ['serialises to undefined', "write { data: '' }"]],
    ['data with a BigInt', { data: { n: 7n } }, ['data cannot be serialised', 'BigInt', 'send a string, or set the serialize option']],
    ['data with a cycle', { data: cycle }, ['data cannot be serialised', 'circular', 'send a string, or set the serialize option']],
  ])('refuses %s', (_, message, says) => {
    const error = refusal(message)
    expect(error).toMatchObject({ name: 'TidingsError', code: 'ERR_SSE_INVALID_MESSAGE' })
    for (const part of says) expect(error.message).toContain(part)
    expect(error.message.length).toBeLessThan(600)
  })

  test.each([
    ['type', 'event'],
    ['name', 'event'],
    ['eventName', 'event'],
    ['eventType', 'event'],
    ['topic', 'event'],
    ['EVENT', 'event'],
    ['payload', 'data'],
    ['body', 'data'],
    ['value', 'data'],
    ['text', 'data'],
    ['content', 'data'],
    ['message', 'data'],
    ['json', 'data'],
    ['detail', 'data'],
    ['Data', 'data'],
    ['lastEventId', 'id'],
    ['eventId', 'id'],
    ['_id', 'id'],
    ['ID', 'id'],
    ['retryAfter', 'retry'],
    ['reconnectionTime', 'retry'],
    ['Retry', 'retry'],
    ['comments', 'comment'],
    ['Comment', 'comment'],
  ])('names the field that %s means: %s', (wrong, meant) => {
    const error = refusal({ data: 'x', [wrong]: 'y' })
    expect(error).toMatchObject({ code: 'ERR_SSE_INVALID_MESSAGE' })
    expect(error.message).toContain(`"${wrong}" is not a field of a message (data, event, id, retry, comment); did you mean ${meant}?`)
  })

  test.each<[field: string, value: unknown, says: string]>([
    ['event', 7, 'event must be a string, got 7'],
    ['event', null, 'event must be a string, got null'],
    ['event', {}, 'event must be a string, got an object'],
    ['event', JSON.parse('{ "constructor": { "name": "x" } }'), 'event must be a string, got an object'],
    ['event', Object.create(null), 'event must be a string, got an object'],
    ['event', Symbol('x'), 'event must be a string, got a symbol'],
    ['event', 'x'.repeat(9_999).split(''), 'event must be a string, got an array'],
    ['id', 7, 'id must be a string, got 7; write String(id)'],
    ['id', 7n, 'id must be a string, got a bigint; write String(id)'],
    ['id', null, 'id must be a string, got null; write String(id)'],
    ['id', ['a'], 'id must be a string, got an array; write String(id)'],
    ['comment', 7, 'comment must be a string, got 7'],
    ['comment', null, 'comment must be a string, got null'],
    ['comment', bytes('x'), 'comment must be a string, got an instance of Uint8Array'],
  ])('refuses as %s the value %o', (field, value, says) => {
    const error = refusal({ data: '', [field]: value })
    expect(error).toMatchObject({ name: 'TidingsError', code: 'ERR_SSE_INVALID_FIELD' })
    expect(error.message).toBe(says)
  })

  test('refuses a comment that is not a string in encodeComment, too', () => {
    expect(() => encodeComment(7 as never)).toThrow(expect.objectContaining({ code: 'ERR_SSE_INVALID_FIELD', message: 'comment must be a string, got 7' }))
  })

  test.each([
    [undefined, 'undefined'],
    [7, '7'],
    [bytes('x'), 'an instance of Uint8Array'],
    [Promise.resolve('x'), 'an instance of Promise'],
  ])('refuses a serialize that gives %o', (given, named) => {
    const error = refusal({ data: { a: 1 } }, { serialize: (() => given) as never })
    expect(error).toMatchObject({ code: 'ERR_SSE_INVALID_MESSAGE' })
    expect(error.message).toContain(`data is an object, which serialises to ${named}`)
  })

  test.each([[new Error('no')], ['no'], [Symbol('no')], [Object.create(null)], [undefined]])('keeps the error of serialize as the cause: %o', (thrown) => {
    const serialize = () => {
      throw thrown
    }
    const error = refusal({ data: 1 }, { serialize })
    expect(error).toMatchObject({ code: 'ERR_SSE_INVALID_MESSAGE' })
    expect(error.cause).toBe(thrown)
  })
})
