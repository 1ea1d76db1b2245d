import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { type Channel, createChannel, type EventStream, type StreamOptions, type SubscribeOptions } from '@tidings/core'
import { ask, type Client, eventually, within } from '../client.ts'
import type { RunningApp } from '../running-app.ts'
import { codeOf } from './code-of.ts'
import { reasonOf } from './reason-of.ts'
import { sentence } from './sentence.ts'
import { isShort, SHORT_AND_LONG } from './short-and-long.ts'
import type { AdapterSentence, Start } from './world.ts'

/** A block as a client takes it: a message, or a position alone. */
interface Block {
  event: string | undefined
  data: string | undefined
  id: string | undefined
}

/** The blocks of a stream that are complete: a client takes nothing of one that broke off. */
function blocksIn(text: string): Block[] {
  const blocks = text.split('\n\n').slice(0, -1)
  return blocks.map((block) => {
    const field = (name: string): string | undefined => new RegExp(`^${name}: ?(.*)$`, 'm').exec(block)?.[1]
    return { event: field('event'), data: field('data'), id: field('id') }
  })
}

const messagesIn = (text: string): Block[] => blocksIn(text).filter(({ data }) => data !== undefined)
const dataIn = (text: string): (string | undefined)[] => messagesIn(text).map(({ data }) => data)
const lastIdIn = (text: string): string => blocksIn(text).findLast(({ id }) => id !== undefined)?.id ?? ''
const after = (lastEventId: string) => ({ headers: { 'last-event-id': lastEventId } })
const numbers = (count: number): string[] => Array.from({ length: count }, (_, index) => `${index + 1}`)

/** An app whose streams a channel feeds. */
function serve(
  start: Start,
  channel: Channel,
  subscribe: (stream: EventStream) => SubscribeOptions = () => ({}),
  { stallTimeout = 3_600_000 }: StreamOptions = {},
): Promise<RunningApp> {
  return start({ options: { heartbeat: false, stallTimeout }, run: (stream) => void channel.subscribe(stream, subscribe(stream)) })
}

/** An app whose streams several channels feed, subscribed one by one, with an await between them. */
function serveAll(start: Start, channels: () => readonly Channel[]): Promise<RunningApp> {
  return start({
    options: { heartbeat: false },
    run: async (stream) => {
      for (const channel of channels()) {
        channel.subscribe(stream)
        await delay(1)
      }
    },
  })
}

const FILLING = 'x'.repeat(20_000)

/** What was published, a megabyte at a time as these readers have had it, until it is enough. */
async function publishedTo(channel: Channel, readers: readonly Client[], isEnough: () => boolean): Promise<string[]> {
  const published: string[] = []
  while (!isEnough()) {
    let end = ''
    for (let count = 0; count < 50; count++) {
      const data = `${published.length + 1} ${FILLING}`
      end = `id: ${await channel.publish(data)}\n\n`
      published.push(data)
    }
    // Checks the length first: searching megabytes at each piece would take too long.
    const least = published.length * FILLING.length
    await Promise.all(readers.map((reader) => reader.until((text) => text.length > least && text.endsWith(end))))
  }
  return published
}

/** A client whose stream is subscribed and has told its position. */
async function joined(app: RunningApp, asked = {}): Promise<Client> {
  const client = await ask(app, asked)
  await client.until('id: ')
  return client
}

