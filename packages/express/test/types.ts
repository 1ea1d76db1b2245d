// Not run but compiled: what users write must compile, and what cannot work must not.
import type { AnyEvents, ErrorStage, EventStream, Message } from '@tidings/core'
import express, { type Request, type Response } from 'express'
import express4 from 'express4'
import { eventStream, lastEventIdOf, type SseHelper, sse } from '../src/index.ts'

interface Goal {
  minute: number
  scorer: string
}
type Scores = { goal: Goal; message: string }

const goal: Goal = { minute: 12, scorer: 'Ada' }

/** True for the very same type only; `any` is equal to nothing but itself. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const is = <_Claim extends true>(): void => {}

export function mounts(): void {
  const app = express()
  app.use(sse())
  app.use('/live', sse({ heartbeat: false, retry: 2_000 }))
  app.get('/clock/:zone', sse({ heartbeat: 5_000 }), (req, res) => {
    is<Same<typeof req.params.zone, string>>()
    is<Same<typeof res.sse, SseHelper>>()
    const stream = res.sse()
    is<Same<typeof stream, EventStream<AnyEvents>>>()
    res.status(200).setHeader('x', 'y')
    // @ts-expect-error: the handler's parameters are not any.
    req.nothingOfTheKind
  })
  app.get('/typed', sse(), (_req: Request, res: Response) => {
    res.sse<Scores>({ maxDuration: 60_000 }).close()
  })
  const router = express.Router()
  router.use(sse({ signal: new AbortController().signal }))
  router.route('/r').get(sse(), (_req, res) => {
    res.sse()
  })
}

export function mountsInExpress4(): void {
  const app = express4()
  app.use(sse())
  app.use('/live', sse({ heartbeat: { interval: 5_000, event: 'ping' } }))
  app.get('/clock/:zone', sse({ heartbeat: 5_000 }), (req, res) => {
    is<Same<typeof req.params.zone, string>>()
    is<Same<typeof res.sse, SseHelper>>()
    const stream = res.sse<Scores>()
    is<Same<typeof stream, EventStream<Scores>>>()
    // @ts-expect-error: the handler's parameters are not any.
    req.nothingOfTheKind
  })
  express4.Router().use(sse())
}

export function withoutMiddleware(req: Request, res: Response): void {
  const stream = eventStream<Scores>(req, res, { padding: 2_048 })
  is<Same<typeof stream, EventStream<Scores>>>()
  const id: string = lastEventIdOf(req)
  // @ts-expect-error: a response comes second.
  eventStream(req)
  // @ts-expect-error: a number is no id.
  id satisfies number
}

export function options(res: Response): void {
  sse({ headers: { 'x-request-id': '1', 'set-cookie': ['a=1', 'b=2'] }, status: 202, onError: (_error, { stage }) => stage satisfies ErrorStage })
  sse({ serialize: (data) => String(data), negotiate: false, stallTimeout: 10_000, maxBufferedBytes: 65_536 })
  sse({ strings: 'json' })
  // @ts-expect-error: there are 'text' and 'json'.
  sse({ strings: 'JSON' })
  // @ts-expect-error: no option of that name.
  sse({ heartBeat: 5_000 })
  // @ts-expect-error: no option of that name.
  res.sse({ keepAlive: 5_000 })
  // @ts-expect-error: `true` would not say how often.
  sse({ heartbeat: true })
  // @ts-expect-error: a named heartbeat has an interval.
  sse({ heartbeat: { event: 'ping' } })
  // @ts-expect-error: milliseconds are a number.
  sse({ retry: '2s' })
  // @ts-expect-error: a controller is not its signal.
  sse({ signal: new AbortController() })
}

export function typedEvents(res: Response): void {
  const stream = res.sse<Scores>()
  stream.send({ event: 'goal', data: goal })
  stream.send({ event: 'goal', data: goal, id: '1', retry: 1_000, comment: 'note' })
  stream.send({ data: 'text' })
  stream.send({ event: 'message', data: 'text' })
  stream.send({ event: '', data: 'text' })
  stream.send('text')
  stream.send({ id: '1' })
  stream.send({ retry: 1_000 })
  stream.send({ comment: 'note' })

  // @ts-expect-error: no event of that name.
  stream.send({ event: 'gaol', data: goal })
  // @ts-expect-error: the data of another event.
  stream.send({ event: 'goal', data: 'text' })
  // @ts-expect-error: a part of the data.
  stream.send({ event: 'goal', data: { minute: 12 } })
  // @ts-expect-error: more than the data.
  stream.send({ event: 'goal', data: { minute: 12, scorer: 'Ada', minutes: 12 } })
  // @ts-expect-error: clients drop an event without data.
  stream.send({ event: 'goal' })
  // @ts-expect-error: the event without a name has text.
  stream.send({ data: goal })
  // @ts-expect-error: no field of that name.
  stream.send({ event: 'goal', data: goal, type: 'goal' })
  // @ts-expect-error: no field of that name.
  stream.send({ name: 'goal', data: 'text' })
  // @ts-expect-error: an id is a string.
  stream.send({ data: 'text', id: 1 })
  // @ts-expect-error: a time is a number.
  stream.send({ retry: '1000' })
  // @ts-expect-error: a number is no message.
  stream.send(7)
  // @ts-expect-error: nothing is no message.
  stream.send()
}

export function textWithoutName(res: Response): void {
  // @ts-expect-error: every event of this stream has a name, and a bare string would not.
  res.sse<{ goal: Goal }>().send('text')
  // @ts-expect-error: the event without a name is not text here.
  res.sse<{ message: Goal }>().send('text')
  // @ts-expect-error: an event without a name is not in the map.
  res.sse<{ goal: Goal }>().send({ data: goal })
  res.sse<{ message: Goal }>().send({ data: goal })
  res.sse<{ message: 'on' | 'off' }>().send('on')
  // @ts-expect-error: none of the words that this stream sends.
  res.sse<{ message: 'on' | 'off' }>().send('onn')
}

export function untypedEvents(res: Response): void {
  const stream = res.sse()
  stream.send('text')
  stream.send({ data: goal })
  stream.send({ event: 'anything', data: [1, 2, 3] })
  stream.send({ id: '1' })
  // @ts-expect-error: clients drop an event without data.
  stream.send({ event: 'anything' })
  // @ts-expect-error: no field of that name.
  stream.send({ payload: goal })
}

interface Closable {
  open: number
}

export async function eventMapsOfAnyKind(res: Response): Promise<void> {
  // An interface has no index signature, and is a map all the same.
  const sent: Promise<boolean> = res.sse<Closable>().send({ event: 'open', data: 1 })
  // @ts-expect-error: a union of event names is still checked one by one.
  res.sse<{ a: 1; b: 2 }>().send({ event: 'a', data: 2 })
  // @ts-expect-error: a string is no map of events.
  res.sse<string>()
  // @ts-expect-error: `send` tells whether it was taken, not what was sent.
  ;(await sent) satisfies string
}

export function sources(res: Response): void {
  const stream = res.sse<Scores>()
  async function* tokens(): AsyncGenerator<string> {
    yield 'a'
  }
  async function* goals(): AsyncGenerator<Goal> {
    yield goal
  }
  stream.sendAll(['a', 'b'])
  stream.sendAll(tokens())
  stream.sendAll(new ReadableStream<string>())
  stream.sendAll([{ event: 'goal' as const, data: goal }, 'text'])
  stream.sendAll(goals(), (item) => ({ event: 'goal', data: item }))
  stream.sendAll([1, 2], (item) => String(item))
  stream.sendAll(new Set([goal]), (item) => ({ event: 'goal', data: item, id: String(item.minute) }))
  stream.sendAll(new ReadableStream<Uint8Array>(), (chunk) => ({ data: String(chunk.byteLength) }))

  // @ts-expect-error: goals are no messages without a map.
  stream.sendAll(goals())
  // @ts-expect-error: numbers are no messages without a map.
  stream.sendAll([1, 2])
  // @ts-expect-error: bytes are no messages without a map.
  stream.sendAll(new ReadableStream<Uint8Array>())
  // @ts-expect-error: the map gives the data of another event.
  stream.sendAll(goals(), (item) => ({ event: 'goal', data: item.minute }))
  // @ts-expect-error: the map gives nothing.
  stream.sendAll(goals(), () => {})
  // @ts-expect-error: the map has a field that messages have not.
  stream.sendAll(goals(), (item) => ({ payload: item }))
  // @ts-expect-error: one message is no source of them.
  stream.sendAll({ data: 'text' })
  // @ts-expect-error: the source has to be awaited first.
  stream.sendAll(Promise.resolve(['a']))
}

/** Streams go through functions of the app's own. */
export function passedOn(res: Response): void {
  const anything = (_stream: EventStream): void => {}
  const scores = (_stream: EventStream<Scores>): void => {}
  anything(res.sse())
  scores(res.sse())
  scores(res.sse<Scores>())
  // @ts-expect-error: a stream of other events.
  scores(res.sse<{ card: string }>())
  const message: Message<Scores> = { event: 'goal', data: goal }
  res.sse<Scores>().send(message)
  const sendOne = <Name extends keyof Scores>(event: Name, data: Scores[Name]): Promise<boolean> => res.sse<Scores>().send({ event, data } as Message<Scores>)
  sendOne('goal', goal)
}

export function lifetime(res: Response): void {
  const stream = res.sse()
  const takeBack: () => void = stream.onClose((reason) => {
    reason.code satisfies string
    reason.reason satisfies 'peer' | 'local' | 'slow' | 'stalled' | 'shutdown' | 'expired' | 'revoked' | 'refused' | 'error' | 'unopened' | undefined
  })
  takeBack()
  stream.signal satisfies AbortSignal
  stream.bufferedAmount satisfies number
  stream.lastEventId satisfies string
  // @ts-expect-error: read only.
  stream.closed = true
}
