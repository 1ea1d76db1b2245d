import { getEventListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { TidingsError } from '../src/lib/errors.ts'
import type { EventStream } from '../src/lib/stream/event-stream.ts'
import type { StreamOptions } from '../src/lib/stream/stream-options.ts'
import { readLastEventId } from '../src/lib/transport/last-event-id.ts'
import { eventStreamResponse, lastEventIdOf } from '../src/web.ts'
import { onDrivenClock } from './support/driven-clock.ts'
import { ended, turn } from './support/held-sink.ts'

const URL_OF_ALL = 'http://example.test/events'
const text = new TextDecoder()

function respond(callback: (stream: EventStream) => unknown, options?: StreamOptions, request: Request = new Request(URL_OF_ALL)): Response {
  return eventStreamResponse(request, callback, { heartbeat: false, ...options })
}

/** A stream that is open, with the reader that a server would have on its body; the first chunk is read already. */
async function opened(options?: StreamOptions, request?: Request): Promise<{ stream: EventStream; reader: Reader; first: string | undefined }> {
  let stream!: EventStream
  const response = respond(
    (given) => {
      stream = given
    },
    options,
    request,
  )
  const reader = new Reader(response)
  const first = await reader.read()
  return { stream, reader, first }
}

class Reader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>

  constructor(response: Response) {
    if (!response.body) throw new Error('there is no body')
    this.#reader = response.body.getReader()
  }

  /** The next chunk as text, `undefined` at the end. */
  async read(): Promise<string | undefined> {
    const { value } = await this.#reader.read()
    return value && text.decode(value)
  }

  cancel(reason?: unknown): Promise<void> {
    return this.#reader.cancel(reason)
  }
}

describe('the response', () => {
  test('H1 has the head of an event stream', () => {
    const response = respond(() => {})
    expect(response.status).toBe(200)
    expect(Object.fromEntries(response.headers)).toEqual({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      incremental: '?1',
    })
  })

  test('H1 takes status and headers from the options, which win', () => {
    const response = respond(() => {}, { status: 203, headers: { 'cache-control': 'no-store', 'Set-Cookie': ['a=1', 'b=2'], 'X-Accel-Buffering': 'yes' } })
    expect(response.status).toBe(203)
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(response.headers.get('x-accel-buffering')).toBe('yes')
    expect(response.headers.get('content-type')).toBe('text/event-stream')
  })

  test('throws for a bad option, at the call', () => {
    expect(() => respond(() => {}, { retry: -1 })).toThrow(expect.objectContaining({ code: 'ERR_SSE_INVALID_OPTION' }))
  })

  test('H2 has a first byte before any message', async () => {
    const { first, stream } = await opened()
    expect(first).toBe(':\n\n')
    expect(stream.closed).toBe(false)
    expect((await opened({ retry: 7, padding: 5 })).first).toBe(':  \n\nretry: 7\n\n')
  })

  test('H2 has the first frame before messages that the callback sends at once', async () => {
    const response = respond((stream) => {
      stream.send('a')
      stream.send('b')
    })
    expect(await new Reader(response).read()).toBe(':\n\ndata: a\n\ndata: b\n\n')
  })

  test('H4 has the same head and no body for HEAD, and runs no callback', async () => {
    let ran = false
    const callback = () => {
      ran = true
    }
    const response = respond(callback, { headers: { 'x-a': '1' } }, new Request(URL_OF_ALL, { method: 'HEAD' }))
    expect(response.body).toBeNull()
    expect(response.status).toBe(200)
    expect([...response.headers]).toEqual([...respond(() => {}, { headers: { 'x-a': '1' } }).headers])
    await turn()
    expect(ran).toBe(false)
  })

  test('runs no callback, and keeps nothing in memory, if the body is never read', async () => {
    let ran = false
    const shutdown = new AbortController()
    const leaving = new AbortController()
    const request = new Request(URL_OF_ALL, { signal: leaving.signal })
    const response = respond(
      () => {
        ran = true
      },
      { signal: shutdown.signal },
      request,
    )
    await turn()
    expect(ran).toBe(false)
    expect(getEventListeners(shutdown.signal, 'abort')).toHaveLength(0)
    expect(getEventListeners(request.signal, 'abort')).toHaveLength(0)
    await response.body?.cancel()
    expect(ran).toBe(false)
  })
})

