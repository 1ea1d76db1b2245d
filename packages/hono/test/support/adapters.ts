import { getRequestListener } from '@hono/node-server'
import type { AdapterUnderTest, AppUnderTest, Listener } from '@tidings/testing'
import { Hono, type MiddlewareHandler } from 'hono'
import { compress } from 'hono/compress'
import { cors } from 'hono/cors'
import { etag } from 'hono/etag'
import { HTTPException } from 'hono/http-exception'
import { logger } from 'hono/logger'
import { secureHeaders } from 'hono/secure-headers'
import { timing } from 'hono/timing'
import { sse } from '../../src/index.ts'

const middleware: Record<string, () => MiddlewareHandler> = {
  'compress()': () => compress(),
  'cors()': () => cors(),
  'logger()': () => logger(() => {}),
  'etag()': () => etag(),
  'secureHeaders()': () => secureHeaders(),
  'timing()': () => timing(),
}

function build(app: AppUnderTest): Hono {
  const server = new Hono()
  server.onError((error, c) => {
    app.onFrameworkError(error)
    return error instanceof HTTPException ? error.getResponse() : c.text('failed', 500)
  })
  if (app.middleware) server.use(middleware[app.middleware]?.() ?? ((_c, next) => next()))
  if (app.nameTaken) {
    server.use((c, next) => {
      c.set('sse', 'taken' as never)
      return next()
    })
  }
  server.use(sse(app.options))
  for (const route of app.routes) {
    const own = route.options ? sse(route.options) : (((_c, next) => next()) satisfies MiddlewareHandler)
    const { around = (handler) => handler() } = route
    const within: MiddlewareHandler = (_c, next) => around(next)
    server.on(route.method ?? 'GET', route.path, own, within, async (c) => {
      for (const [name, value] of Object.entries(route.headers ?? {})) c.header(name, value)
      if (route.readsBody) await c.req.text()
      await route.before?.()
      return c.var.sse(
        (stream) =>
          route.run(
            stream,
            () => c.var.sse(() => {}),
            () => c.req.text(),
          ),
        route.callOptions,
      )
    })
  }
  return server
}

/** Without Node's own response at hand nothing tells of such a reset. */
const RESET_UNSEEN = { why: 'https://github.com/nodejs/node/issues/58252', beforeNode: 26 }

const shared = { handlerErrors: 'onError', returnsResponses: true, http2: true } as const

export const onNode: AdapterUnderTest = {
  ...shared,
  name: 'Hono on Node',
  middleware: Object.keys(middleware),
  listener: (app) => getRequestListener(build(app).fetch) as Listener,
}

/** What every other runtime takes: the response is a web stream. */
export const onWebStreams: AdapterUnderTest = {
  ...shared,
  name: 'Hono on web streams',
  // Node tells a response nothing before its turn, and so node-server tells nothing either.
  cannot: {
    'HTTP/1.1 L2/pipelined': { why: 'https://github.com/nodejs/node/issues/40528', beforeNode: '24.16' },
    'HTTP/2 L2/http2-reset NO_ERROR': RESET_UNSEEN,
    'HTTP/2 L2/http2-closed NO_ERROR': RESET_UNSEEN,
  },
  // It reads the whole body before the response leaves:
  // https://github.com/honojs/hono/blob/main/src/middleware/etag/index.ts
  middleware: Object.keys(middleware).filter((name) => name !== 'etag()'),
  listener: (app) => {
    const { fetch } = build(app)
    return getRequestListener((request) => fetch(request)) as Listener
  },
}
