import Router from '@koa/router'
import { sse } from '@tidings/koa'
import Koa from 'koa'
import { slowDown } from './slow-line.js'
import { playMatches, scoresOf } from './sources/matches.js'

/**
 * Serves the scores.
 * @param {import('./newsroom.js').Newsroom} newsroom
 * @param {AbortSignal} signal
 */
export function koaApp(newsroom, signal) {
  const matches = playMatches((board) => {
    for (const score of scoresOf(board)) newsroom.channel.publish(score, { topic: 'scores', key: score.data.home })
  })
  const snapshot = () => [...newsroom.latest('form'), ...scoresOf(matches.board)]

  const router = new Router({ prefix: '/koa' })

  router.get('/events', (ctx) => {
    if (ctx.query.slow) slowDown(ctx.res)
    const stream = newsroom.clients.add(ctx.sse(), ctx.query.client)
    newsroom.channel.subscribe(stream, { topics: ['scores', 'form'], snapshot, lag: 'conflate' })
  })

  router.post('/drop', (ctx) => {
    ctx.status = newsroom.clients.drop(ctx.query.client, ctx.query.away) ? 204 : 404
  })

  const app = new Koa()
  app.use(sse({ retry: 1_000, signal }))
  app.use(router.routes())
  return app
}
