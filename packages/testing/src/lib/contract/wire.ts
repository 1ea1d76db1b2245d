import { deepEqual, equal, match } from 'node:assert/strict'
import type { EventStream, Message } from '@tidings/core'
import { createParser } from 'eventsource-parser'
import fc from 'fast-check'
import supertest from 'supertest'
import { ask } from '../client.ts'
import { readEventStream } from '../read-event-stream.ts'
import { within } from '../within.ts'
import { codeOf } from './code-of.ts'
import { sentence } from './sentence.ts'
import type { AdapterSentence, Start } from './world.ts'

/** What every stream with default options opens with. */
export const OPENING = ':\n\n'

/** All that a client reads when a route does this and closes. */
async function bodyOf(start: Start, run: (stream: EventStream) => unknown, options = {}): Promise<string> {
  const app = await start({
    options,
    run: async (stream) => {
      await run(stream)
      stream.close()
    },
  })
  const { text, ended } = await readEventStream(supertest(app.server, { http2: app.protocol === 'HTTP/2' }).get('/'))
  equal(ended, true)
  return text
}

/** All that a client reads after the opening when these are sent. */
async function framesOf(start: Start, messages: unknown[]): Promise<string> {
  const body = await bodyOf(start, (stream) => {
    for (const message of messages) stream.send(message as Message)
  })
  equal(body.slice(0, OPENING.length), OPENING)
  return body.slice(OPENING.length)
}

