// Not run but compiled: what users write must compile, and what cannot work must not. The messages of a stream are
// the same in every package; their types are checked in Express's.
import type { AnyEvents, EventStream } from '@tidings/core'
import { type Context, Hono } from 'hono'
import { hc } from 'hono/client'
import { eventStream, lastEventIdOf, type SseHelper, type SseVariables, sse } from '../src/index.ts'

interface Goal {
  minute: number
}
type Scores = { goal: Goal; message: string }

/** True for the very same type only; `any` is equal to nothing but itself. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const is = <_Claim extends true>(): void => {}

export function mounts(): void {
  const app = new Hono()
  app.use(sse())
  app.use('/live/*', sse({ heartbeat: false }))
  app.get('/clock/:zone', (c) => {
    is<Same<typeof c.var.sse, SseHelper>>()
    return c.var.sse((stream) => {
      is<Same<typeof stream, EventStream<AnyEvents>>>()
      stream.send(c.req.param('zone'))
    })
  })
  app.get('/route/:zone', sse({ heartbeat: 5_000 }), (c) => {
    c.req.param('zone') satisfies string
    return c.get('sse')<Scores>(async (stream) => {
      is<Same<typeof stream, EventStream<Scores>>>()
      await stream.send('text')
    })
  })
}

export function mountsInAnAppWithVariables(): void {
  const app = new Hono<{ Variables: SseVariables & { user: string }; Bindings: { TOKEN: string } }>()
  app.use(sse())
  app.get('/', (c) => {
    is<Same<typeof c.var.user, string>>()
    is<Same<typeof c.env.TOKEN, string>>()
    return c.var.sse<Scores>((stream) => stream.send(c.var.user), { maxDuration: 60_000 })
  })
  const plain = new Hono<{ Variables: SseVariables }>()
  plain.get('/', sse(), (c) => c.var.sse((stream) => stream.close()))
}

/** Chained routes keep the types that Hono's own client reads. */
export function keepsTheClient(): void {
  const app = new Hono()
    .use(sse())
    .get('/events', (c) => c.var.sse((stream) => stream.close()))
    .get('/user', (c) => c.json({ name: 'Ada' }))
  const client = hc<typeof app>('http://localhost')
  client.events.$get() satisfies Promise<Response | { ok: boolean }>
  // @ts-expect-error: no route of that name.
  client.nothing
}

export function withoutMiddleware(c: Context): Response {
  lastEventIdOf(c) satisfies string
  // @ts-expect-error: without a callback nobody would ever have the stream.
  eventStream(c)
  return eventStream<Scores>(
    c,
    (stream) => {
      is<Same<typeof stream, EventStream<Scores>>>()
    },
    { padding: 2_048 },
  )
}

export function typedEvents(c: Context): Response {
  return c.var.sse<Scores>((stream) => {
    stream.send({ event: 'goal', data: { minute: 12 } })
    stream.send('text')
    // @ts-expect-error: no event of that name.
    stream.send({ event: 'gaol', data: { minute: 12 } })
    // @ts-expect-error: the data of another event.
    stream.send({ event: 'goal', data: 'text' })
    // @ts-expect-error: clients drop an event without data.
    stream.send({ event: 'goal' })
  })
}

export function options(c: Context): void {
  // @ts-expect-error: the response is made of a callback.
  c.var.sse()
  // @ts-expect-error: no option of that name.
  sse({ heartBeat: 5_000 })
  // @ts-expect-error: no option of that name.
  c.var.sse(() => {}, { keepAlive: 5_000 })
  // @ts-expect-error: `true` would not say how often.
  sse({ heartbeat: true })
}
