import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { format } from 'node:util'
import zlib, { type Gzip } from 'node:zlib'
import { createChannel } from '@tidings/core'
import { readEventStream } from '@tidings/testing'
import compression from 'compression'
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express'
import request from 'supertest'
import { describe, expect, test, vi } from 'vitest'
import { eventStream, lastEventIdOf, sse } from '../src/index.ts'

test('eventStream() needs no middleware, and lastEventIdOf() gives the id before the stream opens', async () => {
  const app = express()
  app.get('/', (req, res) => {
    const id = lastEventIdOf(req)
    const stream = eventStream(req, res)
    stream.send(`${id} ${stream.lastEventId}`)
    stream.close()
  })
  const { events } = await readEventStream(request(app).get('/').set('Last-Event-ID', '7'))
  expect(events).toEqual([{ event: 'message', data: '7 7', id: undefined }])
})

test('H5 eventStream() passes a refusal to the error handlers, too', async () => {
  const app = express()
  app.set('env', 'test')
  app.get('/', (req, res) => void eventStream(req, res))
  await request(app).get('/').set('Accept', 'application/json').expect(406)
})

describe('L2 the error handler for aborts on a route', () => {
  const gone = new DOMException('This operation was aborted', 'AbortError')

  /** Told errors of an app whose handlers fail once their client has left. */
  async function toldWhenLeft(mount: (app: Express, handler: RequestHandler) => void): Promise<unknown[]> {
    const told: unknown[] = []
    const app = express()
    app.set('env', 'test')
    app.use(sse())
    let failed!: () => void
    const hasFailed = new Promise<void>((resolve) => {
      failed = resolve
    })
    mount(app, async (_req, res) => {
      const { signal } = res.sse()
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      setImmediate(failed)
      throw gone
    })
    const tell: ErrorRequestHandler = (error, _req, _res, next) => {
      told.push(error)
      next()
    }
    app.use(tell)
    const response = await readEventStream(request(app).get('/'), { until: ({ text }) => text.length > 0 })
    expect(response.status).toBe(200)
    await hasFailed
    return told
  }

  test('comes after the handlers of routers, and of all methods', async () => {
    expect(await toldWhenLeft((app, handler) => app.use(express.Router().get('/', handler)))).toEqual([])
    expect(await toldWhenLeft((app, handler) => app.all('/', handler))).toEqual([])
    expect(await toldWhenLeft((app, handler) => app.get('/', ((_req, _res, next) => next()) satisfies RequestHandler, handler))).toEqual([])
  })

  test('does not exist for a handler without a route, whose error is reported', async () => {
    expect(await toldWhenLeft((app, handler) => app.use('/', handler))).toEqual([gone])
  })

  test('is added once, and leaves OPTIONS, other methods and other errors to Express', async () => {
    const app = express()
    app.set('env', 'test')
    app.use(sse())
    const route = app.route('/').get((_req, res) => res.sse().close())
    for (let count = 0; count < 3; count++) await request(app).get('/').expect(200)
    await request(app).head('/').expect(200)
    expect(route.stack).toHaveLength(2)
    await request(app).options('/').expect('Allow', 'GET, HEAD')
    await request(app).post('/').expect(404)
    route.post(() => {
      throw gone
    })
    await request(app).post('/').expect(500)
  })
})

test('H10 express.json() after an open stream passes the error on', async () => {
  const errors: unknown[] = []
  const app = express()
  app.use(sse())
  app.post('/', (_req, res, next) => {
    res.sse()
    setTimeout(next, 20)
  })
  app.use(express.json())
  const told: ErrorRequestHandler = (error, _req, res, _next) => {
    errors.push(error)
    res.destroy()
  }
  app.use(told)
  await request(app)
    .post('/')
    .send({ prompt: 'hello' })
    .catch(() => {})
  expect(errors).toMatchObject([{ code: 'ERR_SSE_BODY_DROPPED' }])
})

test('H5 Express logs and answers a refusal without a stack', async () => {
  const logged = vi.spyOn(console, 'error').mockImplementation(() => {})
  const app = express()
  app.set('env', 'development')
  app.use(sse())
  app.get('/', (_req, res) => void res.sse())
  const { text } = await request(app).get('/').set('Accept', 'application/json').expect(406)
  const line = 'TidingsError: This resource is an event stream; send Accept: text/event-stream, or no Accept at all'
  expect(text).toContain(`<pre>${line}</pre>`)
  await expect.poll(() => logged).toHaveBeenCalledOnce()
  const written = format(...(logged.mock.calls[0] ?? []))
  logged.mockRestore()
  expect(written).toContain(line)
  expect(written).not.toContain('    at ')
})

test('B4 if compression wraps the stream, no more is compressed for a slow peer than it takes', async () => {
  const { createGzip } = zlib
  const made: Gzip[] = []
  const spy = vi.spyOn(zlib, 'createGzip').mockImplementation((options) => {
    const gzip = createGzip(options)
    made.push(gzip)
    return gzip
  })
  const channel = createChannel({ history: { messages: 1_000, bytes: 1e9 } })
  const app = express()
  // Without the no-transform that keeps it off.
  app.use(compression(), sse({ headers: { 'Cache-Control': 'no-cache' } }))
  app.get('/', (_req, res) => {
    channel.subscribe(res.sse())
  })
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  client.write('GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n')
  while (channel.subscribers === 0) await new Promise(setImmediate)
  for (let count = 0; count < 500; count++) channel.publish(randomBytes(24_000).toString('base64'))
  let [taken, most] = [0, 0]
  for await (const bytes of client) {
    taken += bytes.length
    most = Math.max(most, made[0]?.writableLength ?? 0)
    if (taken > 5_000_000) break
    // A peer that is slow, for as long as its server would make more than it takes.
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  spy.mockRestore()
  server.close().closeAllConnections()
  expect(most).toBeGreaterThan(0)
  expect(most).toBeLessThan(1_000_000)
})
