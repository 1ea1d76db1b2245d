import { deepEqual, equal, match, notEqual, ok } from 'node:assert/strict'
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { ask, eventually, rawExchange, within } from '../client.ts'
import { asyncContext } from './async-context.ts'
import { codeOf } from './code-of.ts'
import { matches } from './matches.ts'
import { reasonOf } from './reason-of.ts'
import { sentence } from './sentence.ts'
import { OPENING } from './wire.ts'
import type { AdapterSentence, World } from './world.ts'

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

async function refuses(method: string, { adapter, start }: World): Promise<void> {
  const app = await start({})
  for (const accept of accepted) deepEqual([accept, (await ask(app, { method, headers: accepting(accept) })).status], [accept, 200])
  const opened = app.streams.length
  for (const accept of excluded) deepEqual([accept, (await ask(app, { method, headers: { accept } })).status], [accept, 406])
  equal(
    app.streams.slice(opened).every((stream) => stream.closed),
    true,
  )
  if (adapter.mountable === false) return
  const codes = app.frameworkErrors.map((error) => (error as { code?: string }).code ?? (error as { cause?: { code?: string } }).cause?.code)
  deepEqual(
    codes,
    excluded.map(() => 'ERR_SSE_NOT_ACCEPTABLE'),
  )
}

