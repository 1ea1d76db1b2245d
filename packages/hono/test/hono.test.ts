import { once } from 'node:events'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import { type AddressInfo, connect } from 'node:net'
import { serve } from '@hono/node-server'
import { readEventStream } from '@tidings/testing'
import { Hono } from 'hono'
import { describe, expect, test } from 'vitest'
import { eventStream, lastEventIdOf, sse } from '../src/index.ts'

type Fetch = (app: Hono, path: string, init?: RequestInit) => Promise<{ response: Response; close(): void }>

const paths: Record<string, Fetch> = {
  'on Node': async (app, path, init) => {
    const server = serve({ fetch: app.fetch, port: 0 })
    await new Promise((resolve) => server.once('listening', resolve))
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, init)
    return { response, close: () => server.close() }
  },
  'on web streams': async (app, path, init) => ({ response: await app.request(path, init), close: () => {} }),
}

describe.each(Object.entries(paths))('Hono %s', (_, request) => {
  test('H1 keeps the headers that middleware sets after next()', async () => {
    const app = new Hono()
    app.use(async (c, next) => {
      await next()
      c.header('X-Late', 'late')
      c.res.headers.append('Set-Cookie', 'a=1')
    })
    app.use(sse())
    app.get('/', (c) => c.var.sse((stream) => stream.close()))
    const { response, close } = await request(app, '/')
    expect(response.headers.get('x-late')).toBe('late')
    expect(response.headers.getSetCookie()).toEqual(['a=1'])
    expect((await readEventStream(response)).text).toBe(':\n\n')
    close()
  })

  test('refuses to open a stream without a callback', async () => {
    const errors: unknown[] = []
    const app = new Hono()
    app.onError((error, c) => {
      errors.push((error as { code?: unknown }).code)
      return c.text('refused', 500)
    })
    app.use(sse())
    app.get('/', (c) => c.var.sse(undefined as never))
    const { response, close } = await request(app, '/')
    expect([response.status, errors]).toEqual([500, ['ERR_SSE_INVALID_OPTION']])
    close()
  })

  test('opens no stream if a middleware replaces the response', async () => {
    let opened = 0
    const app = new Hono()
    app.use(async (c, next) => {
      await next()
      c.res = new Response(null, { status: 302, headers: { Location: '/login' } })
    })
    app.get('/', (c) => eventStream(c, () => void opened++))
    const { response, close } = await request(app, '/', { redirect: 'manual' })
    expect(response.status).toBe(302)
    expect(await response.text()).toBe('')
    expect(opened).toBe(0)
    close()
  })

  test('eventStream() needs no middleware, and lastEventIdOf() gives the id before the stream opens', async () => {
    const app = new Hono()
    app.get('/', (c) => {
      const id = lastEventIdOf(c)
      return eventStream(c, (stream) => {
        stream.send(`${id} ${stream.lastEventId}`)
        stream.close()
      })
    })
    const { response, close } = await request(app, '/', { headers: { 'Last-Event-ID': '7' } })
    expect((await readEventStream(response)).events).toEqual([{ event: 'message', data: '7 7', id: undefined }])
    close()
  })
})

test.each<'text' | 'json' | 'formData'>(['text', 'json', 'formData'])(
  'H10 c.req.%s() of a dropped body fails with the advice to read it first',
  async (read) => {
    const errors: unknown[] = []
    const app = new Hono()
    app.use(sse({ onError: (error) => errors.push(error) }))
    app.post('/', (c) =>
      c.var.sse(async () => {
        await new Promise((resolve) => setTimeout(resolve, 20))
        await (c.req[read] as () => Promise<unknown>)()
      }),
    )
    for (const request of Object.values(paths)) {
      const form = new URLSearchParams({ prompt: 'hello' })
      const { response, close } = await request(app, '/', { method: 'POST', body: form })
      await response.text().catch(() => {})
      close()
    }
    const dropped = { code: 'ERR_SSE_BODY_DROPPED' }
    expect(errors).toMatchObject([dropped, dropped])
  },
)

test('H10 leaves the rest of a dropped body to the server, for the next request on the connection', async () => {
  const app = new Hono()
  // Answers at once, so that the server reads the rest as soon as the response is written.
  app.post('/', (c) => eventStream(c, (stream) => void setTimeout(() => stream.close(), 20)))
  app.get('/', (c) => c.text('next'))
  const server = serve({ fetch: app.fetch, port: 0 })
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  let read = ''
  socket.setEncoding('utf8').on('data', (part) => {
    read += part
  })
  socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n${'x'.repeat(100_000)}`)
  while (!read.includes('0\r\n\r\n')) await once(socket, 'data')
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  while (!read.includes('next')) await once(socket, 'data')
  socket.destroy()
  server.close()
})

test.each(['GET', 'POST'])('H12 drops hop-by-hop headers that middleware sets after next(), if %s is answered over HTTP/2', async (method) => {
  const app = new Hono()
  app.use(async (c, next) => {
    await next()
    c.header('Keep-Alive', 'timeout=5')
    c.header('X-Late', 'late')
  })
  app.use(sse())
  app.on(method, '/', (c) => c.var.sse((stream) => void stream.send('here')))
  const server = serve({ fetch: app.fetch, port: 0, createServer: createHttp2Server })
  await once(server, 'listening')
  const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const asked = session.request({ ':path': '/', ':method': method }, { endStream: method === 'GET' })
  if (method === 'POST') asked.write('not the end')
  const [headers] = await once(asked, 'response')
  expect(headers).toMatchObject({ ':status': 200, 'x-late': 'late' })
  expect(headers).not.toHaveProperty('keep-alive')
  let text = ''
  for await (const chunk of asked) {
    text += chunk
    if (text.includes('data: here')) break
  }
  session.destroy()
  server.close()
})

test('does not take a binding with the name outgoing for a response', async () => {
  const app = new Hono()
  app.get('/', (c) =>
    eventStream(c, (stream) => {
      stream.send('here')
      stream.close()
    }),
  )
  const response = await app.request('/', undefined, { outgoing: { writeHead: 'no function', end: () => {} } })
  expect(await response.text()).toBe(':\n\ndata: here\n\n')
})