/** W: the wire. */
export const wire: readonly AdapterSentence[] = [
  sentence('W1', 'The output MUST be UTF-8 without a BOM. A lone surrogate becomes U+FFFD.', 'WHATWG HTML 9.2.5', {
    // Writes UTF-8 without BOM, a lone surrogate as U+FFFD.
    'utf-8': async ({ start }) => {
      equal(
        await framesOf(start, ['grüße 🎉 \ud800x', { event: 'é', data: '\udc00', id: '\ud83d' }]),
        'data: grüße 🎉 \ufffdx\n\nevent: é\ndata: \ufffd\nid: \ufffd\n\n',
      )
    },
  }),
  sentence(
    'W2',
    '`data` MUST be split at CRLF, LF and CR, and at nothing else (not at U+2028, U+2029, U+0085, VT or FF). Each piece becomes one ' +
      '`data: ` line. `"a\\n"` gives two lines, and `""` gives one.',
    'WHATWG HTML 9.2.5',
    {
      // Splits data on CRLF, LF and CR and on nothing else.
      'line-ends': async ({ start }) => {
        equal(
          await framesOf(start, ['a\r\nb\nc\rd', 'a\n', '', '\u2028\u2029\u0085\u000b\f']),
          'data: a\ndata: b\ndata: c\ndata: d\n\ndata: a\ndata: \n\ndata: \n\ndata: \u2028\u2029\u0085\u000b\f\n\n',
        )
      },
    },
  ),
  sentence('W3', 'The leading space of a value MUST survive. A line is always `data: ` and then the unchanged value.', 'WHATWG HTML 9.2.5', {
    // Keeps leading spaces of values.
    'leading-spaces': async ({ start }) => {
      equal(await framesOf(start, ['  two', { event: ' e', data: ' d\n  d2', id: ' i' }]), 'data:   two\n\nevent:  e\ndata:  d\ndata:   d2\nid:  i\n\n')
    },
  }),
  sentence(
    'W4',
    'An `event` or `id` with CR or LF, and an `id` with NUL, MUST throw `ERR_SSE_INVALID_FIELD` before a byte is written. Such ' +
      'characters are never removed in silence.',
    'WHATWG HTML 9.2.6',
    {
      // Refuses line ends in event and id, and NUL in id, before a byte is written.
      refused: async ({ start }) => {
        const bad = [
          { event: 'a\nb', data: '' },
          { event: 'a\rb', data: '' },
          { event: 'a\r\ndata: x', data: '' },
          { id: 'a\nb' },
          { id: 'a\rb', data: '' },
          { id: 'a\0b', data: '' },
        ]
        const codes: unknown[] = []
        const body = await bodyOf(start, (stream) => {
          for (const message of bad) codes.push(codeOf(() => stream.send(message)))
          stream.send('after')
        })
        deepEqual(
          codes,
          bad.map(() => 'ERR_SSE_INVALID_FIELD'),
        )
        equal(body, `${OPENING}data: after\n\n`)
      },
    },
  ),
  sentence(
    'W5',
    "`retry` MUST be a non-negative safe integer. Other values throw (for example `'1\\ndata: x'`, `NaN`, `1.5`, `-1` and `1e21`).",
    'WHATWG HTML 9.2.6',
    {
      // Refuses a retry that is not a non-negative safe integer.
      retry: async ({ start }) => {
        const bad = ['1\ndata: x', '1', Number.NaN, 1.5, -1, 1e21, Number.POSITIVE_INFINITY, null, true]
        const codes: unknown[] = []
        const body = await bodyOf(start, (stream) => {
          for (const retry of bad) codes.push(codeOf(() => stream.send({ retry, data: 'x' } as never)))
          stream.send({ retry: 0 })
          stream.send({ retry: 2_500, data: 'x' })
        })
        deepEqual(
          codes,
          bad.map(() => 'ERR_SSE_INVALID_FIELD'),
        )
        equal(body, `${OPENING}retry: 0\n\nretry: 2500\ndata: x\n\n`)
      },
    },
  ),
  sentence(
    'W6',
    'A comment MUST be split at all three line ends, and each of its lines MUST begin with a colon. A comment can never become a ' + 'field.',
    'WHATWG HTML 9.2.5',
    {
      // Prefixes every line of a comment.
      'comment-lines': async ({ start }) => {
        const body = await bodyOf(start, (stream) => {
          stream.comment('a\r\ndata: b\rid: c\nd')
          stream.comment()
          stream.send({ comment: 'x\ny', data: 'z' })
        })
        equal(body, `${OPENING}: a\n: data: b\n: id: c\n: d\n\n:\n\n: x\n: y\ndata: z\n\n`)
      },
    },
  ),
  sentence(
    'W7',
    "An empty `id` MUST be sent, since it resets the client's id. It MUST NOT be sent by accident. `event: ''` and `event: 'message'` " +
      'are written without an `event:` line.',
    'WHATWG HTML 9.2.6',
    {
      // Sends an empty id, none by accident, and no event line for the unnamed event.
      'empty-id': async ({ start }) => {
        const messages = [{ id: '', data: 'a' }, { data: 'b' }, { id: undefined, data: 'c' }, { event: '', data: 'd' }, { event: 'message', data: 'e' }]
        equal(await framesOf(start, messages), 'data: a\nid: \n\ndata: b\n\ndata: c\n\ndata: d\n\ndata: e\n\n')
      },
    },
  ),
  sentence('W8', 'A message that has only `id`, `retry` or `comment` MUST NOT dispatch an event. Its `id` and `retry` still count.', 'WHATWG HTML 9.2.6', {
    // Sends id, retry and comment alone without dispatching an event.
    'no-event': async ({ start }) => {
      const text = await framesOf(start, [{ id: '7' }, { retry: 5 }, { comment: 'c' }, { id: '8', retry: 6, comment: 'd' }])
      equal(text, 'id: 7\n\nretry: 5\n\n: c\n\n: d\nretry: 6\nid: 8\n\n')
      const events: unknown[] = []
      createParser({ onEvent: (event) => events.push(event) }).feed(text)
      deepEqual(events, [])
    },
  }),
  sentence('W9', 'A frame is one write. A heartbeat or another message MUST NOT land inside it. It ends with exactly one blank line.', 'WHATWG HTML 9.2.6', {
    // Writes whole frames: heartbeats and concurrent sends never land inside one.
    'whole-frames': async ({ start }) => {
      const long = 'x'.repeat(100_000)
      const app = await start({ options: { heartbeat: 10 }, run: () => {} })
      const client = await ask(app)
      const [stream] = app.streams
      for (let round = 0; round < 5; round++) {
        await Promise.all([stream?.send(`${round} ${long}`), stream?.send({ event: 'e', data: `${round}\n${long}` }), stream?.comment('c')])
        const heartbeats = client.text.split('\n\n').filter((frame) => frame === ':').length
        await client.until((text) => text.split('\n\n').filter((frame) => frame === ':').length > heartbeats)
      }
      stream?.close()
      const frames = (await client.ended).split('\n\n').filter((frame) => frame !== ':')
      const expected = [0, 1, 2, 3, 4].flatMap((round) => [`data: ${round} ${long}`, `event: e\ndata: ${round}\ndata: ${long}`, ': c'])
      deepEqual(frames, [...expected, ''])
    },
  }),
  sentence(
    'W10',
    "A conforming parser (the specification's algorithm, `eventsource-parser`, Chromium) MUST give an encoded message back, wherever " +
      'its bytes are split. This holds for any string. Line ends become LF, and lone surrogates U+FFFD. `id` and `event` are from the ' +
      'set that W4 allows.',
    'WHATWG HTML 9.2.5 and 9.2.6',
    {
      // Gives any message back to a conforming parser.
      'any-message': async ({ start }) => {
        // Any string, often with characters that a parser looks for. (Making fast-check's own units takes a second.)
        const codePoint = fc.integer({ min: 0, max: 0x10ffff }).map((code) => String.fromCodePoint(code))
        const unit = fc.oneof(codePoint, fc.constantFrom('\r', '\n', '\r\n', ' ', ':', '\0', '\ufeff', '\u2028', '\ud83d', '\ude00'))
        const text = fc.string({ unit, maxLength: 60 })
        const field = text.map((value) => value.replace(/[\r\n\0]/g, ''))
        const message = fc.record({ data: text, event: field, id: field })
        // Core's own tests do this thousands of times and split at every byte. Here the adapter's path is tested.
        const messages = fc.sample(message, 300)
        const events: unknown[] = []
        createParser({ onEvent: ({ event = '', data, id }) => events.push({ event, data, id }) }).feed(await framesOf(start, messages))
        const wellFormed = (value: string): string => new TextDecoder('utf-8', { ignoreBOM: true }).decode(new TextEncoder().encode(value))
        deepEqual(
          events,
          messages.map(({ data, event, id }) => ({
            event: event === 'message' ? '' : wellFormed(event),
            data: wellFormed(data.replace(/\r\n|\r/g, '\n')),
            id: wellFormed(id),
          })),
        )
      },
    },
  ),
  sentence(
    'W11',
    'An argument that is no message MUST throw a coded error that says what to write instead: `send({ foo: 1 })`, `send(undefined)`, ' +
      'a BigInt, a cycle, `event` without `data`, and data that serialises to `undefined`. The same holds for a second argument ' +
      "(`send('hello', 'goal')`).",
    'Tidings',
    {
      // Refuses a value that is no message, with an error that says what to write.
      'no-message': async ({ start }) => {
        const cycle: Record<string, unknown> = {}
        cycle['self'] = cycle
        const bad = [
          { foo: 1 },
          undefined,
          null,
          7,
          [],
          {},
          { data: 1n },
          { data: cycle },
          { event: 'e' },
          { data: undefined },
          { data: () => {} },
          { data: Symbol('s') },
        ]
        const codes: unknown[] = []
        const body = await bodyOf(start, (stream) => {
          for (const message of bad) codes.push(codeOf(() => stream.send(message as never)))
          stream.send({ data: [1, null] })
        })
        deepEqual(
          codes,
          bad.map(() => 'ERR_SSE_INVALID_MESSAGE'),
        )
        equal(body, `${OPENING}data: [1,null]\n\n`)
      },
      // Refuses a second argument, which other libraries take as the event or the id, instead of dropping it.
      'second-argument': async ({ start }) => {
        const errors: unknown[] = []
        const body = await bodyOf(start, (stream) => {
          const send = stream.send.bind(stream) as (...given: unknown[]) => Promise<boolean>
          for (const second of ['goal', '', 7, null, { id: '1' }]) {
            try {
              send('hello', second)
            } catch (error) {
              errors.push(error)
            }
          }
          send('after', undefined)
        })
        deepEqual(
          errors.map((error) => (error as { code?: unknown }).code),
          Array(5).fill('ERR_SSE_INVALID_MESSAGE'),
        )
        match((errors[0] as Error).message, /write send\(\{ event: "goal", data \}\)/)
        equal(body, `${OPENING}data: after\n\n`)
      },
    },
  ),
  sentence(
    'W12',
    '`id` MUST be the last line of a block. A client that stores the id early would otherwise have the id of data that it never got.',
    'WHATWG HTML 9.2.6',
    {
      // Writes the id as the last line of its block.
      'id-last': async ({ start }) =>
        equal(await framesOf(start, [{ id: '1', data: { a: 1 }, event: 'e', retry: 3, comment: 'c' }]), ': c\nevent: e\nretry: 3\ndata: {"a":1}\nid: 1\n\n'),
    },
  ),
  sentence(
    'W13',
    "A string MUST be sent as it is. With `strings: 'json'` it MUST be sent as JSON, as other data is, by `send` and `sendAll`. Bytes are " +
      'sent as text with both settings.',
    'Tidings',
    {
      // Sends strings as JSON, and the rest as without the option.
      'strings-as-json': async ({ start }) => {
        const run = async (stream: EventStream): Promise<void> => {
          await stream.sendAll(['a\nb', { event: 'e', data: '[DONE]', id: '1' }, { data: new TextEncoder().encode('c') }, { data: [1] }])
          stream.comment('d')
        }
        equal(await bodyOf(start, run), `${OPENING}data: a\ndata: b\n\nevent: e\ndata: [DONE]\nid: 1\n\ndata: c\n\ndata: [1]\n\n: d\n\n`)
        equal(await bodyOf(start, run, { strings: 'json' }), `${OPENING}data: "a\\nb"\n\nevent: e\ndata: "[DONE]"\nid: 1\n\ndata: c\n\ndata: [1]\n\n: d\n\n`)
      },
      // Takes the setting of the route before that of the app.
      'strings-of-a-route': {
        when: ({ adapter }) => adapter.mountable !== false,
        proof: async ({ start }) => {
          const run = (stream: EventStream): void => {
            stream.send('a')
            stream.close()
          }
          const app = await start({ options: { strings: 'json' }, route: { options: { strings: 'text' }, run } })
          equal(await within((await ask(app)).ended, 'the end'), `${OPENING}data: a\n\n`)
        },
      },
    },
  ),
]