/** H: HTTP. */
export const http: readonly AdapterSentence[] = [
  sentence(
    'H1',
    'The head MUST have status 200 (or `status`), `Content-Type: text/event-stream`, `Cache-Control: no-cache, no-transform` and ' +
      '`X-Accel-Buffering: no`. Headers that the app set before the stream opened (CORS, cookies, request ids) MUST survive. In Hono, ' +
      'headers that are set after `next()` survive too; in Express and Koa the head has left by then. The option `headers` wins over ' +
      'all of them. Only `headers` can change `Cache-Control`. Earlier `Content-Length`, `Content-Encoding`, `ETag` and `Last-Modified` ' +
      'headers are removed. These options throw `ERR_SSE_INVALID_OPTION`: `headers` with `Content-Type`, `Connection`, `Keep-Alive`, ' +
      '`Transfer-Encoding` or `Content-Length`, and a `status` that is 204, 205 or outside 200-299.',
    'WHATWG HTML 9.2.5, RFC 9110 15.3, RFC 9111 5.2.2',
    {
      // Answers with the head of an event stream.
      head: async ({ start }) => {
        const app = await start({})
        const { status, headers } = await ask(app)
        equal(status, 200)
        matches(headers, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no' })
      },
      // Keeps the headers that were set before, except those that are wrong for an endless body.
      'keeps-headers-set-before': async ({ start }) => {
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
        matches(client.headers, {
          'access-control-allow-origin': 'https://a.example',
          'set-cookie': ['a=1'],
          'x-request-id': 'r1',
          'content-type': 'text/event-stream',
          'cache-control': 'no-cache, no-transform',
        })
        for (const name of ['content-encoding', 'etag', 'last-modified', 'content-length']) ok(!(name in client.headers), name)
        await client.until('data: whole\n\n')
      },
      // Lets the headers and the status of the options win.
      'options-win': async ({ start }) => {
        const headers = { 'Cache-Control': 'no-store', 'X-Request-Id': 'r2', 'X-List': ['a', 'b'] }
        const app = await start({ options: { headers, status: 201 }, route: { headers: { 'X-Request-Id': 'r1' } } })
        const client = await ask(app)
        equal(client.status, 201)
        matches(client.headers, { 'cache-control': 'no-store', 'x-request-id': 'r2', 'x-list': 'a, b' })
      },
      // Refuses options that would break the response, at the call that sets them.
      'refuses-options': async ({ start }) => {
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
        deepEqual(
          codes,
          bad.map(() => 'ERR_SSE_INVALID_OPTION'),
        )
      },
      // Takes each option from the call, the route or the app: the nearest that sets it.
      'nearest-options-win': {
        when: ({ adapter }) => adapter.mountable !== false,
        proof: async ({ start }) => {
          const app = await start({
            options: { retry: 1, status: 201, headers: { 'X-From': 'app' } },
            route: { options: { retry: 2, headers: { 'X-From': 'route' } }, callOptions: { retry: 3 } },
          })
          const client = await ask(app)
          equal(await client.until((text) => text.length > 0), 'retry: 3\n\n')
          equal(client.status, 201)
          equal(client.headers['x-from'], 'route')
        },
      },
    },
  ),
  sentence(
    'H2',
    'The head and a first byte MUST leave at once, before any message, on every runtime. In Hono they leave when the middleware chain ' + 'has returned.',
    'WHATWG HTML 9.2.3',
    {
      // Sends the head and a first byte at once, before any message.
      'first-byte': async ({ start }) => {
        const app = await start({ options: { heartbeat: false } })
        const client = await ask(app)
        equal(await client.until((text) => text.length > 0), OPENING)
      },
      // Opens with `retry`, or with padding of the given size.
      'retry-or-padding': async ({ start }) => {
        const withRetry = await ask(await start({ options: { retry: 1_234 } }))
        equal(await withRetry.until((text) => text.length > 0), 'retry: 1234\n\n')
        const padded = await ask(await start({ options: { padding: 2_048 } }))
        equal(await padded.until((text) => text.length >= 2_048), `: ${' '.repeat(2_044)}\n\n`)
      },
    },
  ),
  sentence(
    'H3',
    'Tidings MUST NOT set `Connection`, `Keep-Alive`, `Transfer-Encoding` or `Content-Length`; Node adds its own. An HTTP/1.1 ' +
      'response is chunked. An HTTP/1.0 response has no framing, and ends with its connection. An HTTP/2 response has no connection ' +
      'headers (RFC 9113 8.2.2). A plain HTTP/2 request MUST NOT crash the process (Koa, Hono, `node:http2`).',
    'RFC 9112 7.1, RFC 9113 8.2.2',
    {
      // Leaves the framing to the platform.
      framing: async ({ start, protocol }) => {
        const warnings: string[] = []
        const note = ({ name }: Error): unknown => warnings.push(name)
        process.on('warning', note)
        const app = await start({ run: (stream) => stream.close() })
        const { headers, ended } = await ask(app, { keepAlive: true })
        equal(await ended, OPENING)
        ok(!('content-length' in headers), 'content-length')
        if (protocol === 'HTTP/2') for (const name of ['connection', 'keep-alive', 'transfer-encoding']) ok(!(name in headers), name)
        else matches(headers, { 'transfer-encoding': 'chunked', connection: 'keep-alive' })
        process.off('warning', note)
        deepEqual(warnings, [])
      },
      // Answers HTTP/1.0 bare, and closes the connection at the end.
      'http-1.0': {
        when: ({ protocol }) => protocol === 'HTTP/1.1',
        proof: async ({ start }) => {
          const app = await start({
            run: async (stream) => {
              await stream.send('é')
              stream.close()
            },
          })
          const answer = await rawExchange(app.port, 'GET / HTTP/1.0\r\nHost: a\r\n\r\n')
          equal(answer.slice(answer.indexOf('\r\n\r\n') + 4), `${OPENING}data: \u00c3\u00a9\n\n`)
          ok(!answer.toLowerCase().includes('transfer-encoding'), answer.toLowerCase())
        },
      },
    },
  ),
  sentence(
    'H4',
    'HEAD MUST answer the same head at once, apart from `Transfer-Encoding`, and open no stream. `res.sse()` returns a closed stream ' +
      "with the reason `'unopened'`. The framework answers OPTIONS.",
    'RFC 9110 9.3.2',
    {
      // Answers HEAD with the same head and opens no stream.
      'head-only': async ({ start, adapter }) => {
        const app = await start({ options: { headers: { 'X-A': 'a' } } })
        const got = await ask(app)
        const head = await ask(app, { method: 'HEAD' })
        equal(await head.ended, '')
        equal(head.status, got.status)
        const framing = ['transfer-encoding', 'date', 'connection', 'keep-alive']
        const without = (headers: object): object => Object.fromEntries(Object.entries(headers).filter(([name]) => !framing.includes(name)))
        deepEqual(without(head.headers), without(got.headers))
        // A handler that gets a stream all the same gets a closed one.
        for (const stream of app.streams.slice(1)) {
          equal(stream.closed, true)
          equal(await reasonOf(stream), 'unopened')
        }
        if (!adapter.returnsResponses) equal(app.streams.length, 2)
      },
    },
  ),
  sentence(
    'H5',
    'A request whose `Accept` is absent, is `*/*` or `text/*`, or lists the type MUST get a stream. On GET and HEAD, an `Accept` that ' +
      "excludes the type (RFC 9110 12.5.1, also by `q=0`) MUST get 406 with `ERR_SSE_NOT_ACCEPTABLE`, by the framework's own way for " +
      'errors. Nothing is thrown where the framework may not catch it. In Express, `req.next(error)` is called and `res.sse()` returns ' +
      'a closed stream, so an async handler of Express 4 works. Koa uses `ctx.throw`, and Hono `HTTPException`. `openEventStream` ' +
      'answers 406 itself. Other methods are negotiated only with `negotiate: true`. `negotiate: false` turns negotiation off.',
    'RFC 9110 12.5.1',
    {
      'refuses-get': (world) => refuses('GET', world),
      'refuses-head': (world) => refuses('HEAD', world),
      // Negotiates other methods with `negotiate: true`, and none with `false`.
      'other-methods': async ({ start }) => {
        const headers = { accept: 'application/json' }
        const route = { method: 'POST' as const, readsBody: true }
        const posted = { method: 'POST', body: '{}', headers }
        equal((await ask(await start({ route }), posted)).status, 200)
        equal((await ask(await start({ route, options: { negotiate: true } }), posted)).status, 406)
        equal((await ask(await start({ options: { negotiate: false } }), { headers })).status, 200)
      },
    },
  ),
  sentence(
    'H6',
    '`Last-Event-ID` MUST be read as UTF-8, although Node gives it as latin1. Without the header, `lastEventId` of the query is read, ' +
      'and the last one counts. An id with NUL or over 1 KiB is unknown to the server, and never causes a 500.',
    'WHATWG HTML 9.2.4, RFC 9110 5.5',
    {
      // Reads Last-Event-ID as UTF-8, then the query; the header wins.
      'header-and-query': async ({ start }) => {
        const app = await start({})
        const idOf = async (header: string | undefined, path = '/'): Promise<string | undefined> => {
          const next = app.nextStream()
          await ask(app, { path, headers: header === undefined ? {} : { 'last-event-id': header } })
          return (await within(next, 'the stream')).lastEventId
        }
        equal(await idOf(undefined), '')
        equal(await idOf('42'), '42')
        equal(await idOf(Buffer.from('ü→🎉').toString('latin1')), 'ü→🎉')
        equal(await idOf(undefined, '/?a=b&lastEventId=a%20%C3%BC'), 'a ü')
        equal(await idOf('header', '/?lastEventId=query'), 'header')
        // Clients append their id to a URL that may have an older one.
        equal(await idOf(undefined, '/?lastEventId=old&a=b&lastEventId=new'), 'new')
        equal(await idOf(undefined, '/?lastEventId=old&lastEventId='), '')
        // No server sends such an id. It counts as unknown, not as absent and not as an error.
        for (const path of ['/?lastEventId=a%00b', `/?lastEventId=${'x'.repeat(1_025)}`]) equal(await idOf(undefined, path), '\ufffd')
        equal(await idOf('x'.repeat(1_025)), '\ufffd')
        notEqual(await idOf(undefined, '/?lastEventId=%'), undefined)
      },
    },
  ),
  sentence(
    'H7',
    'Messages MUST arrive at once and as they were sent behind these middlewares: `compression()`, `morgan`, `helmet`, `cors`, ' +
      "`cookie-session` and `express.json()`; `koa-compress` and `@koa/cors`; Hono's `compress`, `cors`, `logger`, `etag`, " +
      '`secureHeaders` and `timing`. Two limits are documented: `etag` on web streams reads the whole body first, and `koa-session` ' +
      'must be saved before `ctx.sse()`.',
    'Tidings',
    {
      // Delivers messages unchanged and at once behind each middleware.
      behind: {
        each: ({ adapter }) => adapter.middleware ?? [],
        proof: async ({ start }, middleware) => {
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
            equal(await reason, 'peer')
            deepEqual(app.frameworkErrors, [])
          }
        },
      },
    },
  ),
  sentence(
    'H8',
    'Messages MUST arrive within 100 ms behind nginx with its defaults, and with gzip. HAProxy needs `option http-no-delay`, which is ' + 'documented.',
    'Tidings',
    { provedIn: ['packages/tests/test/nginx.test.ts', 'packages/tests/test/haproxy.test.ts'] },
  ),
  sentence(
    'H9',
    'A second `res.sse()`, and one after the head was sent, MUST throw a coded error. Where another library has set `res.sse`, the ' +
      'middleware MUST pass a coded error to `next`. Two copies of Tidings know each other by a `Symbol.for` key.',
    'Tidings',
    {
      // Refuses a second stream on one response.
      'second-stream': async ({ start }) => {
        const codes: unknown[] = []
        const app = await start({
          run: (stream, again) => {
            codes.push(codeOf(again))
            stream.send('first')
          },
        })
        await (await ask(app)).until('data: first\n\n')
        deepEqual(codes, ['ERR_SSE_HEADERS_SENT'])
      },
      // Refuses a stream after the head was sent.
      'head-sent': {
        when: ({ adapter }) => adapter.returnsResponses !== true,
        proof: async ({ start }) => {
          const app = await start({ route: { sendsFirst: true } })
          // The framework decides what becomes of such a response.
          ask(app).catch(() => {})
          await eventually(() => app.frameworkErrors.length > 0, 'the error')
          matches(app.frameworkErrors, [{ code: 'ERR_SSE_HEADERS_SENT' }])
          deepEqual(app.streams, [])
        },
      },
      // Refuses to replace a foreign helper.
      'name-taken': {
        when: ({ adapter }) => adapter.mountable !== false,
        proof: async ({ start }) => {
          const app = await start({ nameTaken: true })
          equal((await ask(app)).status, 500)
          matches(app.frameworkErrors, [{ code: 'ERR_SSE_NAME_TAKEN' }])
        },
      },
    },
  ),
  sentence(
    'H10',
    'These MUST work alike: a POST whose body was read first, a request whose body nobody has read, and a route behind async ' +
      'middleware. A body that nobody reads MUST NOT hide that the peer has left. A handler may begin to read the body after the stream ' +
      'has opened, also after an `await`. The body MUST then arrive whole, or fail with an error that says to read it first. It MUST ' +
      'NOT be empty in silence.',
    'Tidings',
    {
      // Works after the body was read, with a body unread, and behind async middleware.
      'read-unread-async': async ({ start }) => {
        for (const route of [{ readsBody: true }, { readsBody: false }, { before: () => new Promise((resolve) => setImmediate(resolve)) }]) {
          const app = await start({ route: { ...route, method: 'POST' }, run: (stream) => stream.send('here') })
          const next = app.nextStream()
          const client = await ask(app, { method: 'POST', body: 'x'.repeat(1_000_000) })
          await client.until('data: here\n\n')
          const reason = reasonOf(await next)
          client.leave()
          equal(await reason, 'peer')
        }
      },
      // Gives the whole body to a handler that reads it at once, and the body or an error to one that reads it later.
      'read-late': async ({ start }) => {
        for (const body of ['{"prompt":"hello"}', 'x'.repeat(1_000_000)]) {
          for (const wait of [undefined, turn, () => delay(50)]) {
            const app = await start({
              route: { method: 'POST' },
              run: async (stream, _again, readBody) => {
                await wait?.()
                const read = await readBody().catch((error) => ({ code: error.code, says: /read it first/.test(error.message) }))
                const refused = { code: 'ERR_SSE_BODY_DROPPED', says: true }
                const isRight = read === body || (wait !== undefined && isDeepStrictEqual(read, refused))
                await stream.send({ data: isRight ? 'as it should be' : read })
              },
            })
            const next = app.nextStream()
            const client = await ask(app, { method: 'POST', body })
            await client.until((text) => text.includes('data: '))
            match(client.text, /data: as it should be\n\n$/)
            // The stream still sees its peer leave.
            const reason = reasonOf(await next)
            client.leave()
            equal(await reason, 'peer')
          }
        }
      },
    },
  ),
  sentence('H11', '`Incremental: ?1` (RFC 10036) MUST be in the head, beside `X-Accel-Buffering: no`.', 'RFC 10036', {
    head: async ({ start }) => {
      const { headers } = await ask(await start({}))
      matches(headers, { incremental: '?1', 'x-accel-buffering': 'no' })
    },
  }),
  sentence(
    'H12',
    'Hop-by-hop headers that the app has set (`Transfer-Encoding`, `Keep-Alive`, `Connection`, `Upgrade`, `Proxy-Connection`) MUST ' +
      'NOT reach the head of an HTTP/2 response. They MUST NOT break the response or the process.',
    'RFC 9113 8.2.2',
    {
      'set-by-the-app': {
        each: () => ['GET', 'POST', 'HEAD'],
        proof: async ({ start, protocol }, method) => {
          const common = { 'Keep-Alive': 'timeout=5', 'Transfer-Encoding': 'chunked' }
          const further = { Connection: 'keep-alive', Upgrade: 'h2c', 'Proxy-Connection': 'keep-alive', 'HTTP2-Settings': 'AAMAAABk' }
          // An HTTP/1.1 client would follow the upgrade.
          for (const hopByHop of protocol === 'HTTP/2' ? [{ ...common, ...further }] : [common, { Connection: 'close' }]) {
            const headers = { ...hopByHop, 'X-Request-Id': 'r1' }
            const app = await start({ route: { method: method === 'POST' ? 'POST' : 'GET', headers }, run: (stream) => stream.send('whole') })
            const client = await ask(app, { method, ...(method === 'POST' ? { body: 'x' } : {}) })
            equal(client.status, 200)
            equal(client.headers['x-request-id'], 'r1')
            if (protocol === 'HTTP/2') for (const name of Object.keys(hopByHop)) equal(client.headers[name.toLowerCase()], undefined)
            if (method === 'HEAD') equal(await client.ended, '')
            else await client.until('data: whole\n\n')
            deepEqual(app.frameworkErrors, [])
            deepEqual(app.errors, [])
          }
        },
      },
    },
  ),
  asyncContext,
]
