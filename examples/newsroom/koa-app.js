import Router from '@koa/router'
import { sse } from '@tidings/koa'
import Koa from 'koa'
import { playMatches } from './sources/matches.js'

/**
 * The scores.
 * @param {import('./newsroom.js').Newsroom} newsroom
 * @param {AbortSignal} signal
 */
export function koaApp(newsroom, signal) {
  const desk = newsroom.desks.koa
  const matches = playMatches((board) => desk.send({ event: 'score', data: board }))

  const router = new Router({ prefix: '/koa' })

  router.get('/events', (ctx) => {
    const stream = ctx.sse()
    stream.send({ event: 'score', data: matches.board })
    desk.join(stream, ctx.query.client)
  })

  router.post('/cut', (ctx) => {
    ctx.status = desk.cut(ctx.query.client, ctx.query.away) ? 204 : 404
  })

  const app = new Koa()
  app.use(sse({ retry: 1_000, signal }))
  app.use(router.routes())
  return app
}
