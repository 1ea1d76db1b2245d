import { once } from 'node:events'
import { createServer, get, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { getRequestListener } from '@hono/node-server'
import type { EventStream } from '@tidings/core'
import { sse as expressSse } from '@tidings/express'
import { sse as honoSse } from '@tidings/hono'
import { sse as koaSse } from '@tidings/koa'
import axios from 'axios'
import express5 from 'express'
import express4 from 'express4'
import { Hono } from 'hono'
import Koa3 from 'koa'
import Koa2 from 'koa2'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'

type Handler = (stream: EventStream) => Promise<unknown>
/** Builds an app with one route. `tell` gets every error that the adapter or the framework reports. */
type Build = (handler: Handler, tell: (error: unknown) => void) => RequestListener

const apps: Record<string, Build> = {
  'Express 5': (handler, tell) => expressApp(express5, handler, tell),
  'Express 4': (handler, tell) => expressApp(express4 as unknown as typeof express5, handler, tell),
  'Koa 3': (handler, tell) => koaApp(Koa3, handler, tell),
  'Koa 2': (handler, tell) => koaApp(Koa2 as unknown as typeof Koa3, handler, tell),
  Hono: (handler, tell) => {
    const app = new Hono()
    app.onError((error, c) => {
      tell(error)
      return c.text('failed', 500)
    })
    app.use(honoSse({ onError: tell }))
    app.get('/', (c) => c.var.sse(handler))
    return getRequestListener(app.fetch) as RequestListener
  },
}

function expressApp(express: typeof express5, handler: Handler, tell: (error: unknown) => void): RequestListener {
  const app = express()
  app.use(expressSse({ onError: tell }))
  // Express 4 ignores the promise that a handler returns.
  app.get('/', (_req, res, next) => void handler(res.sse()).catch(next))
  app.use(((error, _req, _res, next) => {
    tell(error)
    next(error)
  }) satisfies express5.ErrorRequestHandler)
  return app
}

function koaApp(Koa: typeof Koa3, handler: Handler, tell: (error: unknown) => void): RequestListener {
  const app = new Koa()
  app.on('error', tell)
  app.use(koaSse({ onError: tell }))
  app.use((ctx) => handler(ctx.sse()))
  return app.callback() as RequestListener
}

const servers: Server[] = []

async function listen(listener: RequestListener): Promise<number> {
  const server = createServer(listener)
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

describe.each(Object.entries(apps))('L2 %s reports no error when the client leaves', (_, build) => {
  let model = ''
  let asked = (): void => {}

  beforeAll(async () => {
    // A model that never ends its answer.
    const port = await listen((req, res) => {
      if (req.url?.startsWith('/streamed')) res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {"choices":[]}\n\n')
      req.resume()
      asked()
    })
    model = `http://127.0.0.1:${port}`
  })
  afterAll(() => {
    for (const server of servers.splice(0)) server.close().closeAllConnections()
  })

  const openai = (path: string): OpenAI => new OpenAI({ apiKey: 'none', baseURL: model + path })
  const question = { model: 'any', messages: [] }

  it.each<[name: string, handler: Handler]>([
    ['openai', ({ signal }) => openai('/whole').chat.completions.create(question, { signal })],
    [
      'openai that streams',
      async (stream) => stream.sendAll(await openai('/streamed').chat.completions.create({ ...question, stream: true }, stream), (data) => ({ data })),
    ],
    ['axios', ({ signal }) => axios.get(model, { signal })],
    ['fetch', ({ signal }) => fetch(model, { signal })],
    [
      'a pause of node:timers',
      ({ signal }) => {
        setImmediate(asked)
        return delay(60_000, undefined, { signal })
      },
    ],
  ])('while %s is pending', async (_name, handler) => {
    const told: unknown[] = []
    const logged = vi.spyOn(console, 'error').mockImplementation((...words) => told.push(...words))
    let over!: () => void
    const isOver = new Promise<void>((resolve) => {
      over = resolve
    })
    const wasAsked = new Promise<void>((resolve) => {
      asked = resolve
    })
    const port = await listen(
      build(
        (stream) => handler(stream).finally(over),
        (error) => told.push(error),
      ),
    )
    const [response] = (await once(get({ port, host: '127.0.0.1', agent: false }), 'response')) as [IncomingMessage]
    await wasAsked
    response.destroy()
    await isOver
    // Frameworks report errors in later turns of the event loop.
    await delay(30)
    logged.mockRestore()
    expect(told).toEqual([])
  })
})
