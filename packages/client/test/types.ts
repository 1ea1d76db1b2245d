// Not run but compiled (K8): what users write must compile, and what cannot work must not.
import { createChannel, type EventsOf } from '@tidings/core'
import { type ClientErrorCode, type Connection, connect, type Reset, type Status } from '../src/index.ts'

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
