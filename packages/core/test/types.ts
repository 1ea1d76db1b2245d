// Not run but compiled: what users write against channels must compile, and what cannot work must not. Each block has
// the id of its sentence.
import {
  type Channel,
  type ChannelMessage,
  createChannel,
  type EventStream,
  type EventsOf,
  type Filter,
  type PublishedMessage,
  type Snapshot,
} from '../src/index.ts'

interface Goal {
  minute: number
}
type Scores = { goal: Goal; card: 'red' | 'yellow'; message: string }

const scores = createChannel<Scores>()
const anything = createChannel()
const goal: Goal = { minute: 12 }
declare const stream: EventStream

/** True for the very same type only; `any` is equal to nothing but itself. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const is = <_Claim extends true>(): void => {}

export function c5Snapshots(rows: { minute: number }[]): void {
  scores.subscribe(stream, { snapshot: () => ({ event: 'goal', data: goal }) })
  scores.subscribe(stream, { snapshot: () => 'text' })
  scores.subscribe(stream, { snapshot: () => [] })
  scores.subscribe(stream, { snapshot: () => [{ event: 'goal', data: goal }, { event: 'card', data: 'red' }, { data: 'text' }, { retry: 1_000 }] })
  scores.subscribe(stream, { snapshot: () => rows.map((row) => ({ event: 'goal', data: row })) })
  scores.subscribe(stream, { snapshot: async () => ({ messages: rows.map((row) => ({ event: 'goal', data: row })), after: 'id' }) })
  const shared: Snapshot<Scores> = ({ signal }) => (signal.aborted ? [] : [{ event: 'goal', data: goal }])
  scores.subscribe(stream, { snapshot: shared })
  anything.subscribe(stream, { snapshot: () => rows.map((row) => ({ event: 'goal', data: row })) })

  // @ts-expect-error: no event of that name
  scores.subscribe(stream, { snapshot: () => ({ event: 'gaol', data: goal }) })
  // @ts-expect-error: the data of another event
  scores.subscribe(stream, { snapshot: () => [{ event: 'goal', data: 'red' }] })
  // @ts-expect-error: the same, later
  scores.subscribe(stream, { snapshot: async () => ({ messages: [{ event: 'goal', data: 'red' }], after: 'id' }) })
  // @ts-expect-error: events of another channel
  const _other: Snapshot<{ goal: Goal }> = shared
}

export async function c6FiltersAndMessages(): Promise<void> {
  scores.subscribe(stream, { filter: (message) => message.event === 'goal' && message.data.minute > 45 })
  scores.subscribe(stream, {
    filter: ({ event, data }) => {
      is<Same<typeof event, 'goal' | 'card' | 'message'>>()
      is<Same<typeof data, Goal | 'red' | 'yellow' | string>>()
      return true
    },
  })
  const byTopic: Filter = ({ topic }) => topic === 'a'
  scores.subscribe(stream, { filter: byTopic })
  await scores.ended('', { filter: byTopic })
  await scores.ended('', { filter: ({ event }) => event === 'card' })
  for await (const message of scores.messages()) {
    is<Same<typeof message, ChannelMessage<Scores>>>()
    if (message.event === 'goal') message.data.minute satisfies number
    else message.data satisfies string
    message.id satisfies string
    message.topic satisfies string | undefined
    // @ts-expect-error: messages without a name have this one
    if (message.event === '') continue
  }
  for await (const { event, data } of anything.messages()) {
    is<Same<typeof event, string>>()
    is<Same<typeof data, unknown>>()
  }

  // @ts-expect-error: no event of that name
  scores.subscribe(stream, { filter: ({ event }) => event === 'gaol' })
  // @ts-expect-error: only some messages have it
  scores.subscribe(stream, { filter: ({ data }) => data.minute > 45 })
  // @ts-expect-error: only some messages have it
  await scores.ended('', { filter: ({ data }) => data.minute > 45 })
  const goals: Filter<{ goal: Goal }> = ({ data }) => data.minute > 45
  // @ts-expect-error: a filter that does not know all events
  scores.subscribe(stream, { filter: goals })
}

export function c11Publish(): void {
  scores.publish('text')
  scores.publish({ data: 'text' })
  scores.publish({ event: '', data: 'text' })
  scores.publish({ event: 'goal', data: goal, retry: 1_000, comment: 'note', id: undefined })
  const waiting: PublishedMessage<Scores>[] = [{ event: 'goal', data: goal }, 'text']
  for (const message of waiting) scores.publish(message)
  scores.publish('text', { topic: ['a', 'b'] as const })
  const keep: boolean = Math.random() < 0.5
  scores.publish('text', { topic: 'a', keep })
  scores.publish('text', { keep: true, key: 'k', idempotencyKey: 'i' })
  scores.publish('text', { keep: false, topic: ['a', 'b'] })
  // @ts-expect-error: supersedes no other
  scores.publish('text', { keep: false, key: 'k' })
  // @ts-expect-error: is not sent again
  scores.publish('text', { keep: false, idempotencyKey: 'i' })
  // @ts-expect-error: has no id
  scores.publish({ data: 'text', id: '1' }, { keep: false })
  // @ts-expect-error: true or false
  scores.publish('text', { keep: 0 })
  // @ts-expect-error: topics are names
  scores.publish('text', { topic: [1] })
  const name: string | undefined = undefined
  anything.publish({ event: name, data: 1 })

  // @ts-expect-error: the channel gives the id
  scores.publish({ event: 'goal', data: goal, id: '1' })
  // @ts-expect-error: the channel gives the id
  scores.publish({ data: 'text', id: '1' })
  // @ts-expect-error: the channel gives the id
  anything.publish({ event: 'goal', data: goal, id: '1' })
  // @ts-expect-error: clients drop a message without data
  scores.publish({ retry: 1_000 })
  // @ts-expect-error: clients drop a message without data
  anything.publish({ event: 'goal' })
  // @ts-expect-error: no event of that name
  scores.publish({ event: 'gaol', data: goal })
  // @ts-expect-error: the data of another event
  scores.publish({ event: 'goal', data: 'red' })
  // @ts-expect-error: more than the data
  scores.publish({ event: 'goal', data: { minute: 12, minutes: 12 } })
  // @ts-expect-error: a message without a name has text
  scores.publish({ data: goal })
  // @ts-expect-error: every event of this channel has a name
  createChannel<{ goal: Goal }>().publish({ data: goal })
}

/** A function of the app's own around `publish`. */
export function c11Emit(): void {
  const emit = <Name extends keyof Scores>(event: Name, data: Scores[Name]): Promise<string> => scores.publish({ event, data })
  emit('goal', goal)
  emit('message', 'text')
  // @ts-expect-error: the data of another event
  emit('goal', 'red')
  const emitTo =
    <Events extends object>(channel: Channel<Events>) =>
    <Name extends keyof Events & string>(event: Name, data: Events[Name]): Promise<string> =>
      channel.publish({ event, data }, { topic: 'a' })
  emitTo(scores)('card', 'red')
  // @ts-expect-error: no event of that name
  emitTo(scores)('gaol', goal)
  const emitAll = <Name extends keyof Scores>(event: Name, datas: Scores[Name][]): void => {
    for (const data of datas) scores.publish({ event, data, retry: 1_000 })
    // @ts-expect-error: the data of an event that may be another one
    scores.publish({ event, data: goal })
  }
  emitAll('goal', [goal])
}

