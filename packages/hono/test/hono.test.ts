import type { AddressInfo } from 'node:net'
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

  test('refuses to open a stream for no callback', async () => {
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

  test('opens no stream where a middleware puts another response in its place', async () => {
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

  test('eventStream() needs no middleware, and lastEventIdOf() tells the id before', async () => {
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

test('takes a binding that is only called outgoing for what it is', async () => {
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
