import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { countOf } from '../../testing/src/lib/count-of.ts'
import { encodeComment, encodeMessage, type Message } from '../src/lib/message/message.ts'
import { codePoint } from './support/code-point.ts'
import { type Dispatched, EventStreamParser, type ParsedEvent, PopularParser, received } from './support/parsers.ts'

const RUNS = countOf(3_000)

// Any UTF-16 code unit at all, with what a parser could trip over far more often than chance would have it.
const unit = fc.oneof(
  { weight: 4, arbitrary: codePoint },
  { weight: 2, arbitrary: fc.integer({ min: 0xd800, max: 0xdfff }).map((code) => String.fromCharCode(code)) },
  { weight: 3, arbitrary: fc.constantFrom('\n', '\r', '\r\n', '\n\n', '\r\r') },
  { weight: 2, arbitrary: fc.constantFrom(' ', ':', '\0', '\t', '\v', '\f', '\u0085', '\u2028', '\u2029', '\uFEFF', '\uFFFD') },
  { weight: 1, arbitrary: fc.constantFrom('data:', 'data: ', 'id: 0', 'event: e', 'retry: 1', ': ', '\nid: 0\n', '\r\rdata: e\r\r') },
)
const text = (maxLength: number) => fc.array(unit, { maxLength }).map((units) => units.join(''))
const fieldText = (maxLength: number, forbidden: RegExp) => text(maxLength).map((value) => value.replace(forbidden, ''))

/** Messages whose every field is any string that W4 and W5 allow. */
const message = (maxLength: number) =>
  fc
    .record(
      {
        data: text(maxLength),
        event: fieldText(maxLength, /[\r\n]/g),
        id: fieldText(maxLength, /[\r\n\0]/g),
        retry: fc.maxSafeNat(),
        comment: text(maxLength),
      },
      { requiredKeys: [] },
    )
    .filter(({ data, event, ...rest }) => data !== undefined || (event === undefined && Object.keys(rest).length > 0))

type Fields = { data?: string; event?: string; id?: string; retry?: number; comment?: string }

const utf8 = new TextEncoder()
/** A string as UTF-8 can write it, which has no lone surrogates. */
const onTheWire = (value: string) => value.replace(/\p{Surrogate}/gu, '\uFFFD')
const lineFeedsOnly = (value: string) =>
  onTheWire(value)
    .split(/\r\n|\r|\n/)
    .join('\n')

interface Expected {
  spec: { events: Dispatched[]; lastEventId: string; reconnectionTime: number | undefined }
  popular: { events: ParsedEvent[]; complaints: []; reconnectionTime: number | undefined }
  /** Both, as `compare` compares them. */
  text: string
}

/** The events that a client must see for these messages, by the contract and not by the encoder. */
function expectedOf(messages: Fields[]): Expected {
  const events: Dispatched[] = []
  const parsed: ParsedEvent[] = []
  let lastEventId = ''
  let reconnectionTime: number | undefined
  for (const { data, event, id, retry } of messages) {
    if (id !== undefined) lastEventId = onTheWire(id)
    reconnectionTime = retry ?? reconnectionTime
    if (data === undefined) continue
    const name = event === undefined || event === '' || event === 'message' ? undefined : onTheWire(event)
    events.push({ type: name ?? 'message', data: lineFeedsOnly(data), lastEventId })
    parsed.push({ event: name, data: lineFeedsOnly(data), id: id === undefined ? undefined : onTheWire(id) })
  }
  const spec = { events, lastEventId, reconnectionTime }
  const popular: Expected['popular'] = { events: parsed, complaints: [], reconnectionTime }
  return { spec, popular, text: JSON.stringify([spec, popular]) }
}

/** Feeds the pieces to both parsers, and compares all that came out. */
function compare(pieces: Uint8Array[], expected: Expected): void {
  const spec = new EventStreamParser()
  const popular = new PopularParser()
  for (const piece of pieces) {
    spec.feed(piece)
    popular.feed(piece)
  }
  const seen = {
    spec: { events: spec.events, lastEventId: spec.lastEventId, reconnectionTime: spec.reconnectionTime },
    popular: { events: popular.events, complaints: popular.complaints, reconnectionTime: popular.reconnectionTime },
  }
  // `expect` is slow, and this runs hundreds of thousands of times: it is left to say what differs.
  if (JSON.stringify([seen.spec, seen.popular]) === expected.text) return
  expect(seen).toEqual({ spec: expected.spec, popular: expected.popular })
}

const encoded = (messages: Fields[]) => utf8.encode(messages.map((each) => encodeMessage(each as Message)).join(''))

