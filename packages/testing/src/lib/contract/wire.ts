import type { EventStream, Message } from '@tidings/core'
import { createParser } from 'eventsource-parser'
import fc from 'fast-check'
import supertest from 'supertest'
import { describe, expect } from 'vitest'
import { ask } from '../client.ts'
import { readEventStream } from '../read-event-stream.ts'
import { type Contract, codeOf, type Start } from './holds.ts'

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
  expect(ended).toBe(true)
  return text
}

/** All that a client reads after the opening when these are sent. */
async function framesOf(start: Start, messages: unknown[]): Promise<string> {
  const body = await bodyOf(start, (stream) => {
    for (const message of messages) stream.send(message as Message)
  })
  expect(body.slice(0, OPENING.length)).toBe(OPENING)
  return body.slice(OPENING.length)
}

/** W: the wire. */
export function describeWire({ holds }: Contract): void {
  describe('W: the wire', () => {
    holds('W1 writes UTF-8 without BOM, a lone surrogate as U+FFFD', async (start) => {
      expect(await framesOf(start, ['grüße 🎉 \ud800x', { event: 'é', data: '\udc00', id: '\ud83d' }])).toBe(
        'data: grüße 🎉 \ufffdx\n\nevent: é\ndata: \ufffd\nid: \ufffd\n\n',
      )
    })

    holds('W2 splits data on CRLF, LF and CR and on nothing else', async (start) => {
      expect(await framesOf(start, ['a\r\nb\nc\rd', 'a\n', '', '\u2028\u2029\u0085\u000b\f'])).toBe(
        'data: a\ndata: b\ndata: c\ndata: d\n\ndata: a\ndata: \n\ndata: \n\ndata: \u2028\u2029\u0085\u000b\f\n\n',
      )
    })

    holds('W3 keeps leading spaces of values', async (start) => {
      expect(await framesOf(start, ['  two', { event: ' e', data: ' d\n  d2', id: ' i' }])).toBe('data:   two\n\nevent:  e\ndata:  d\ndata:   d2\nid:  i\n\n')
    })

    holds('W4 refuses line ends in event and id, and NUL in id, before a byte is written', async (start) => {
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
      expect(codes).toEqual(bad.map(() => 'ERR_SSE_INVALID_FIELD'))
      expect(body).toBe(`${OPENING}data: after\n\n`)
    })

    holds('W5 refuses a retry that is not a non-negative safe integer', async (start) => {
      const bad = ['1\ndata: x', '1', Number.NaN, 1.5, -1, 1e21, Number.POSITIVE_INFINITY, null, true]
      const codes: unknown[] = []
      const body = await bodyOf(start, (stream) => {
        for (const retry of bad) codes.push(codeOf(() => stream.send({ retry, data: 'x' } as never)))
        stream.send({ retry: 0 })
        stream.send({ retry: 2_500, data: 'x' })
      })
      expect(codes).toEqual(bad.map(() => 'ERR_SSE_INVALID_FIELD'))
      expect(body).toBe(`${OPENING}retry: 0\n\nretry: 2500\ndata: x\n\n`)
    })

    holds('W6 prefixes every line of a comment', async (start) => {
      const body = await bodyOf(start, (stream) => {
        stream.comment('a\r\ndata: b\rid: c\nd')
        stream.comment()
        stream.send({ comment: 'x\ny', data: 'z' })
      })
      expect(body).toBe(`${OPENING}: a\n: data: b\n: id: c\n: d\n\n:\n\n: x\n: y\ndata: z\n\n`)
    })

    holds('W7 sends an empty id, none by accident, and no event line for the unnamed event', async (start) => {
      const messages = [{ id: '', data: 'a' }, { data: 'b' }, { id: undefined, data: 'c' }, { event: '', data: 'd' }, { event: 'message', data: 'e' }]
      expect(await framesOf(start, messages)).toBe('data: a\nid: \n\ndata: b\n\ndata: c\n\ndata: d\n\ndata: e\n\n')
    })

    holds('W8 sends id, retry and comment alone without dispatching an event', async (start) => {
      const text = await framesOf(start, [{ id: '7' }, { retry: 5 }, { comment: 'c' }, { id: '8', retry: 6, comment: 'd' }])
      expect(text).toBe('id: 7\n\nretry: 5\n\n: c\n\n: d\nretry: 6\nid: 8\n\n')
      const events: unknown[] = []
      createParser({ onEvent: (event) => events.push(event) }).feed(text)
      expect(events).toEqual([])
    })

    holds('W9 writes whole frames: heartbeats and concurrent sends never land inside one', async (start) => {
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
      expect(frames).toEqual([...expected, ''])
    })

    holds('W10 gives any message back to a conforming parser', async (start) => {
      const text = fc.string({ unit: 'binary', maxLength: 60 })
      const field = text.map((value) => value.replace(/[\r\n\0]/g, ''))
      const message = fc.record({ data: text, event: field, id: field })
      // The core's own tests do this thousands of times and at every split; here it is the path that is tried.
      const messages = fc.sample(message, 300)
      const events: unknown[] = []
      createParser({ onEvent: ({ event = '', data, id }) => events.push({ event, data, id }) }).feed(await framesOf(start, messages))
      const wellFormed = (value: string): string => new TextDecoder('utf-8', { ignoreBOM: true }).decode(new TextEncoder().encode(value))
      expect(events).toEqual(
        messages.map(({ data, event, id }) => ({
          event: event === 'message' ? '' : wellFormed(event),
          data: wellFormed(data.replace(/\r\n|\r/g, '\n')),
          id: wellFormed(id),
        })),
      )
    })

    holds('W11 refuses what is no message with an error that says what to write', async (start) => {
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
      expect(codes).toEqual(bad.map(() => 'ERR_SSE_INVALID_MESSAGE'))
      expect(body).toBe(`${OPENING}data: [1,null]\n\n`)
    })

    holds('W12 writes the id as the last line of its block', async (start) => {
      expect(await framesOf(start, [{ id: '1', data: { a: 1 }, event: 'e', retry: 3, comment: 'c' }])).toBe(': c\nevent: e\nretry: 3\ndata: {"a":1}\nid: 1\n\n')
    })
  })
}
