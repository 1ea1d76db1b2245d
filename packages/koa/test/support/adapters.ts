import { text } from 'node:stream/consumers'
import cors from '@koa/cors'
import type { AdapterUnderTest, AppUnderTest, Listener } from '@tidings/testing'
import Koa from 'koa'
import compress from 'koa-compress'
import Koa2 from 'koa2'
import { sse } from '../../src/index.ts'

const middleware: Record<string, () => Koa.Middleware> = {
  'koa-compress': () => compress({ threshold: 0 }),
  '@koa/cors': () => cors(),
}

function listener(create: typeof Koa, app: AppUnderTest): Listener {
  const server = new create()
  server.on('error', app.onFrameworkError)
  if (app.middleware) server.use(middleware[app.middleware]?.() ?? ((_ctx, next) => next()))
  if (app.nameTaken) {
    server.use((ctx, next) => {
      Object.assign(ctx, { sse: 'taken' })
      return next()
    })
  }
  server.use(sse(app.options))
  for (const route of app.routes) {
    server.use((ctx, next) => (ctx.path === route.path && [route.method ?? 'GET', 'HEAD'].includes(ctx.method) ? next() : undefined))
    if (route.options) server.use(sse(route.options))
    const { around = (handler) => handler() } = route
    server.use((_ctx, next) => around(next))
    server.use(async (ctx) => {
      for (const [name, value] of Object.entries(route.headers ?? {})) ctx.set(name, value)
      if (route.readsBody) await ctx.req.forEach(() => {})
      await route.before?.()
      if (route.sendsFirst) ctx.res.write('first')
      await route.run(
        ctx.sse(route.callOptions),
        () => ctx.sse(),
        () => text(ctx.req),
      )
    })
  }
  return server.callback()
}

// Koa answers no HEAD with a body's length over HTTP/2, so none of its errors either.
const cannot = { 'HTTP/2 H5/refuses-head': 'https://github.com/koajs/koa/issues/1547' }

function adapter(name: string, create: typeof Koa): AdapterUnderTest {
  return { name, http2: true, cannot, handlerErrors: 'both', middleware: Object.keys(middleware), listener: (app) => listener(create, app) }
}

export const forKoa3: AdapterUnderTest = adapter('Koa 3', Koa)
export const forKoa2: AdapterUnderTest = adapter('Koa 2', Koa2 as unknown as typeof Koa)