describe('the request', () => {
  test.each(['GET', 'HEAD'])('H9 a second response to one %s request is refused at the call', async (method) => {
    const request = new Request(URL_OF_ALL, { method })
    const first = respond(() => {}, {}, request)
    expect(() => respond(() => {}, {}, request)).toThrow(expect.objectContaining({ code: 'ERR_SSE_HEADERS_SENT' }))
    await first.body?.cancel()
    expect(respond(() => {}, {}, new Request(request)).status).toBe(200)
  })

  test('H10 an unread body is drained, from the next turn on', async () => {
    const request = new Request(URL_OF_ALL, { method: 'POST', body: 'unread' })
    await opened({}, request)
    expect(request.bodyUsed).toBe(false)
    await expect.poll(() => request.bodyUsed).toBe(true)
  })

  test('H10 each way to read a dropped body fails with the advice to read it first', async () => {
    const request = new Request(URL_OF_ALL, { method: 'POST', body: 'unread' })
    await opened({}, request)
    await expect.poll(() => request.bodyUsed).toBe(true)
    const dropped = { code: 'ERR_SSE_BODY_DROPPED', message: expect.stringContaining('read it first') }
    for (const name of ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text'] as const)
      await expect((request as Request & { bytes(): Promise<unknown> })[name]()).rejects.toMatchObject(dropped)
    await expect(request.body?.getReader().read()).rejects.toMatchObject(dropped)
    expect(() => request.clone()).toThrow(expect.objectContaining(dropped))
  })

  test('H10 a body that was read, or is read in that turn, is left alone', async () => {
    const before = new Request(URL_OF_ALL, { method: 'POST', body: 'before' })
    expect(await before.text()).toBe('before')
    expect((await opened({}, before)).stream.closed).toBe(false)
    const after = new Request(URL_OF_ALL, { method: 'POST', body: 'after' })
    const response = respond(async (stream) => stream.send(await after.text()), {}, after)
    const reader = new Reader(response)
    expect(await reader.read()).toBe(':\n\n')
    expect(await reader.read()).toBe('data: after\n\n')
  })

  test('H10 a POST without a body is a stream like any other', async () => {
    const { stream, reader } = await opened({}, new Request(URL_OF_ALL, { method: 'POST' }))
    await sleep(5)
    stream.send('a')
    expect(await reader.read()).toBe('data: a\n\n')
  })

  test('H10 a body that fails while it is drained causes no error', async () => {
    const body = new ReadableStream({ pull: (controller) => controller.error(new Error('reset')) })
    const request = new Request(URL_OF_ALL, { method: 'POST', body, duplex: 'half' } as RequestInit)
    const { stream } = await opened({}, request)
    await expect.poll(() => request.bodyUsed).toBe(true)
    await turn()
    expect(stream.closed).toBe(false)
  })
})

describe('H5 negotiation', () => {
  const statusFor = (accept: string | undefined, method = 'GET', negotiate?: boolean) => {
    let ran = false
    const request = new Request(URL_OF_ALL, { method, headers: accept === undefined ? {} : { accept } })
    const response = respond(
      () => {
        ran = true
      },
      { negotiate },
      request,
    )
    return { response, ran: () => ran }
  }

  test.each([
    undefined,
    '',
    '*/*',
    'text/*',
    'text/event-stream',
    'TEXT/Event-Stream',
    'text/event-stream;charset=utf-8',
    'application/json, text/event-stream;q=0.1',
    'text/html, */*;q=0.8',
    'text/*;q=0.1, application/json',
    'text/html;q=0, text/event-stream',
  ])('H5 Accept %j gets the stream', (accept) => {
    for (const method of ['GET', 'HEAD', 'POST', 'PUT']) expect(statusFor(accept, method).response.status).toBe(200)
    expect(statusFor(accept, 'POST', true).response.status).toBe(200)
  })

  test.each(['application/json', 'text/html', 'text/event-stream;q=0', '*/*;q=0', 'text/event-stream;q=0, */*', 'text/*;q=0, */*', 'application/*, image/*'])(
    'H5 Accept %j gets 406 on GET and HEAD, and on other methods only with negotiate',
    async (accept) => {
      for (const method of ['GET', 'HEAD']) {
        const { response, ran } = statusFor(accept, method)
        expect(response.status).toBe(406)
        expect(await response.text()).toContain('text/event-stream')
        expect(response.headers.get('content-type')).toContain('text/plain')
        expect(ran()).toBe(false)
        expect(statusFor(accept, method, false).response.status).toBe(200)
      }
      expect(statusFor(accept, 'POST').response.status).toBe(200)
      expect(statusFor(accept, 'POST', true).response.status).toBe(406)
    },
  )
})

describe('the body', () => {
  test('has the messages of one turn as one chunk', async () => {
    const { stream, reader } = await opened()
    const chunk = reader.read()
    stream.send('a')
    stream.send({ event: 'b', data: 'ä\uD800' })
    stream.comment('c')
    expect(await chunk).toBe('data: a\n\nevent: b\ndata: ä\uFFFD\n\n: c\n\n')
  })

  test('has the messages that were sent before a read as one chunk, too', async () => {
    const { stream, reader } = await opened()
    stream.send('a')
    await turn()
    stream.send('b')
    await turn()
    expect(stream.bufferedAmount).toBe('data: a\n\ndata: b\n\n'.length)
    expect(await reader.read()).toBe('data: a\n\ndata: b\n\n')
    expect(stream.bufferedAmount).toBe(0)
  })

  test('serves several reads that wait', async () => {
    const { stream, reader } = await opened()
    const chunks = Promise.all([reader.read(), reader.read()])
    stream.send('a')
    await turn()
    stream.send('b')
    expect(await chunks).toEqual(['data: a\n\n', 'data: b\n\n'])
  })

  test('stays open when the callback has returned', async () => {
    const { stream, reader } = await opened()
    await turn()
    stream.send('late')
    expect(await reader.read()).toBe('data: late\n\n')
  })

  test('L1 ends after close(), once the rest is read', async () => {
    const { stream, reader } = await opened()
    stream.send('a')
    stream.send('b')
    stream.close()
    expect(stream.signal.reason).toMatchObject({ reason: 'local' })
    expect(await reader.read()).toBe('data: a\n\ndata: b\n\n')
    expect(await reader.read()).toBeUndefined()
  })

  test('L1 ends at once if no bytes wait, with the given reason', async () => {
    const { stream, reader } = await opened()
    const rest = reader.read()
    stream.close()
    expect(await rest).toBeUndefined()
    expect(stream.signal.reason).toMatchObject({ reason: 'local' })
  })

  test('L1 ends if the callback closes at once', async () => {
    const reader = new Reader(
      respond((stream) => {
        stream.send('all')
        stream.close()
      }),
    )
    expect(await reader.read()).toBe(':\n\ndata: all\n\n')
    expect(await reader.read()).toBeUndefined()
  })

  test('L5 has heartbeats', async () => {
    const { stream, reader } = await opened({ heartbeat: { interval: 20, event: 'ping' } })
    expect(await reader.read()).toBe('event: ping\ndata: \n\n')
    stream.close()
  })

  test('L6 ends cleanly with a retry at shutdown', async () => {
    const shutdown = new AbortController()
    const { stream, reader } = await opened({ signal: shutdown.signal, retry: 1_000 })
    shutdown.abort()
    expect(await reader.read()).toMatch(/^retry: (1\d\d\d|2000)\n\n$/)
    expect(await reader.read()).toBeUndefined()
    expect(stream.signal.reason).toMatchObject({ reason: 'shutdown' })
  })

  test('L6 ends at once in the same way if it opens after the shutdown', async () => {
    const { stream, reader, first } = await opened({ signal: AbortSignal.abort(), retry: 1_000 })
    expect(first).toMatch(/^retry: 1000\n\nretry: (1\d\d\d|2000)\n\n$/)
    expect(await reader.read()).toBeUndefined()
    expect(stream.signal.reason).toMatchObject({ reason: 'shutdown' })
  })
})

describe('a slow reader', () => {
  const LARGE = 'x'.repeat(20_000)
  const LARGE_FRAME = `data: ${LARGE}\n\n`

  test('B1 makes a send wait until it reads', async () => {
    const { stream, reader } = await opened()
    let settled = false
    const sent = stream.send(LARGE).then((answer) => {
      settled = true
      return answer
    })
    await turn()
    expect(settled).toBe(false)
    expect(await reader.read()).toBe(LARGE_FRAME)
    expect(await sent).toBe(true)
  })

  test('B1 makes no send wait if it reads at once', async () => {
    const { stream, reader } = await opened()
    const chunk = reader.read()
    expect(await stream.send(LARGE)).toBe(true)
    expect(await chunk).toBe(LARGE_FRAME)
  })

  test('B2 that never reads is cut as slow, and so is its body', async () => {
    const { stream, reader } = await opened({ maxBufferedBytes: 50_000 })
    const sent = Array.from({ length: 4 }, () => stream.send(LARGE))
    expect(stream.closed).toBe(true)
    expect(stream.signal.reason).toMatchObject({ reason: 'slow' })
    expect(await Promise.all(sent)).toEqual([false, false, false, false])
    await expect(reader.read()).rejects.toBe(stream.signal.reason)
  })

  test('B2 gets one message larger than the limit', async () => {
    const { stream, reader } = await opened({ maxBufferedBytes: 1_000 })
    const sent = stream.send(LARGE)
    expect(await reader.read()).toBe(LARGE_FRAME)
    expect(await sent).toBe(true)
  })

  test('B3 that stops reading is cut as stalled', async () => {
    const { stream, reader } = await opened({ stallTimeout: 30 })
    stream.send('a')
    expect(await ended(stream)).toMatchObject({ reason: 'stalled' })
    await expect(reader.read()).rejects.toBe(stream.signal.reason)
  })

  test(
    'B3 that reads now and then is left alone',
    onDrivenClock(async (clock) => {
      const { stream, reader } = await opened({ stallTimeout: 500 })
      stream.send('a')
      for (let count = 0; count < 20; count++) {
        clock.advance(400)
        expect(await reader.read()).toBe('data: a\n\n')
        // So that bytes wait at each check.
        stream.send('a')
      }
      expect(stream.closed).toBe(false)
      await reader.cancel()
    }),
  )

  test(
    'B3 that stops reading after close() is cut too',
    onDrivenClock(async (clock) => {
      const { stream, reader } = await opened({ stallTimeout: 30 })
      stream.send('a')
      stream.close()
      clock.advance(60)
      await expect(reader.read()).rejects.toMatchObject({ code: 'ERR_SSE_CLOSED', reason: 'stalled' })
      expect(stream.signal.reason).toMatchObject({ reason: 'local' })
    }),
  )

  test('B5 is not outrun by sendAll', async () => {
    const { stream, reader } = await opened({ maxBufferedBytes: 1_000 })
    let pulled = 0
    function* source(): Generator<string> {
      for (; pulled < 5; pulled++) yield LARGE
    }
    const all = stream.sendAll(source())
    for (let read = 0; read < 5; read++) {
      await turn()
      expect(pulled).toBe(read)
      expect(await reader.read()).toBe(LARGE_FRAME)
    }
    expect(await all).toBe(true)
  })
})

describe('L2 the peer leaves', () => {
  test('L2 by a cancelled body, with its reason as the cause', async () => {
    const { stream, reader } = await opened()
    const reasons: TidingsError[] = []
    stream.onClose((reason) => reasons.push(reason))
    await reader.cancel('gone')
    expect(reasons).toEqual([expect.objectContaining({ reason: 'peer', cause: 'gone' })])
    expect(await stream.send('x')).toBe(false)
    stream.close()
    expect(reasons).toHaveLength(1)
  })

  test('L2 by an aborted request, once, even if the body is cancelled too, and leaves no listener', async () => {
    const leaving = new AbortController()
    const request = new Request(URL_OF_ALL, { signal: leaving.signal })
    const { stream, reader } = await opened({}, request)
    expect(getEventListeners(request.signal, 'abort')).toHaveLength(1)
    const reasons: TidingsError[] = []
    stream.onClose((reason) => reasons.push(reason))
    const rest = reader.read()
    leaving.abort()
    expect(stream.closed).toBe(true)
    // An end and not an error, since servers log the error of a body.
    expect(await rest).toBeUndefined()
    await reader.cancel()
    expect(reasons).toEqual([expect.objectContaining({ reason: 'peer', cause: request.signal.reason })])
    expect(getEventListeners(request.signal, 'abort')).toHaveLength(0)
  })

  test('L2 with bytes that wait', async () => {
    const leaving = new AbortController()
    const { stream, reader } = await opened({}, new Request(URL_OF_ALL, { signal: leaving.signal }))
    const sent = stream.send('x'.repeat(20_000))
    leaving.abort()
    expect(await sent).toBe(false)
    expect(stream.bufferedAmount).toBe(0)
    expect(await reader.read()).toBeUndefined()
  })

  test('L3 before its response is read: the callback has a closed stream, and the body ends', async () => {
    const leaving = new AbortController()
    const request = new Request(URL_OF_ALL, { signal: leaving.signal })
    let stream: EventStream | undefined
    const response = respond(
      (given) => {
        stream = given
      },
      {},
      request,
    )
    leaving.abort('early')
    expect(await new Reader(response).read()).toBeUndefined()
    expect(stream?.closed).toBe(true)
    expect(stream?.signal.reason).toMatchObject({ reason: 'peer', cause: 'early' })
    expect(stream?.bufferedAmount).toBe(0)
    expect(getEventListeners(request.signal, 'abort')).toHaveLength(0)
  })

  test('L4 after any end the request has no listener', async () => {
    for (const end of [
      ({ stream }: Awaited<ReturnType<typeof opened>>) => stream.close(),
      ({ reader }: Awaited<ReturnType<typeof opened>>) => reader.cancel(),
      ({ stream }: Awaited<ReturnType<typeof opened>>) => {
        stream.send('x'.repeat(100))
        stream.send('x')
      },
    ]) {
      const request = new Request(URL_OF_ALL)
      const open = await opened({ maxBufferedBytes: 50 }, request)
      await end(open)
      expect(open.stream.closed).toBe(true)
      expect(getEventListeners(request.signal, 'abort')).toHaveLength(0)
    }
  })
})

describe('L7 a callback that fails', () => {
  const secret = new Error('secret')
  test.each([
    [
      'throws',
      () => {
        throw secret
      },
    ],
    ['rejects', () => Promise.reject(secret)],
    [
      'rejects later',
      async () => {
        await turn()
        throw secret
      },
    ],
  ])('L7 that %s ends the stream as error, and tells only onError', async (_, fail) => {
    let stream: EventStream | undefined
    const told: unknown[] = []
    const response = respond(
      (given) => {
        stream = given
        return fail()
      },
      { onError: (error, { stage }) => told.push([error, stage]) },
    )
    const reader = new Reader(response)
    const failed: unknown = await reader
      .read()
      .then(() => reader.read())
      .catch((error) => error)
    expect(failed).toMatchObject({ code: 'ERR_SSE_CLOSED' })
    expect(String(failed)).not.toContain('secret')
    expect(told).toEqual([[secret, 'handler']])
    expect(stream?.signal.reason).toMatchObject({ reason: 'error', cause: secret })
  })

  test('L2 because a call got the signal and the peer left is no error', async () => {
    const told: unknown[] = []
    let returned: Promise<unknown> | undefined
    const response = respond(
      ({ signal }) => {
        returned = new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason))
        })
        return returned
      },
      { onError: (error) => told.push(error) },
    )
    const reader = new Reader(response)
    await reader.read()
    await reader.cancel()
    await expect(returned).rejects.toMatchObject({ code: 'ERR_SSE_CLOSED' })
    await turn()
    expect(told).toEqual([])
  })
})