describe('W10 any parser decodes an encoded message', () => {
  test('split at every byte', () => {
    fc.assert(
      fc.property(message(8), (fields) => {
        const stream = encoded([fields])
        const expected = expectedOf([fields])
        for (let at = 0; at <= stream.length; at++) compare([stream.subarray(0, at), stream.subarray(at)], expected)
      }),
      { numRuns: RUNS },
    )
  })

  test('one byte at a time', () => {
    fc.assert(
      fc.property(fc.array(message(20), { minLength: 1, maxLength: 5 }), (messages) => {
        const stream = encoded(messages)
        compare(
          Array.from(stream, (byte) => Uint8Array.of(byte)),
          expectedOf(messages),
        )
      }),
      { numRuns: RUNS },
    )
  })

  test('when it is long, and cut anywhere', () => {
    fc.assert(
      fc.property(message(200), fc.integer({ min: 1, max: 3_000 }), fc.array(fc.nat(), { maxLength: 20 }), (fields, times, cuts) => {
        const long = fields.data === undefined ? fields : { ...fields, data: fields.data.repeat(times).slice(0, 200_000) }
        const stream = encoded([long])
        const at = [0, ...cuts.map((cut) => cut % (stream.length + 1)).sort((a, b) => a - b), stream.length]
        compare(
          at.slice(1).map((end, index) => stream.subarray(at[index], end)),
          expectedOf([long]),
        )
      }),
      { numRuns: countOf(300) },
    )
  })

  test('as bytes and as JSON, with the same result as text', () => {
    fc.assert(
      fc.property(text(30), fc.jsonValue(), (data, value) => {
        expect(received(encodeMessage({ data: utf8.encode(data) })).events[0]?.data).toBe(lineFeedsOnly(data))
        const { events } = received(encodeMessage({ data: { value } }))
        expect(JSON.parse(events[0]?.data ?? '')).toEqual(JSON.parse(JSON.stringify({ value })))
      }),
      { numRuns: RUNS },
    )
  })
})

describe('nothing can be injected', () => {
  test('W4 any text as event or id is refused, or comes back as that field and nothing else', () => {
    fc.assert(
      fc.property(text(12), text(12), text(12), (event, id, data) => {
        const allowed = !/[\r\n]/.test(event) && !/[\r\n\0]/.test(id)
        let stream: string | undefined
        try {
          stream = encodeMessage({ event, id, data })
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_SSE_INVALID_FIELD' })
        }
        expect(stream !== undefined).toBe(allowed)
        if (stream !== undefined) compare([utf8.encode(stream)], expectedOf([{ event, id, data }]))
      }),
      { numRuns: RUNS },
    )
  })

  test('W6 no comment dispatches anything, or sets an id or a reconnection time', () => {
    fc.assert(
      fc.property(fc.array(text(30), { minLength: 1, maxLength: 4 }), text(30), (comments, data) => {
        const frames = comments.map((comment) => encodeComment(comment)).join('')
        compare([utf8.encode(frames)], expectedOf([]))
        // Nor does it change what stands before and after it.
        const around = encodeMessage({ data: 'before', id: '1' }) + frames + encodeMessage({ data, comment: comments.join('') })
        compare([utf8.encode(around)], expectedOf([{ data: 'before', id: '1' }, { data }]))
      }),
      { numRuns: RUNS },
    )
  })

  test('W9 any frame has one blank line, at its end', () => {
    fc.assert(
      fc.property(message(20), (fields) => {
        const frame = encodeMessage(fields as Message)
        expect(frame.indexOf('\n\n')).toBe(frame.length - 2)
        expect(frame).not.toContain('\r')
        expect(frame.startsWith('\n')).toBe(false)
      }),
      { numRuns: RUNS },
    )
  })

  test('W5 any other retry is refused', () => {
    fc.assert(
      fc.property(fc.oneof(fc.double(), text(5), fc.bigInt(), fc.maxSafeInteger()), (retry) => {
        const allowed = Number.isInteger(retry) && (retry as number) >= 0 && (retry as number) <= Number.MAX_SAFE_INTEGER
        if (allowed) expect(received(encodeMessage({ retry: retry as number })).reconnectionTime).toBe(retry === 0 ? 0 : retry)
        else expect(() => encodeMessage({ retry: retry as never, data: '' })).toThrow(expect.objectContaining({ code: 'ERR_SSE_INVALID_FIELD' }))
      }),
      { numRuns: RUNS },
    )
  })
})

describe('the parsers themselves', () => {
  test.each<[what: string, stream: Uint8Array | string, seen: Partial<ReturnType<typeof received>>]>([
    ['a BOM at the start', Uint8Array.of(0xef, 0xbb, 0xbf, ...utf8.encode('data: a\n\n')), { events: [{ type: 'message', data: 'a', lastEventId: '' }] }],
    ['the three kinds of line end', 'data: a\rdata: b\r\ndata: c\n\r\n', { events: [{ type: 'message', data: 'a\nb\nc', lastEventId: '' }] }],
    ['an id with NUL', 'id: 1\n\nid: a\0b\ndata: x\n\n', { events: [{ type: 'message', data: 'x', lastEventId: '1' }], lastEventId: '1' }],
    ['a retry that is not digits only', 'retry: 5\nretry: 1x\nretry: -1\nretry: \n\n', { reconnectionTime: 5 }],
    ['a field without a colon', 'data\n\ndata\ndata\n\n', { events: ['', '\n'].map((data) => ({ type: 'message', data, lastEventId: '' })) }],
    ['one leading space', 'data:a\n\ndata:  a\n\n', { events: ['a', ' a'].map((data) => ({ type: 'message', data, lastEventId: '' })) }],
    ['an event without data', 'event: e\n\ndata: x\n\n', { events: [{ type: 'message', data: 'x', lastEventId: '' }] }],
    ['an end in the middle', 'id: 1\ndata: x\n', { events: [], lastEventId: '' }],
    ['unknown fields', 'foo: bar\nDATA: x\n\n', { events: [] }],
  ])('read %s by the standard', (_, stream, seen) => {
    expect(received(stream)).toMatchObject(seen)
    const whole = received(stream)
    const bytes = typeof stream === 'string' ? utf8.encode(stream) : stream
    const parser = new EventStreamParser()
    for (const byte of bytes) parser.feed(Uint8Array.of(byte))
    expect(parser).toMatchObject(whole)
  })
})
