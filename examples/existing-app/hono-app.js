import { randomUUID } from 'node:crypto'
import { sse } from '@tidings/hono'
import { Hono } from 'hono'
import { bearerAuth } from 'hono/bearer-auth'
import { compress } from 'hono/compress'
import { cors } from 'hono/cors'
import { logger } from 'hono/logger'
import { secureHeaders } from 'hono/secure-headers'
import { CookieStore, sessionMiddleware } from 'hono-sessions'
import { news } from './news.js'
import { report } from './report.js'
import { isUser } from './users.js'

/** @param {{ secret: string, page: string, signal: AbortSignal }} settings */
export function honoApp({ secret, page, signal }) {
  /** @type {Map<string, string>} */
  const names = new Map()

  const app = new Hono()
  app.use(logger(), secureHeaders(), cors({ origin: page, credentials: true }), compress())
  // It sets its cookie after the handler. The head of a stream has the cookie all the same.
  app.use(sessionMiddleware({ store: new CookieStore(), encryptionKey: secret, cookieOptions: { path: '/', httpOnly: true, sameSite: 'Lax' } }))
  app.use(sse({ signal })) // This is new.

  app.post('/login', async (c) => {
    const { name, password } = await c.req.json()
    if (!isUser(name, password)) return c.body(null, 401)
    const token = randomUUID()
    names.set(token, name)
    return c.json({ token })
  })

  app.use(bearerAuth({ verifyToken: (token) => names.has(token) }), async (c, next) => {
    const session = c.get('session')
    session.set('visits', (session.get('visits') ?? 0) + 1)
    await next()
  })

  app.get('/report', (c) => c.json({ visits: c.get('session').get('visits'), report }))

  app.post('/news', async (c) => c.json({ id: await news.publish({ event: 'news', data: await c.req.json() }) }, 201))

  // And this.
  app.get('/news', (c) =>
    c.var.sse((stream) => {
      const name = names.get(c.req.header('authorization').replace('Bearer ', ''))
      stream.send({ event: 'welcome', data: { name, visits: c.get('session').get('visits') } })
      news.subscribe(stream)
    }),
  )
  return app
}
