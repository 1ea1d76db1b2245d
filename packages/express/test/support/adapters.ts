import type { AdapterUnderTest, AppUnderTest, Listener } from '@tidings/testing'
import compression from 'compression'
import cookieSession from 'cookie-session'
import cors from 'cors'
import express, { type ErrorRequestHandler, type RequestHandler } from 'express'
import express4 from 'express4'
import helmet from 'helmet'
import morgan from 'morgan'
import { sse } from '../../src/index.ts'

const middleware: Record<string, () => RequestHandler> = {
  'compression()': () => compression({ threshold: 0 }),
  'morgan()': () => morgan('dev', { stream: { write: () => {} } }),
  'helmet()': () => helmet(),
  'cors()': () => cors(),
  'cookie-session()': () => cookieSession({ keys: ['key'] }),
  'express.json()': () => express.json(),
}

function bodyOf(req: express.Request, res: express.Response): Promise<string> {
  return new Promise((resolve, reject) => {
    express.text({ type: () => true, limit: '2mb' })(req, res, (error) => (error ? reject(error) : resolve(req.body ?? '')))
  })
}

function listener(create: typeof express, app: AppUnderTest): Listener {
  const server = create()
  server.set('env', 'test')
  if (app.middleware) server.use(middleware[app.middleware]?.() ?? [])
  if (app.nameTaken) server.use((_req, res, next) => next(Object.assign(res, { sse: 'taken' }) && undefined))
  server.use(sse(app.options))
  for (const route of app.routes) {
    const handle = async (...[req, res]: Parameters<RequestHandler>): Promise<void> => {
      for (const [name, value] of Object.entries(route.headers ?? {})) res.setHeader(name, value)
      if (route.readsBody) await req.forEach(() => {})
      await route.before?.()
      if (route.sendsFirst) res.write('first')
      await route.run(
        res.sse(route.callOptions),
        () => res.sse(),
        () => bodyOf(req, res),
      )
    }
    const own = route.options ? [sse(route.options)] : []
    const { around = (handler) => handler() } = route
    const within: RequestHandler = (_req, _res, next) => around(next)
    server[route.method === 'POST' ? 'post' : 'get'](route.path, ...own, within, (req, res, next) => {
      // Express 4 does not look at what a handler returns.
      handle(req, res, next).catch(next)
    })
  }
  const tell: ErrorRequestHandler = (error, _req, _res, next) => {
    app.onFrameworkError(error)
    next(error)
  }
  server.use(tell)
  return server
}

function adapter(name: string, create: typeof express): AdapterUnderTest {
  return { name, handlerErrors: 'framework', middleware: Object.keys(middleware), listener: (app) => listener(create, app) }
}

export const forExpress5: AdapterUnderTest = adapter('Express 5', express)
export const forExpress4: AdapterUnderTest = adapter('Express 4', express4 as unknown as typeof express)