describe('H6 the last event id', () => {
  /** A header as HTTP gives it: one character for each byte. */
  const latin1 = (id: string) => String.fromCharCode(...new TextEncoder().encode(id))
  const idOf = (header: string | undefined, query = '') =>
    lastEventIdOf(new Request(`${URL_OF_ALL}${query}`, { headers: header === undefined ? {} : { 'Last-Event-ID': header } }))
  const UNKNOWN = '\uFFFD'

  test('H6 is the header’s, read as UTF-8', () => {
    expect(idOf('42')).toBe('42')
    expect(idOf(latin1('grün \u{1F3C0}'))).toBe('grün \u{1F3C0}')
    expect(idOf(latin1('\uFEFF7'))).toBe('\uFEFF7')
    expect(idOf('a\xff')).toBe('a\uFFFD')
  })

  test('H6 is the header’s, unchanged if the platform has decoded it', () => {
    expect(readLastEventId('\u{1F3C0}ü', undefined)).toBe('\u{1F3C0}ü')
  })

  test('H6 is the query’s if the header is absent, and the header wins', () => {
    expect(idOf(undefined, '?lastEventId=7')).toBe('7')
    expect(idOf(undefined, '?a=b&lastEventId=gr%C3%BCn%20%26')).toBe('grün &')
    expect(idOf('8', '?lastEventId=7')).toBe('8')
    expect(idOf('', '?lastEventId=7')).toBe('')
    expect(idOf(undefined, '?lasteventid=7')).toBe('')
  })

  test('H6 is empty if there is none', () => {
    expect(idOf(undefined)).toBe('')
    expect(idOf(undefined, '?')).toBe('')
    expect(idOf(undefined, '?lastEventId=')).toBe('')
    expect(readLastEventId(undefined, undefined)).toBe('')
    expect(readLastEventId(undefined, '*')).toBe('')
  })

  test('H6 with NUL is unknown', () => {
    expect(idOf(undefined, '?lastEventId=a%00b')).toBe(UNKNOWN)
    expect(readLastEventId('a\0b', undefined)).toBe(UNKNOWN)
  })

  test('H6 over 1 KiB is unknown', () => {
    expect(idOf('a'.repeat(1_024))).toBe('a'.repeat(1_024))
    expect(idOf('a'.repeat(1_025))).toBe(UNKNOWN)
    expect(idOf(undefined, `?lastEventId=${'a'.repeat(1_025)}`)).toBe(UNKNOWN)
    expect(idOf(undefined, `?lastEventId=${'%F0%9F%8F%80'.repeat(1_000)}`)).toBe(UNKNOWN)
  })

  test.each(['%', '%zz', '%C3', '%ff', '&&&=', '=1&lastEventId', '%00=%00'])('H6 survives the query ?lastEventId=%s', (query) => {
    expect(idOf(undefined, `?lastEventId=${query}`)).toBeTypeOf('string')
    expect(readLastEventId(undefined, `/?${query}`)).toBe('')
  })

  test('H6 is the stream’s lastEventId', async () => {
    const { stream } = await opened({}, new Request(URL_OF_ALL, { headers: { 'Last-Event-ID': latin1('ä') } }))
    expect(stream.lastEventId).toBe('ä')
  })
})
