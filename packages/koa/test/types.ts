// Not run but compiled: what users write must compile, and what cannot work must not. The messages of a stream are
// the same in every package; their types are checked in Express's.
import Router from '@koa/router'
import type { AnyEvents, EventStream } from '@tidings/core'
import Koa, { type Context } from 'koa'
import Koa2 from 'koa2'
import { eventStream, lastEventIdOf, type SseHelper, sse } from '../src/index.ts'

interface Goal {
  minute: number
}
type Scores = { goal: Goal; message: string }

/** True for the very same type only; `any` is equal to nothing but itself. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const is = <_Claim extends true>(): void => {}

export function mounts(): void {
  const app = new Koa()
  app.use(sse())
  app.use(sse({ heartbeat: 5_000 })).use((ctx) => {
    is<Same<typeof ctx.sse, SseHelper>>()
    const stream = ctx.sse()
    is<Same<typeof stream, EventStream<AnyEvents>>>()
    ctx.set('x', 'y')
  })
  app.use(async (ctx: Context, next) => {
    ctx.sse<Scores>({ maxDuration: 60_000 }).close()
    await next()
  })
}

export function mountsOnARouter(): void {
  const router = new Router()
  router.use(sse())
  router.get('/clock/:zone', sse({ heartbeat: 5_000 }), (ctx) => {
    is<Same<typeof ctx.sse, SseHelper>>()
    const zone: string | undefined = ctx.params['zone']
    ctx.sse<Scores>().send(zone ?? '')
  })
  new Koa().use(router.routes()).use(router.allowedMethods())
}

export function mountsBesideStateOfTheApp(): void {
  const app = new Koa<{ user: string }, { db: { find(): string } }>()
  app.use(sse())
  app.use((ctx) => {
    is<Same<typeof ctx.state.user, string>>()
    is<Same<typeof ctx.sse, SseHelper>>()
    ctx.sse<Scores>().send(ctx.db.find())
  })
}

/** The types of both majors are in this program, under two names; ours are put into the one named `koa`. */
export function mountsInKoa2(): void {
  const app = new Koa2()
  app.use(sse())
  app.use(sse({ retry: 2_000 })).use((ctx) => {
    const stream = eventStream<Scores>(ctx)
    is<Same<typeof stream, EventStream<Scores>>>()
  })
}

export function withoutMiddleware(ctx: Context): void {
  const stream = eventStream<Scores>(ctx, { padding: 2_048 })
  is<Same<typeof stream, EventStream<Scores>>>()
  lastEventIdOf(ctx) satisfies string
  // @ts-expect-error: Koa has one context for the request and the response.
  eventStream(ctx.req, ctx.res)
}

export function typedEvents(ctx: Context): void {
  const stream = ctx.sse<Scores>()
  stream.send({ event: 'goal', data: { minute: 12 } })
  stream.send('text')
  // @ts-expect-error: no event of that name.
  stream.send({ event: 'gaol', data: { minute: 12 } })
  // @ts-expect-error: the data of another event.
  stream.send({ event: 'goal', data: 'text' })
  // @ts-expect-error: clients drop an event without data.
  stream.send({ event: 'goal' })
  // @ts-expect-error: every event of this stream has a name, and a bare string would not.
  ctx.sse<{ goal: Goal }>().send('text')
}

export function options(ctx: Context): void {
  // @ts-expect-error: no option of that name.
  sse({ heartBeat: 5_000 })
  // @ts-expect-error: no option of that name.
  ctx.sse({ keepAlive: 5_000 })
  // @ts-expect-error: `true` would not say how often.
  sse({ heartbeat: true })
}
