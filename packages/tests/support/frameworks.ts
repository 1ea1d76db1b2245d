import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { text } from 'node:stream/consumers'
import { getRequestListener } from '@hono/node-server'
import type { EventStream, StreamOptions } from '@tidings/core'
import { lastEventIdOf as expressLastEventIdOf, sse as expressSse } from '@tidings/express'
import { lastEventIdOf as honoLastEventIdOf, sse as honoSse } from '@tidings/hono'
import { lastEventIdOf as koaLastEventIdOf, sse as koaSse } from '@tidings/koa'
import express5, { type NextFunction, type Request, type Response } from 'express'
import express4 from 'express4'
import { Hono } from 'hono'
import Koa3 from 'koa'
import Koa2 from 'koa2'

/** A request, as a route sees it. */
export interface Visit {
  method: string
  path: string
  lastEventId: string
  /** The header, or '' where there is none. */
  authorization: string
  httpVersion: string
  /** The whole body. Call it before the stream is opened. */
  body(): Promise<string>
}

/** An answer with headers of its own. */
export interface WholeAnswer {
  status: number
  headers: Record<string, string>
  body: string
}

/** The answer of a route: a page, a bare status, a whole answer, or a handler for an event stream. */
export type Answer = string | number | WholeAnswer | ((stream: EventStream) => unknown)

/** A route that works in every framework. */
export type Route = (visit: Visit) => Answer

/** A listener for `node:http`, and for `node:http2` if the framework's `http2` is true. */
export type Listener = (req: IncomingMessage | Http2ServerRequest, res: ServerResponse | Http2ServerResponse) => unknown

/** The parts of an app. */
export interface App {
  route: Route
  options: StreamOptions
  /** Called with each error that the framework takes for a failure of the app. */
  onError(error: unknown): void
}

/** One framework, in one of its majors. */
export interface Framework {
  name: string
  /** Whether it speaks HTTP/2 without a proxy. */
  http2: boolean
  listener(app: App): Listener
}

export const frameworks: readonly Framework[] = [
  { name: 'Express 5', http2: false, listener: (app) => expressListener(express5, app) },
  { name: 'Express 4', http2: false, listener: (app) => expressListener(express4, app) },
  { name: 'Koa 3', http2: true, listener: (app) => koaListener(Koa3, app) },
  { name: 'Koa 2', http2: true, listener: (app) => koaListener(Koa2, app) },
  { name: 'Hono', http2: true, listener: honoListener },
]

/** The newest major of each framework. */
export const newestFrameworks: readonly Framework[] = frameworks.filter(({ name }) => ['Express 5', 'Koa 3', 'Hono'].includes(name))

export function frameworkNamed(name: string): Framework {
  const framework = frameworks.find((each) => each.name === name)
  if (!framework) throw new Error(`No framework is named ${name}`)
  return framework
}

function expressListener(express: typeof express5, { route, options, onError }: App): Listener {
  const app = express()
  app.use(expressSse(options))
  app.use((req: Request, res: Response) => {
    const answer = route({
      method: req.method,
      path: req.path,
      lastEventId: expressLastEventIdOf(req),
      authorization: req.headers.authorization ?? '',
      httpVersion: req.httpVersion,
      body: () => text(req),
    })
    if (typeof answer === 'function') answer(res.sse())
    else if (typeof answer === 'string') res.type('html').send(answer)
    else if (typeof answer === 'object') res.status(answer.status).set(answer.headers).send(answer.body)
    else res.status(answer).end()
  })
  app.use((error: { status?: number }, _req: Request, _res: Response, next: NextFunction) => {
    if (!isRefusal(error)) onError(error)
    next(error)
  })
  return app as unknown as Listener
}

function koaListener(Koa: typeof Koa3, { route, options, onError }: App): Listener {
  const app = new Koa()
  app.on('error', (error: { status?: number }) => {
    if (!isRefusal(error)) onError(error)
  })
  app.use(koaSse(options))
  app.use((ctx) => {
    const answer = route({
      method: ctx.method,
      path: ctx.path,
      lastEventId: koaLastEventIdOf(ctx),
      authorization: ctx.headers.authorization ?? '',
      httpVersion: ctx.req.httpVersion,
      body: () => text(ctx.req),
    })
    if (typeof answer === 'function') {
      answer(ctx.sse())
    } else if (typeof answer === 'string') {
      ctx.type = 'html'
      ctx.body = answer
    } else if (typeof answer === 'object') {
      ctx.status = answer.status
      ctx.set(answer.headers)
      if (answer.body) ctx.body = answer.body
    } else {
      ctx.status = answer
    }
  })
  return app.callback()
}

function honoListener({ route, options, onError }: App): Listener {
  const app = new Hono<{ Bindings: { incoming: IncomingMessage } }>()
  app.use(honoSse(options))
  app.all('*', (c) => {
    const answer = route({
      method: c.req.method,
      path: c.req.path,
      lastEventId: honoLastEventIdOf(c),
      authorization: c.req.header('authorization') ?? '',
      httpVersion: c.env.incoming.httpVersion,
      body: () => c.req.text(),
    })
    if (typeof answer === 'function') return c.var.sse(answer)
    // 204 must have no body, not an empty one.
    if (typeof answer === 'object')
      return answer.body ? c.body(answer.body, answer.status as 200, answer.headers) : c.body(null, answer.status as 204, answer.headers)
    return typeof answer === 'string' ? c.html(answer) : c.body(null, answer as 204)
  })
  app.onError((error) => {
    if ('getResponse' in error) return error.getResponse()
    onError(error)
    return new Response(null, { status: 500 })
  })
  return getRequestListener(app.fetch)
}

function isRefusal(error: { status?: number }): boolean {
  return error.status === 406
}