export function c11Streams(
  same: EventStream<Scores>,
  more: EventStream<Scores & { other: number }>,
  fewer: EventStream<{ goal: Goal }>,
  other: EventStream<{ other: number }>,
  otherData: EventStream<{ goal: string; card: string; message: string }>,
): void {
  scores.subscribe(stream)
  scores.subscribe(same)
  scores.subscribe(more)
  anything.subscribe(other)
  // @ts-expect-error: a stream of fewer events
  scores.subscribe(fewer)
  // @ts-expect-error: a stream of other events
  scores.subscribe(other)
  // @ts-expect-error: a stream of the same events with other data
  scores.subscribe(otherData)
  // The channel's own events are not the stream's.
  createChannel<{ goal: Goal; reset: string }>().subscribe(fewer)
}

export function c11EventsOf(): void {
  is<Same<EventsOf<typeof scores>, EventsOf<Channel<EventsOf<typeof scores>>>>>()
  const data: EventsOf<typeof scores>['goal'] = goal
  const plain: Channel<Scores> = scores
  is<Same<EventsOf<typeof plain>, Scores>>()
  is<Same<keyof EventsOf<typeof scores>, keyof Scores>>()
  is<Same<EventsOf<string>, never>>()
  // @ts-expect-error: the channel's own event
  type _Reset = EventsOf<ReturnType<typeof createChannel<{ goal: Goal; reset: string }>>>['reset']
  // @ts-expect-error: the data of another event
  const _wrong: EventsOf<typeof scores>['goal'] = 'red'
  data satisfies Goal
  // A function that takes any channel.
  const count = <Events extends object>(channel: Channel<Events>): number => channel.subscribers
  count(scores)
}

export function w11Send(typed: EventStream<Scores>): void {
  // @ts-expect-error: the name of an event is a field of the message
  typed.send('text', 'goal')
  // @ts-expect-error: the name of an event is a field of the message
  stream.send('text', 'goal')
}
