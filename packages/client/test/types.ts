// Not run but compiled (K8): what users write must compile, and what cannot work must not.
import { createChannel, type EventsOf } from '@tidings/core'
import { type ClientErrorCode, type Connection, connect, type ReceivedMessage, type Reset, type Status } from '../src/index.ts'
import { type EventStreamOptions, useEventStream, useEvents } from '../src/react.ts'

interface Goal {
  minute: number
}
type Scores = { goal: Goal; message: string }

/** True for the very same type only; `any` is equal to nothing but itself. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const is = <_Claim extends true>(): void => {}

export function listeners(): void {
  const scores = connect<Scores>('/scores')
  const off = scores.on('goal', ({ event, data, lastEventId }) => {
    is<Same<typeof event, 'goal'>>()
    is<Same<typeof data, Goal>>()
    is<Same<typeof lastEventId, string>>()
  })
  is<Same<typeof off, () => void>>()
  scores.on('reset', ({ data }) => is<Same<typeof data, Reset>>())
  scores.on('position', ({ data }) => is<Same<typeof data, undefined>>())
  scores.on('message', async ({ data }) => is<Same<typeof data, string>>())
  const list: number[] = []
  // The result of a listener does not matter.
  scores.on('goal', ({ data }) => list.push(data.minute))
  scores.onAny((message) => {
    if (message.event === 'goal') is<Same<typeof message.data, Goal>>()
    if (message.event === 'reset') is<Same<typeof message.data, Reset>>()
  })
  // @ts-expect-error: no event of that name.
  scores.on('gaol', () => {})
  // @ts-expect-error: the data of another event.
  scores.on('goal', ({ data }: { data: string }) => data)
}

export async function iterates(scores: Connection<Scores>): Promise<void> {
  for await (const message of scores) {
    if (message.event === 'goal') is<Same<typeof message.data, Goal>>()
    // @ts-expect-error: not every event has a minute.
    message.data.minute
  }
}

export function withoutTypes(): void {
  connect('/scores').on('anything', ({ data }) => is<Same<typeof data, unknown>>())
}

/** A server exports the type of its channel's events. */
export function ofAChannel(): void {
  const channel = createChannel<Scores>()
  connect<EventsOf<typeof channel>>('/scores').on('goal', ({ data }) => is<Same<typeof data, Goal>>())
  // An app's own event of that name wins.
  connect<{ reset: string }>('/scores').on('reset', ({ data }) => is<Same<typeof data, string>>())
}

export function statuses(status: Status): void {
  if (status.state === 'waiting') is<Same<typeof status.until, number>>()
  if (status.state === 'closed' && status.reason === 'failed') is<Same<typeof status.error.code, ClientErrorCode>>()
  // @ts-expect-error: an open stream has no error.
  if (status.state === 'open') status.error
}

export function options(token: () => Promise<string>): void {
  connect(new URL('https://example.com'), {
    headers: async () => ({ authorization: `Bearer ${await token()}` }),
    credentials: 'include',
    parse: String,
    store: { get: () => ({ id: '1', state: [1] }), set: ({ id, state }: { id: string; state?: unknown }) => [id, state] },
    state: () => [1],
  })
  connect('/scores', { fetch: globalThis.fetch, headers: new Headers(), method: 'POST', body: '{}', signal: AbortSignal.timeout(1_000) })
  // @ts-expect-error: no option of that name.
  connect('/scores', { heartbeat: 1 })
  // @ts-expect-error: there are two ways.
  connect('/scores', { resumeBy: 'cookie' })
}

export function hooks(): void {
  const status = useEventStream<Scores>('/scores', {
    headers: async () => ({ authorization: 'Bearer 1' }),
    events: {
      goal: ({ event, data, lastEventId }) => {
        is<Same<typeof event, 'goal'>>()
        is<Same<typeof data, Goal>>()
        is<Same<typeof lastEventId, string>>()
      },
      reset: ({ data }) => is<Same<typeof data, Reset>>(),
      position: undefined,
    },
  })
  is<Same<typeof status, Status>>()
  useEventStream(new URL('https://example.com'), { key: 'a', events: { anything: ({ data }) => is<Same<typeof data, unknown>>() } })
  useEventStream('/scores')
  // @ts-expect-error: no event of that name.
  useEventStream<Scores>('/scores', { events: { gaol: () => {} } })
  // @ts-expect-error: the data of another event.
  useEventStream<Scores>('/scores', { events: { goal: ({ data }: { data: string }) => data } })
  // @ts-expect-error: the state of React is older than the position.
  useEventStream<Scores>('/scores', { store: { get: () => undefined, set: () => {} } })
  // @ts-expect-error: no option of that name.
  useEventStream<Scores>('/scores', { heartbeat: 1 })
  is<Same<NonNullable<NonNullable<EventStreamOptions<Scores>['events']>['message']>, (message: ReceivedMessage<Scores, 'message'>) => unknown>>()
}

export function folds(): void {
  const open = () => connect<Scores>('/scores')
  const minutes = useEvents('scores', open, (all, message) => (message.event === 'goal' ? [...all, message.data.minute] : all), [] as number[])
  is<Same<typeof minutes, number[]>>()
  const last = useEvents('scores', open, (_, message): ReceivedMessage<Scores> | undefined => message, undefined)
  is<Same<typeof last, ReceivedMessage<Scores> | undefined>>()
  const texts = useEvents<string[], Scores>(
    'scores',
    (state) => {
      is<Same<typeof state, () => string[]>>()
      return connect<Scores>('/scores', { state })
    },
    (all, message) => (message.event === 'message' ? [...all, message.data] : all),
    [],
  )
  is<Same<typeof texts, string[]>>()
  useEvents(
    'anything',
    () => connect('/scores'),
    (_, { data }) => data,
    undefined as unknown,
  )
  // @ts-expect-error: not every event has a minute.
  useEvents('scores', open, (_, message) => message.data.minute, 0)
  // @ts-expect-error: no event of that name.
  useEvents('scores', open, (count, { event }) => (event === 'gaol' ? count + 1 : count), 0)
  // @ts-expect-error: another state than the first.
  useEvents('scores', open, (count: number) => count + 1, '')
  // @ts-expect-error: a reducer of the events of another stream.
  useEvents('scores', open, (_: string, message: ReceivedMessage<{ text: string }>) => String(message.data), '')
}