/** C: channels. */
export const channels: readonly AdapterSentence[] = [
  sentence('C1', 'Every subscriber MUST get the messages that it asked for once each, in the order in which they were published.', 'Tidings', {
    // Gives each reader the messages that it asked for, in order and once, to a clean end.
    'in-order-by-topic': {
      also: ['C6', 'C10'],
      proof: async ({ start }) => {
        const channel = createChannel()
        const wanted = [undefined, ['even'], ['odd'], ['even', 'odd']]
        const app = await serve(start, channel, () => ({ topics: wanted[channel.subscribers] }))
        const clients: Client[] = []
        for (const _ of wanted) clients.push(await joined(app))
        for (const number of numbers(200)) channel.publish(number, { topic: Number(number) % 2 === 0 ? 'even' : 'odd' })
        channel.end()
        const texts = await Promise.all(clients.map(({ ended }) => within(ended, 'the end')))
        const all = numbers(200)
        const [even, odd] = [0, 1].map((rest) => all.filter((number) => Number(number) % 2 === rest))
        deepEqual(texts.map(dataIn), [all, even, odd, all])
        for (const text of texts) {
          match(text, /\nretry: \d+\n(id: .+\n)?\n$/)
          equal(await channel.ended(lastIdIn(text)), true)
        }
      },
    },
    // Goes on for other readers while one does not read, and gives that one the rest once it reads.
    'one-does-not-read': {
      also: ['B4'],
      proof: async ({ start }) => {
        const channel = createChannel({ history: { messages: 1_000, bytes: 100_000_000 } })
        const app = await serve(start, channel)
        const readers: [Client, Client] = [await joined(app), await joined(app)]
        const late = await ask(app, { reads: false })
        await eventually(() => channel.subscribers === 3, 'the subscribers')
        const all = await publishedTo(channel, readers, () => (app.streams[2]?.bufferedAmount ?? 0) > 0)
        // The messages that it has not taken stay in the channel.
        const waiting = app.streams[2]?.bufferedAmount ?? Number.POSITIVE_INFINITY
        ok(waiting < 500_000, `${waiting} bytes`)
        late.read()
        const [{ text: whole }] = readers
        await late.until(({ length }) => length === whole.length)
        for (const { text } of [...readers, late]) deepEqual(dataIn(text), all)
        deepEqual(
          app.streams.map(({ closed }) => closed),
          [false, false, false],
        )
      },
    },
  }),
  sentence(
    'C2',
    'A client that reconnects with the id that it dispatched last MUST get exactly the messages after it. This holds for any order of ' +
      'publishing, drops, reconnects and replays, and for many clients at once.',
    'Tidings',
    {
      // Resumes exactly where a client left, at any byte.
      'cut-anywhere': async ({ start }) => {
        const channel = createChannel()
        const app = await serve(start, channel)
        const all = numbers(100)
        const first = await Promise.all([joined(app), joined(app), joined(app)])
        const readers = first.map(async (joinedFirst, index) => {
          const had: (string | undefined)[] = []
          const most = [200, 700, 3_000][index] as number
          let client = joinedFirst
          let lastEventId = lastIdIn(client.text)
          for (let times = 1; had.length < all.length; times++) {
            // Mostly in the middle of a message, which then does not count as received.
            const cut = (times * 61) % most
            await client.until((text) => text.length >= cut || dataIn(text).at(-1) === all.at(-1))
            const text = client.text.slice(0, cut)
            client.leave()
            had.push(...dataIn(text))
            lastEventId = lastIdIn(text) || lastEventId
            client = await joined(app, after(lastEventId))
          }
          return had
        })
        for (const number of all) {
          channel.publish(number)
          await delay(2)
        }
        for (const had of await Promise.all(readers)) deepEqual(had, all)
      },
    },
  ),
  sentence(
    'C3',
    'A gap MUST be told by the reset event, before any other event. There is a gap where the id is unknown, is of another epoch, or ' +
      "is older than a message of the reader's topics that was dropped, and where a reader was too slow. A replay of a part MUST NOT " +
      'look whole. No gap is told where only messages of other topics were dropped.',
    'Tidings',
    {
      // Says a gap first, and then the position.
      'trimmed-and-unknown': {
        also: ['C4'],
        proof: async ({ start }) => {
          const channel = createChannel({ history: { messages: 5 } })
          const ids = await Promise.all(numbers(10).map((number) => channel.publish(number)))
          const app = await serve(start, channel)
          const fresh = await joined(app)
          deepEqual(blocksIn(fresh.text).at(-1), { event: undefined, data: undefined, id: ids[9] })
          for (const [reason, lastEventId] of [
            ['trimmed', ids[2]],
            ['unknown', 'of another log'],
          ] as const) {
            const client = await ask(app, after(lastEventId as string))
            const text = await client.until('data: 10\n')
            deepEqual(
              messagesIn(text).map(({ event, data }) => event ?? data),
              ['reset', '6', '7', '8', '9', '10'],
            )
            deepEqual(JSON.parse(messagesIn(text)[0]?.data ?? ''), { reason, lastEventId })
          }
          const exact = await ask(app, after(ids[7] as string))
          deepEqual(dataIn(await exact.until('data: 10\n')), ['9', '10'])
        },
      },
    },
  ),
  sentence(
    'C4',
    'A client that begins without a snapshot MUST get its position at once, as a block of an id alone. With a snapshot, also after a ' +
      'reset, the last message of the snapshot has the position as its id. A heartbeat has the position if that has moved. ' +
      "`position: 'message'` sends an event instead of an id alone, and `position: false` sends no positions.",
    'Tidings',
    { provedIn: 'packages/core/test/channel.test.ts' },
  ),
  sentence(
    'C5',
    'The app changes its state before it publishes. The snapshot and the messages after it MUST then join without a loss. They MUST ' +
      'also join without a repeat where the snapshot gives `{ messages, after }`, and where it is synchronous, the log is in memory, ' +
      'and state and message change in one turn of the event loop. A drop in the middle of a snapshot makes the client begin again.',
    'Tidings',
    {
      // Joins the current state and the messages after it.
      'state-and-what-follows': async ({ start }) => {
        const channel = createChannel()
        let state = 0
        const publish = (): unknown => channel.publish(`${++state}`)
        for (let times = 0; times < 5; times++) publish()
        const app = await serve(start, channel, () => ({ snapshot: () => ({ event: 'state', data: `${state}` }) }))
        const client = await joined(app)
        publish()
        publish()
        await client.until('data: 7\n')
        deepEqual(
          messagesIn(client.text).map(({ event = '', data }) => `${event} ${data}`),
          ['state 5', ' 6', ' 7'],
        )
        const back = await ask(app, after(messagesIn(client.text).at(-2)?.id ?? ''))
        deepEqual(dataIn(await back.until('data: 7\n')), ['7'])
      },
    },
  ),
  sentence(
    'C6',
    'Topics and filters MUST hold for a replay as for live messages. A subscriber of one of 100,000 topics costs nothing for the ' +
      'others. A topic that is added to a subscription counts from the position of that subscriber.',
    'Tidings',
    { provedIn: 'packages/core/test/channel.test.ts' },
  ),
  sentence('C7', 'A `filter`, `snapshot` or sink that throws MUST end its own subscription alone, and tell `onError`.', 'Tidings', {
    // Cuts a reader that takes nothing, and no other.
    'one-takes-nothing': {
      also: ['B3'],
      proof: async ({ start }) => {
        const channel = createChannel()
        const app = await serve(start, channel, undefined, { stallTimeout: 300 })
        const readers = [await joined(app), await joined(app)]
        const deaf = await ask(app, { reads: false })
        await eventually(() => channel.subscribers === 3, 'the subscribers')
        const all = await publishedTo(channel, readers, () => app.streams[2]?.closed === true)
        equal(await reasonOf(app.streams[2]), 'stalled')
        equal(channel.subscribers, 2)
        for (const { text } of readers) deepEqual(dataIn(text), all)
        deaf.leave()
      },
    },
    // Ends the stream of a filter that throws, and no other.
    'filter-throws': async ({ start }) => {
      const failures: string[] = []
      const channel = createChannel({ onError: (_, { stage }) => failures.push(stage) })
      const broken = (): boolean => {
        throw new Error('of the test')
      }
      const app = await serve(start, channel, () => (channel.subscribers === 0 ? { filter: broken } : {}))
      const [first, second] = [await joined(app), await joined(app)]
      channel.publish('a')
      await second.until('data: a\n')
      await within(first.closed, 'the end of the first')
      equal(await reasonOf(app.streams[0]), 'error')
      deepEqual([failures, app.streams[1]?.closed, dataIn(first.text)], [['filter'], false, []])
    },
  }),
  sentence(
    'C8',
    'The history MUST be bounded by messages, bytes and age; the first bound that is reached counts. A resume costs as much as its ' +
      'answer, and not as much as the history. (Where a topic is read from an engine, it costs the range that is scanned.)',
    'Tidings',
    { provedIn: 'packages/core/test/log.test.ts' },
  ),
  sentence(
    'C9',
    "With `lag: 'conflate'`, a reader that is behind MUST get the newest kept message of each key that it asked for, in order. It " +
      'MUST end in the same state as a reader that was never behind. `Last-Event-ID` stays exact.',
    'Tidings',
    {
      // Gives a reader that is behind the newest message of each key.
      behind: async ({ start }) => {
        const channel = createChannel({ history: { messages: 2_000, bytes: 100_000_000 } })
        const app = await serve(start, channel, () => ({ lag: 'conflate' }))
        const client = await ask(app, { reads: false })
        await eventually(() => channel.subscribers === 1, 'the subscriber')
        for (let number = 1; number <= 1_500; number++) {
          channel.publish(`${number} ${FILLING}`, { key: `${number % 10}` })
          if (number % 100 === 0) await new Promise(setImmediate)
        }
        client.read()
        channel.end()
        const had = dataIn(await within(client.ended, 'the end')).map((data) => Number(data?.split(' ')[0]))
        ok(had.length < 1_500, `${had.length}`)
        deepEqual(
          had,
          [...had].sort((a, b) => a - b),
        )
        deepEqual(
          had.slice(-10),
          Array.from({ length: 10 }, (_, index) => 1_491 + index),
        )
      },
    },
  ),
  sentence(
    'C10',
    'After `end()`, subscribers MUST get the messages that they lack, a final id, `retry` and a clean end. On a stream of several ' +
      'channels, `end()` freezes the id of its channel. The stream ends when all of its channels have ended, one turn after the last ' +
      '`subscribe`. `ended(id)` is true for a client that has had all messages. On an ended channel it is also true for a client ' +
      'without an id and without `after`. A route that asks before it opens the stream answers 204. A reader MUST NOT create a run that ' +
      'does not exist.',
    'Tidings',
    { provedIn: ['packages/core/test/channel.test.ts', 'packages/core/test/joined-channels.test.ts'] },
  ),
  sentence(
    'C11',
    'These MUST throw `ERR_SSE_ID_OWNED`: `send` with an `id` on a subscribed stream, a second channel without a name, and `publish` ' +
      'with an `id`. `publish` of the reset event or the position event MUST throw `ERR_SSE_RESERVED_EVENT`, and does not compile. ' +
      "Messages that streams share are encoded with the channel's `serialize`.",
    'Tidings',
    {
      // Refuses other ids on a subscribed stream.
      'ids-owned': async ({ start }) => {
        const channel = createChannel()
        const app = await serve(start, channel)
        const client = await joined(app)
        const [stream] = app.streams
        equal(
          codeOf(() => stream?.send({ id: '1', data: '' })),
          'ERR_SSE_ID_OWNED',
        )
        equal(
          codeOf(() => stream && createChannel().subscribe(stream)),
          'ERR_SSE_ID_OWNED',
        )
        equal(await stream?.send('of its own'), true)
        await channel.publish('shared')
        await client.until('data: shared\n')
        deepEqual(dataIn(client.text), ['of its own', 'shared'])
      },
    },
  ),
  sentence('C12', '`messages()` MUST reject with `ERR_SSE_GAP` when messages for it were dropped.', 'Tidings', {
    provedIn: 'packages/core/test/channel.test.ts',
  }),
  sentence(
    'C13',
    'Several named channels may share one stream. C1-C5, C9 and C11 MUST hold for the messages of each as if it were alone. A client ' +
      'that reconnects with the joined id MUST resume each channel exactly: with the subscriptions in any order, and also after a drop ' +
      'between two subscriptions of a handler that awaits. The id of a channel that is absent, or that has not begun, is carried ' +
      'unchanged. A channel that is new to the client begins as for a new client. Two subscriptions without names, two with one name, ' +
      'and a ninth MUST throw `ERR_SSE_ID_OWNED`, with what to write.',
    'Tidings',
    {
      // Resumes each channel exactly where a client left, at any byte, in any order, and with a channel fewer.
      'cut-anywhere': {
        also: ['C1', 'C2'],
        proof: async ({ start }) => {
          const three = ['a', 'b', 'c'].map((name) => createChannel({ name }))
          let opened = 0
          const app = await serveAll(start, () => {
            const first = opened++ % 3
            // Now and then without one of them.
            return [...three.slice(first), ...three.slice(0, first)].slice(opened % 5 === 0 ? 1 : 0)
          })
          const begun = await ask(app)
          let lastEventId = lastIdIn(await begun.until('c~'))
          begun.leave()
          const published = (async () => {
            for (const number of numbers(60)) {
              for (const [index, channel] of three.entries()) channel.publish(`${'abc'[index]}${number}`)
              await delay(2)
            }
          })()
          const had: string[] = []
          for (let times = 1; had.length < 180; times++) {
            // Mostly in the middle of a message, and often before all channels are subscribed. Without one of them,
            // before the end of the first block that is sure to come.
            const cut = (times * 61) % ((opened + 1) % 5 === 0 ? 150 : 1_500)
            const client = await ask(app, after(lastEventId))
            await client.until((text) => text.length >= cut || had.length + dataIn(text).length === 180)
            const text = client.text.slice(0, cut)
            client.leave()
            had.push(...dataIn(text).map(String))
            lastEventId = lastIdIn(text) || lastEventId
          }
          await published
          for (const name of ['a', 'b', 'c']) {
            const own = had.filter((data) => data.startsWith(name))
            deepEqual(
              own,
              numbers(60).map((number) => `${name}${number}`),
            )
          }
        },
      },
      // Tells the gap of one channel, by its name, and goes on with the others.
      'gap-of-one': {
        also: ['C3'],
        proof: async ({ start }) => {
          const [short, whole] = [createChannel({ name: 'short', history: { messages: 2 } }), createChannel({ name: 'whole' })]
          const app = await serveAll(start, () => [short, whole])
          const client = await ask(app)
          await client.until('whole~')
          client.leave()
          for (const number of numbers(5)) for (const channel of [short, whole]) channel.publish(number)
          const back = await ask(app, after(lastIdIn(client.text)))
          await back.until((text) => dataIn(text).length === 8)
          const [reset, ...rest] = messagesIn(back.text)
          const { reason, channel } = JSON.parse(reset?.data ?? '')
          deepEqual([reset?.event, reason, channel], ['reset', 'trimmed', 'short'])
          deepEqual(
            rest.map(({ data }) => data),
            ['4', '5', '1', '2', '3', '4', '5'],
          )
        },
      },
      // Carries the part of a channel that is not subscribed, and begins a channel that is new to the client.
      'one-fewer-one-more': async ({ start }) => {
        const [a, b, c] = [createChannel({ name: 'a' }), createChannel({ name: 'b' }), createChannel({ name: 'c' })]
        let subscribed = [a, b]
        const app = await serveAll(start, () => subscribed)
        const client = await ask(app)
        await client.until('b~')
        client.leave()
        for (const channel of [a, b, c]) channel.publish('missed')
        subscribed = [b, c]
        const fewer = await ask(app, after(lastIdIn(client.text)))
        await fewer.until('c~')
        c.publish('new')
        await fewer.until('data: new\n')
        fewer.leave()
        deepEqual(dataIn(fewer.text), ['missed', 'new'])
        subscribed = [a, c, b]
        const more = await ask(app, after(lastIdIn(fewer.text)))
        await more.until('data: missed\n')
        deepEqual(dataIn(more.text), ['missed'])
      },
      // Goes on with the channels that have not ended.
      ends: {
        also: ['C10'],
        proof: async ({ start }) => {
          const [run, room] = [createChannel({ name: 'run' }), createChannel({ name: 'room' })]
          const app = await serveAll(start, () => [run, room])
          const client = await ask(app)
          await client.until('room~')
          run.publish('last')
          run.end()
          await client.until('data: last\n')
          room.publish('goes on')
          await client.until('data: goes on\n')
          room.end()
          const text = await within(client.ended, 'the end')
          deepEqual(dataIn(text), ['last', 'goes on'])
          match(text, /\nretry: \d+\nid: .+\n\n$/)
          deepEqual(await Promise.all([run, room].map((channel) => channel.ended(lastIdIn(text)))), [true, true])
        },
      },
      // Refuses a channel without a name beside others, two of one name, and a ninth.
      refused: {
        also: ['C11'],
        proof: async ({ start }) => {
          const channel = createChannel()
          const app = await start({ options: { heartbeat: false }, run: (stream) => void channel.subscribe(stream, { name: 'first' }) })
          const client = await joined(app)
          const [stream] = app.streams as [EventStream]
          const codeFor = (name?: string): string | undefined => codeOf(() => channel.subscribe(stream, { name }))
          deepEqual([codeFor(), codeFor('first')], ['ERR_SSE_ID_OWNED', 'ERR_SSE_ID_OWNED'])
          for (let count = 2; count <= 8; count++) channel.subscribe(stream, { name: `${count}` })
          equal(codeFor('ninth'), 'ERR_SSE_ID_OWNED')
          await client.until('8~')
          const id = lastIdIn(client.text)
          equal(id.split('~').length, 16)
          client.leave()
          // An id that was joined by hand is unknown to each channel.
          const back = await ask(app, after(`${id}~${id}`.slice(0, 1_000)))
          const text = await back.until('\nid: ')
          equal(JSON.parse(messagesIn(text)[0]?.data ?? '').reason, 'unknown')
        },
      },
    },
  ),
  sentence(
    'C14',
    '`publish(message, { keep: false })` reaches each reader that has had all before it, is writable and holds no ' +
      'snapshot, once, in order with kept messages, in all processes; it has no id, moves no position, is never ' +
      'replayed, never a gap.',
    'Tidings',
    {
      // Comes between the kept messages, once, without an id, and to no reader that comes later.
      'between-kept': async ({ start }) => {
        const channel = createChannel()
        const topics = [undefined, ['a'], ['b']]
        const app = await serve(start, channel, () => ({ topics: topics[channel.subscribers % 3] }))
        const clients = [await joined(app), await joined(app), await joined(app)]
        channel.publish('1', { topic: 'a' })
        equal(await channel.publish({ event: 'typing', data: 'Ada' }, { topic: ['a', 'b'], keep: false }), '')
        channel.publish('2', { topic: 'a' })
        channel.publish('3', { topic: 'b' })
        channel.publish({ event: 'typing', data: 'Bob' }, { topic: 'b', keep: false })
        const [all] = clients as [Client]
        await all.until('data: Bob\n')
        const back = await ask(app, after(messagesIn(all.text)[0]?.id ?? ''))
        channel.end()
        const texts = await Promise.all([...clients, back].map(({ ended }) => within(ended, 'the end')))
        deepEqual(texts.map(dataIn), [
          ['1', 'Ada', '2', '3', 'Bob'],
          ['1', 'Ada', '2'],
          ['Ada', '3', 'Bob'],
          ['2', '3'],
        ])
        for (const text of texts) for (const { event, id } of messagesIn(text)) equal(id === undefined, event === 'typing')
      },
      // A reader that does not read misses them, and no kept message.
      'does-not-read': {
        also: ['B4'],
        proof: async ({ start }) => {
          const channel = createChannel({ history: { messages: 1_000, bytes: 100_000_000 } })
          const app = await serve(start, channel)
          const reads = await joined(app)
          const late = await ask(app, { reads: false })
          await eventually(() => channel.subscribers === 2, 'the subscribers')
          const kept = await publishedTo(channel, [reads], () => (app.streams[1]?.bufferedAmount ?? 0) > 0)
          channel.publish('typing', { keep: false })
          await reads.until('data: typing\n')
          channel.publish('last')
          late.read()
          await late.until('data: last\n')
          deepEqual(dataIn(late.text), [...kept, 'last'])
          deepEqual(dataIn(reads.text), [...kept, 'typing', 'last'])
        },
      },
    },
  ),
  sentence(
    'C15',
    'The last message of a snapshot that dispatches an event MUST have the position as its id, unless `position` is false. The ' +
      'messages before it MUST NOT have an id. A page that stores `event.lastEventId` after a snapshot and comes back with it misses ' +
      'nothing.',
    'Tidings',
    {
      // Gives the position with the last event of the state, and resumes from it.
      'stored-and-back': {
        also: ['C2', 'C4'],
        proof: async ({ start }) => {
          const channel = createChannel({ history: { messages: 2 } })
          const [old] = await Promise.all(numbers(4).map((number) => channel.publish(number)))
          const state = [{ comment: 'first' }, { event: 'state', data: '1' }, { event: 'state', data: '2' }, { comment: 'last' }]
          const app = await serve(start, channel, () => ({ snapshot: () => state }))
          for (const asked of [{}, after(old as string)]) {
            const client = await ask(app, asked)
            const text = await client.until(': last\n\n')
            client.leave()
            const id = lastIdIn(text)
            deepEqual(messagesIn(text).slice(-2), [
              { event: 'state', data: '1', id: undefined },
              { event: 'state', data: '2', id },
            ])
            await channel.publish('missed')
            const back = await ask(app, after(id))
            await back.until('data: missed\n')
            await channel.publish('live')
            deepEqual(dataIn(await back.until('data: live\n')), ['missed', 'live'])
            back.leave()
          }
        },
      },
      // A client that was cut within the state begins again. With all of the state it resumes.
      'cut-anywhere': {
        also: ['C5'],
        proof: async ({ start }) => {
          const channel = createChannel()
          const state = numbers(5).map((number) => ({ event: 'state', data: number }))
          let taken = 0
          const snapshot = () => {
            taken++
            return state
          }
          const app = await serve(start, channel, () => ({ snapshot }))
          const { text } = await joined(app)
          for (let cut = text.indexOf('event: state'); cut <= text.length; cut += 7) {
            const had = text.slice(0, cut)
            const isWhole = dataIn(had).length === state.length
            equal(lastIdIn(had) !== '', isWhole)
            const before = taken
            const back = await joined(app, isWhole ? after(lastIdIn(had)) : {})
            equal(taken, isWhole ? before : before + 1)
            back.leave()
          }
        },
      },
      // On a stream of several channels it is the joined id.
      'several-channels': {
        also: ['C13'],
        proof: async ({ start }) => {
          const three = ['a', 'b', 'c'].map((name) => createChannel({ name }))
          const run = async (stream: EventStream): Promise<void> => {
            for (const channel of three) {
              channel.subscribe(stream, { snapshot: async () => [{ event: 'state', data: '1' }, { event: 'state', data: '2' }, { comment: 'last' }] })
              await delay(1)
            }
          }
          const app = await start({ options: { heartbeat: false }, run })
          const client = await ask(app)
          await client.until('c~')
          client.leave()
          const ids = messagesIn(client.text).map(({ id }) => id?.split('~').length)
          deepEqual(ids, [undefined, 2, undefined, 4, undefined, 6])
          for (const [index, channel] of three.entries()) await channel.publish(`missed ${'abc'[index]}`)
          const back = await ask(app, after(lastIdIn(client.text)))
          await back.until('data: missed c\n')
          deepEqual(dataIn(back.text), ['missed a', 'missed b', 'missed c'])
        },
      },
    },
  ),
  sentence(
    'C16',
    '"From now on" MUST begin at the call of `subscribe` or `messages`. On every log, a message that the process publishes after the ' +
      'call has returned is delivered.',
    'Tidings',
    {
      // Gives a stream the messages that are published after `subscribe`, also in the same turn.
      'from-the-call-on': async ({ start }) => {
        const channel = createChannel()
        channel.publish('before')
        const app = await start({
          options: { heartbeat: false },
          run: (stream) => {
            channel.subscribe(stream)
            channel.publish('after')
          },
        })
        const client = await ask(app)
        await client.until('data: after\n')
        deepEqual(dataIn(client.text), ['after'])
      },
    },
  ),
  sentence(
    'C17',
    '`ended(id, { topics, filter? })` and the end of a run MUST go by the messages that the reader asked for. A client that has had ' +
      'the last message of its topics has had all, also where it ignores blocks that have only an id.',
    'Tidings',
    {
      // A client that ignores blocks without data has had all with the last message of its topics and its filter.
      'ignores-lone-ids': async ({ start }) => {
        const channel = createChannel()
        const asked: SubscribeOptions[] = [{ topics: ['a'] }, { topics: ['a'], filter: isShort }, { filter: isShort }]
        const app = await serve(start, channel, () => asked[channel.subscribers] ?? {})
        const clients = [await joined(app), await joined(app), await joined(app)]
        for (const [data, topic] of SHORT_AND_LONG) channel.publish(data, { topic })
        channel.end()
        const texts = await Promise.all(clients.map(({ ended }) => within(ended, 'the end')))
        deepEqual(texts.map(dataIn), [['1', 'long'], ['1'], ['1', '2']])
        for (const [index, text] of texts.entries()) {
          const { id = '' } = messagesIn(text).at(-1) ?? {}
          equal(await channel.ended(id, asked[index] as SubscribeOptions), true)
          equal(await channel.ended(id), false)
        }
      },
      // A route that does not ask `ended` tells a client that has had all to stay away.
      'nothing-left': async ({ start }) => {
        const channel = createChannel()
        const [first] = await Promise.all(['a', 'b'].map((topic) => channel.publish('x', { topic })))
        channel.end()
        const app = await serve(start, channel, () => ({ topics: ['a'] }))
        const client = await ask(app, after(first as string))
        const text = await within(client.ended, 'the end')
        deepEqual(dataIn(text), [])
        const told = Number(/\nretry: (\d+)\n/.exec(text)?.[1])
        ok(told >= 300_000, `${told} ms`)
      },
    },
  ),
  sentence(
    'C18',
    'With `after: { last: n }`, a new client MUST begin with the last n kept messages of its topics. With `after: { within: ms }` it ' +
      "MUST begin with those of the last ms, by the log's clock.",
    'Tidings',
    {
      // Gives a new client the last messages of its topics, then what is published. One that comes back resumes.
      last: async ({ start }) => {
        const channel = createChannel({ history: { messages: 8 } })
        const topics = [undefined, ['even'], ['odd'], ['none'], undefined]
        const lasts = [3, 2, 100, 1, 100]
        const app = await serve(start, channel, () => ({ topics: topics[channel.subscribers], after: { last: lasts[channel.subscribers] as number } }))
        for (const number of numbers(12)) channel.publish(number, { topic: Number(number) % 2 === 0 ? 'even' : 'odd' })
        const clients: Client[] = []
        for (const _ of topics) clients.push(await joined(app))
        channel.publish('13', { topic: 'odd' })
        channel.publish('14', { topic: 'even' })
        channel.end()
        const texts = await Promise.all(clients.map(({ ended }) => within(ended, 'the end')))
        deepEqual(texts.map(dataIn), [
          ['10', '11', '12', '13', '14'],
          ['10', '12', '14'],
          ['5', '7', '9', '11', '13'],
          [],
          ['5', '6', '7', '8', '9', '10', '11', '12', '13', '14'],
        ])
        const back = await ask(app, after(messagesIn(texts[0] ?? '').at(1)?.id ?? ''))
        deepEqual(dataIn(await within(back.ended, 'the end')), ['12', '13', '14'])
      },
      // Gives a new client the messages of the last ms.
      within: async ({ start }) => {
        const channel = createChannel()
        const app = await serve(start, channel, () => ({ after: { within: 30_000 } }))
        const { now } = Date
        Date.now = () => now() - 60_000
        try {
          channel.publish('old')
        } finally {
          Date.now = now
        }
        channel.publish('new')
        const client = await ask(app)
        await client.until('data: new\n')
        channel.publish('live')
        await client.until('data: live\n')
        deepEqual(dataIn(client.text), ['new', 'live'])
      },
    },
  ),
  sentence(
    'C19',
    "A message of `publish(message, { topic: ['a', 'b'] })` MUST reach a reader of either or of both topics once. A process of the " +
      'previous minor version on the same log loses nothing by it.',
    'Tidings',
    {
      // Reaches readers of any of its topics once, live and after a reconnect.
      once: async ({ start }) => {
        const channel = createChannel()
        const topics = [['a'], ['b'], ['a', 'b'], ['c'], undefined]
        const app = await serve(start, channel, () => ({ topics: topics[channel.subscribers % topics.length] }))
        const clients: Client[] = []
        for (const _ of topics) clients.push(await joined(app))
        const firstId = await channel.publish('1', { topic: ['a', 'b'] })
        channel.publish('2', { topic: 'b' })
        channel.publish('3', { topic: ['c', 'a'] })
        channel.publish('4', { topic: ['b', 'a'] })
        await clients[4]?.until('data: 4\n')
        const back: Client[] = []
        for (const _ of topics) back.push(await ask(app, after(firstId)))
        channel.end()
        const expected = [['1', '3', '4'], ['1', '2', '4'], ['1', '2', '3', '4'], ['3'], ['1', '2', '3', '4']]
        deepEqual((await Promise.all(clients.map(({ ended }) => within(ended, 'the end')))).map(dataIn), expected)
        deepEqual(
          (await Promise.all(back.map(({ ended }) => within(ended, 'the end')))).map(dataIn),
          expected.map((each) => each.filter((data) => data !== '1')),
        )
      },
    },
  ),
  sentence(
    'C20',
    "With `strings: 'json'`, a channel MUST send strings as JSON to all of its streams, kept or not and in snapshots. The `strings` of a " +
      'stream counts for its own messages alone. Filters and `messages()` MUST get a string as it was published with both settings.',
    'Tidings',
    {
      // A channel and a stream have the setting each for their own messages.
      'strings-as-json': async ({ start }) => {
        const sent = { text: 'say "hi"', json: '"say \\"hi\\""' }
        for (const [ofChannel, ofStream] of [['json', 'text'] as const, ['text', 'json'] as const]) {
          const channel = createChannel({ strings: ofChannel })
          const filtered: unknown[] = []
          const app = await start({
            options: { heartbeat: false, strings: ofStream },
            run: (stream) => {
              const snapshot = (): string => sent.text
              channel.subscribe(stream, { snapshot, filter: ({ data }) => filtered.push(data) > 0 })
              stream.send({ event: 'own', data: sent.text })
            },
          })
          const client = await ask(app)
          await client.until('id: ')
          const messages = channel.messages()
          const first = messages.next()
          channel.publish(sent.text, { keep: false })
          channel.publish({ event: 'goal', data: sent.text })
          channel.publish({ event: 'goal', data: { text: sent.text } })
          await client.until('{')
          const dataOf = (own: boolean) => messagesIn(client.text).flatMap(({ event, data }) => ((event === 'own') === own ? [data] : []))
          deepEqual(dataOf(true), [sent[ofStream]])
          deepEqual(dataOf(false), [sent[ofChannel], sent[ofChannel], sent[ofChannel], JSON.stringify({ text: sent.text })])
          const read = [await first, await messages.next(), await messages.next()].map(({ value }) => value.data)
          deepEqual(read, [sent.text, sent.text, { text: sent.text }])
          deepEqual(filtered, read)
        }
      },
    },
  ),
]
