import { describe, expect } from 'vitest'
import { ask, eventually, rawExchange, within } from '../client.ts'
import { type Contract, codeOf } from './holds.ts'
import { reasonOf } from './reason-of.ts'
import { OPENING } from './wire.ts'

/** H: HTTP. */
export function describeHttp(contract: Contract): void {
  describe('H: HTTP', () => {
    describeHead(contract)
    describeRequests(contract)
    describeMiddleware(contract)
    describeMisuse(contract)
  })
}

function describeHead({ adapter, protocol, holds }: Contract): void {
  holds('H1 answers with the head of an event stream', async (start) => {
    const app = await start({})
    const { status, headers } = await ask(app)
    expect(status).toBe(200)
    expect(headers).toMatchObject({ 'content-type': 'text/event-stream', 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no' })
  })

  holds('H1 keeps the headers that were set before, but for those that an endless body makes wrong', async (start) => {
    const before = {
      'Access-Control-Allow-Origin': 'https://a.example',
      'Set-Cookie': 'a=1',
      'X-Request-Id': 'r1',
      'Content-Type': 'text/html',
      'Cache-Control': 'public',
      'Content-Encoding': 'br',
      ETag: '"e"',
      'Last-Modified': 'Thu, 01 Jan 2026 00:00:00 GMT',
      'Content-Length': '3',
    }
    const app = await start({ route: { headers: before }, run: (stream) => stream.send('whole') })
    const client = await ask(app)
    expect(client.headers).toMatchObject({
      'access-control-allow-origin': 'https://a.example',
      'set-cookie': ['a=1'],
      'x-request-id': 'r1',
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
    })
    for (const name of ['content-encoding', 'etag', 'last-modified', 'content-length']) expect(client.headers).not.toHaveProperty(name)
    await client.until('data: whole\n\n')
  })

  holds('H1 lets the headers and the status of the options win', async (start) => {
    const headers = { 'Cache-Control': 'no-store', 'X-Request-Id': 'r2', 'X-List': ['a', 'b'] }
    const app = await start({ options: { headers, status: 201 }, route: { headers: { 'X-Request-Id': 'r1' } } })
    const client = await ask(app)
    expect(client.status).toBe(201)
    expect(client.headers).toMatchObject({ 'cache-control': 'no-store', 'x-request-id': 'r2', 'x-list': 'a, b' })
  })

  holds('H1 refuses options that would break the response, when they are given', async (start) => {
    const names = ['Content-Type', 'connection', 'Keep-Alive', 'transfer-encoding', 'Content-Length']
    const bad = [
      ...names.map((name) => ({ headers: { [name]: 'x' } })),
      { headers: { 'X-A': 'a\r\nX-B: b' } },
      ...[199, 204, 205, 300, 500].map((status) => ({ status })),
    ]
    const codes: unknown[] = []
    for (const options of bad) {
      try {
        const app = await start({ options })
        const client = await ask(app)
        codes.push(client.status)
      } catch (error) {
        codes.push((error as { code?: unknown }).code)
      }
    }
    expect(codes).toEqual(bad.map(() => 'ERR_SSE_INVALID_OPTION'))
  })

  holds('H2 sends the head and a first byte at once, before any message', async (start) => {
    const app = await start({ options: { heartbeat: false } })
    const client = await ask(app)
    expect(await client.until((text) => text.length > 0)).toBe(OPENING)
  })

  holds('H2 opens with retry, or with padding of the size asked for', async (start) => {
    const withRetry = await ask(await start({ options: { retry: 1_234 } }))
    expect(await withRetry.until((text) => text.length > 0)).toBe('retry: 1234\n\n')
    const padded = await ask(await start({ options: { padding: 2_048 } }))
    expect(await padded.until((text) => text.length >= 2_048)).toBe(`: ${' '.repeat(2_044)}\n\n`)
  })

  holds('H3 leaves the framing to the platform', async (start) => {
    const warnings: string[] = []
    const note = ({ name }: Error): unknown => warnings.push(name)
    process.on('warning', note)
    const app = await start({ run: (stream) => stream.close() })
    const { headers, ended } = await ask(app, { keepAlive: true })
    expect(await ended).toBe(OPENING)
    expect(headers).not.toHaveProperty('content-length')
    if (protocol === 'HTTP/2') for (const name of ['connection', 'keep-alive', 'transfer-encoding']) expect(headers).not.toHaveProperty(name)
    else expect(headers).toMatchObject({ 'transfer-encoding': 'chunked', connection: 'keep-alive' })
    process.off('warning', note)
    expect(warnings).toEqual([])
  })

  if (protocol === 'HTTP/1.1') {
    holds('H3 answers HTTP/1.0 bare, and closes the connection at the end', async (start) => {
      const app = await start({
        run: async (stream) => {
          await stream.send('é')
          stream.close()
        },
      })
      const answer = await rawExchange(app.port, 'GET / HTTP/1.0\r\nHost: a\r\n\r\n')
      expect(answer.slice(answer.indexOf('\r\n\r\n') + 4)).toBe(`${OPENING}data: \u00c3\u00a9\n\n`)
      expect(answer.toLowerCase()).not.toContain('transfer-encoding')
    })
  }

  holds('H4 answers HEAD with the same head and opens no stream', async (start) => {
    const app = await start({ options: { headers: { 'X-A': 'a' } } })
    const got = await ask(app)
    const head = await ask(app, { method: 'HEAD' })
    expect(await head.ended).toBe('')
    expect(head.status).toBe(got.status)
    const framing = ['transfer-encoding', 'date', 'connection', 'keep-alive']
    const without = (headers: object): object => Object.fromEntries(Object.entries(headers).filter(([name]) => !framing.includes(name)))
    expect(without(head.headers)).toEqual(without(got.headers))
    // Whoever gets a stream all the same gets one that is closed already.
    for (const stream of app.streams.slice(1)) {
      expect(stream.closed).toBe(true)
      expect(await reasonOf(stream)).toBe('unopened')
    }
    if (!adapter.returnsResponses) expect(app.streams).toHaveLength(2)
  })
}

function describeRequests({ adapter, holds }: Contract): void {
  const accepted = [
    undefined,
    '*/*',
    'text/*',
    'text/event-stream',
    'text/html, text/event-stream;q=0.1',
    'text/event-stream;charset=utf-8',
    'application/json, */*;q=0.5',
  ]
  const excluded = ['application/json', 'text/html', 'text/event-stream;q=0', '*/*, text/event-stream;q=0', 'image/*']
  const accepting = (accept: string | undefined): Record<string, string> => (accept === undefined ? {} : { accept })

  for (const method of ['GET', 'HEAD']) {
    holds(`H5 refuses a ${method} whose Accept excludes event streams with 406, by the framework's own error path`, async (start) => {
      const app = await start({})
      for (const accept of accepted) expect([accept, (await ask(app, { method, headers: accepting(accept) })).status]).toEqual([accept, 200])
      const opened = app.streams.length
      for (const accept of excluded) expect([accept, (await ask(app, { method, headers: { accept } })).status]).toEqual([accept, 406])
      expect(app.streams.slice(opened).every((stream) => stream.closed)).toBe(true)
      if (adapter.mountable === false) return
      const codes = app.frameworkErrors.map((error) => (error as { code?: string }).code ?? (error as { cause?: { code?: string } }).cause?.code)
      expect(codes).toEqual(excluded.map(() => 'ERR_SSE_NOT_ACCEPTABLE'))
    })
  }

  holds('H5 negotiates other methods when asked to, and none when told not to', async (start) => {
    const headers = { accept: 'application/json' }
    const route = { method: 'POST' as const, readsBody: true }
    const posted = { method: 'POST', body: '{}', headers }
    expect((await ask(await start({ route }), posted)).status).toBe(200)
    expect((await ask(await start({ route, options: { negotiate: true } }), posted)).status).toBe(406)
    expect((await ask(await start({ options: { negotiate: false } }), { headers })).status).toBe(200)
  })

  holds('H6 reads Last-Event-ID as UTF-8, then the query; the header wins', async (start) => {
    const app = await start({})
    const idOf = async (header: string | undefined, path = '/'): Promise<string | undefined> => {
      const next = app.nextStream()
      await ask(app, { path, headers: header === undefined ? {} : { 'last-event-id': header } })
      return (await within(next, 'the stream')).lastEventId
    }
    expect(await idOf(undefined)).toBe('')
    expect(await idOf('42')).toBe('42')
    expect(await idOf(Buffer.from('ü→🎉').toString('latin1'))).toBe('ü→🎉')
    expect(await idOf(undefined, '/?a=b&lastEventId=a%20%C3%BC')).toBe('a ü')
    expect(await idOf('header', '/?lastEventId=query')).toBe('header')
    // No server gives out such an id, so it is told as one that is unknown, and neither as none nor as an error.
    for (const path of ['/?lastEventId=a%00b', `/?lastEventId=${'x'.repeat(1_025)}`]) expect(await idOf(undefined, path)).toBe('\ufffd')
    expect(await idOf('x'.repeat(1_025))).toBe('\ufffd')
    expect(await idOf(undefined, '/?lastEventId=%')).toBeDefined()
  })

  holds('H10 works after the body was read, with a body unread, and behind async middleware', async (start) => {
    for (const route of [{ readsBody: true }, { readsBody: false }, { before: () => new Promise((resolve) => setImmediate(resolve)) }]) {
      const app = await start({ route: { ...route, method: 'POST' }, run: (stream) => stream.send('here') })
      const next = app.nextStream()
      const client = await ask(app, { method: 'POST', body: 'x'.repeat(1_000_000) })
      await client.until('data: here\n\n')
      const reason = reasonOf(await next)
      client.leave()
      expect(await reason).toBe('peer')
    }
  })
}

function describeMiddleware({ adapter, holds }: Contract): void {
  for (const middleware of adapter.middleware ?? []) {
    holds(`H7 leaves messages as they were sent, and at once, behind ${middleware}`, async (start) => {
      for (const options of [{}, { headers: { 'Cache-Control': 'no-cache' } }]) {
        const app = await start({ middleware, options })
        const next = app.nextStream()
        const client = await ask(app, { headers: { 'accept-encoding': 'gzip' } })
        const stream = await within(next, 'the stream')
        for (const data of ['one', 'two\nlines', 'ü'.repeat(20_000)]) {
          await stream.send({ event: 'e', data, id: '1' })
          await client.until(`event: e\ndata: ${data.replace('\n', '\ndata: ')}\nid: 1\n\n`)
        }
        const reason = reasonOf(stream)
        client.leave()
        expect(await reason).toBe('peer')
        expect(app.frameworkErrors).toEqual([])
      }
    })
  }
}

function describeMisuse({ adapter, holds }: Contract): void {
  holds('H9 refuses a second stream on one response', async (start) => {
    const codes: unknown[] = []
    const app = await start({
      run: (stream, again) => {
        codes.push(codeOf(again))
        stream.send('first')
      },
    })
    await (await ask(app)).until('data: first\n\n')
    expect(codes).toEqual(['ERR_SSE_HEADERS_SENT'])
  })

  if (!adapter.returnsResponses) {
    holds('H9 refuses a stream after the head was sent', async (start) => {
      const app = await start({ route: { sendsFirst: true } })
      // What becomes of such a response is the framework's own affair.
      ask(app).catch(() => {})
      await eventually(() => app.frameworkErrors.length > 0, 'the error')
      expect(app.frameworkErrors).toMatchObject([{ code: 'ERR_SSE_HEADERS_SENT' }])
      expect(app.streams).toEqual([])
    })
  }

  if (adapter.mountable === false) return

  holds('H9 refuses to take the place of a helper that is not ours', async (start) => {
    const app = await start({ nameTaken: true })
    expect((await ask(app)).status).toBe(500)
    expect(app.frameworkErrors).toMatchObject([{ code: 'ERR_SSE_NAME_TAKEN' }])
  })

  holds('Options of the app, the route and the call are layered: the nearest wins, one by one', async (start) => {
    const app = await start({
      options: { retry: 1, status: 201, headers: { 'X-From': 'app' } },
      route: { options: { retry: 2, headers: { 'X-From': 'route' } }, callOptions: { retry: 3 } },
    })
    const client = await ask(app)
    expect(await client.until((text) => text.length > 0)).toBe('retry: 3\n\n')
    expect(client.status).toBe(201)
    expect(client.headers['x-from']).toBe('route')
  })
}
