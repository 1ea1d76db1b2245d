import { bodyParser } from '@koa/bodyparser'
import cors from '@koa/cors'
import Router from '@koa/router'
import { sse } from '@tidings/koa'
import Koa from 'koa'
import compress from 'koa-compress'
import helmet from 'koa-helmet'
import logger from 'koa-logger'
import session from 'koa-session'
import { news } from './news.js'
import { report } from './report.js'
import { isUser } from './users.js'

/** @param {{ secret: string, page: string, signal: AbortSignal }} settings */
export function koaApp({ secret, page, signal }) {
  const app = new Koa({ keys: [secret] })
  app
    .use(logger())
    .use(helmet())
    .use(cors({ origin: page, credentials: true }))
    .use(compress())
  // It would set its cookie after the handler, when the head of a stream is already sent. So each handler commits.
  app.use(session({ autoCommit: false }, app)).use(bodyParser())
  app.use(sse({ signal })) // This is new.

  const router = new Router()

  router.post('/login', async (ctx) => {
    const { name, password } = ctx.request.body ?? {}
    if (!isUser(name, password)) ctx.throw(401)
    ctx.session.name = name
    await ctx.session.manuallyCommit()
    ctx.status = 204
  })

  router.use(async (ctx, next) => {
    if (!ctx.session.name) ctx.throw(401)
    ctx.session.visits = (ctx.session.visits ?? 0) + 1
    await ctx.session.manuallyCommit()
    await next()
  })

  router.get('/report', (ctx) => {
    ctx.body = { visits: ctx.session.visits, report }
  })

  router.post('/news', async (ctx) => {
    ctx.status = 201
    ctx.body = { id: await news.publish({ event: 'news', data: ctx.request.body }) }
  })

  // And this.
  router.get('/news', (ctx) => {
    const stream = ctx.sse()
    stream.send({ event: 'welcome', data: { name: ctx.session.name, visits: ctx.session.visits } })
    news.subscribe(stream)
  })

  return app.use(router.routes())
}
