import { setTimeout as delay } from 'node:timers/promises'
import { type Channel, createChannel, type EventStream, type StreamOptions, type SubscribeOptions } from '@tidings/core'
import { describe, expect } from 'vitest'
import { ask, type Client, eventually, within } from '../client.ts'
import type { RunningApp } from '../running-app.ts'
import { type Contract, codeOf, type Start } from './holds.ts'
import { reasonOf } from './reason-of.ts'

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
  { stallTimeout = 60_000 }: StreamOptions = {},
): Promise<RunningApp> {
  return start({ options: { heartbeat: false, stallTimeout }, run: (stream) => void channel.subscribe(stream, subscribe(stream)) })
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
    // The length first: to look into megabytes at each piece that comes takes longer than they may.
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

/** C: channels. What they promise, by way of an adapter's streams. */
export function describeChannels({ holds }: Contract): void {
  describe('C: channels', () => {
    holds('C1 C6 C10 give each reader what it asked for, in order and once, to a clean end', async (start) => {
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
      expect(texts.map(dataIn)).toEqual([all, even, odd, all])
      for (const text of texts) {
        expect(text).toMatch(/\nretry: \d+\n(id: .+\n)?\n$/)
        expect(await channel.ended(lastIdIn(text))).toBe(true)
      }
    })

    holds('C1 B4 go on for all who read while one does not, and give it the rest once it does', async (start) => {
      const channel = createChannel({ history: { messages: 1_000, bytes: 100_000_000 } })
      const app = await serve(start, channel)
      const readers: [Client, Client] = [await joined(app), await joined(app)]
      const late = await ask(app, { reads: false })
      await eventually(() => channel.subscribers === 3, 'the subscribers')
      const all = await publishedTo(channel, readers, () => (app.streams[2]?.bufferedAmount ?? 0) > 0)
      // What it has not taken stays in the channel.
      expect(app.streams[2]?.bufferedAmount).toBeLessThan(500_000)
      late.read()
      const [{ text: whole }] = readers
      await late.until(({ length }) => length === whole.length)
      for (const { text } of [...readers, late]) expect(dataIn(text)).toEqual(all)
      expect(app.streams.map(({ closed }) => closed)).toEqual([false, false, false])
    })

    holds('C7 B3 cut a reader that takes nothing, and no other', async (start) => {
      const channel = createChannel()
      const app = await serve(start, channel, undefined, { stallTimeout: 300 })
      const readers = [await joined(app), await joined(app)]
      const deaf = await ask(app, { reads: false })
      await eventually(() => channel.subscribers === 3, 'the subscribers')
      const all = await publishedTo(channel, readers, () => app.streams[2]?.closed === true)
      expect(await reasonOf(app.streams[2])).toBe('stalled')
      expect(channel.subscribers).toBe(2)
      for (const { text } of readers) expect(dataIn(text)).toEqual(all)
      deaf.leave()
    })

    holds('C2 go on exactly where a client broke off, wherever that was', async (start) => {
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
          // In the middle of a message, mostly: what came of it is not taken.
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
      for (const had of await Promise.all(readers)) expect(had).toEqual(all)
    })

    holds('C3 C4 say first what may be gone, and where a client stands', async (start) => {
      const channel = createChannel({ history: { messages: 5 } })
      const ids = await Promise.all(numbers(10).map((number) => channel.publish(number)))
      const app = await serve(start, channel)
      const fresh = await joined(app)
      expect(blocksIn(fresh.text).at(-1)).toEqual({ event: undefined, data: undefined, id: ids[9] })
      for (const [reason, lastEventId] of [
        ['trimmed', ids[2]],
        ['unknown', 'of another log'],
      ] as const) {
        const client = await ask(app, after(lastEventId as string))
        const text = await client.until('data: 10\n')
        expect(messagesIn(text).map(({ event, data }) => event ?? data)).toEqual(['reset', '6', '7', '8', '9', '10'])
        expect(JSON.parse(messagesIn(text)[0]?.data ?? '')).toEqual({ reason, lastEventId })
      }
      const exact = await ask(app, after(ids[7] as string))
      expect(dataIn(await exact.until('data: 10\n'))).toEqual(['9', '10'])
    })

    holds('C5 join the present state and what follows it', async (start) => {
      const channel = createChannel()
      let state = 0
      const publish = (): unknown => channel.publish(`${++state}`)
      for (let times = 0; times < 5; times++) publish()
      const app = await serve(start, channel, () => ({ snapshot: () => ({ event: 'state', data: `${state}` }) }))
      const client = await joined(app)
      publish()
      publish()
      await client.until('data: 7\n')
      expect(messagesIn(client.text).map(({ event = '', data }) => `${event} ${data}`)).toEqual(['state 5', ' 6', ' 7'])
      const back = await ask(app, after(messagesIn(client.text).at(-2)?.id ?? ''))
      expect(dataIn(await back.until('data: 7\n'))).toEqual(['7'])
    })

    holds('C7 end the stream of a filter that throws, and no other', async (start) => {
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
      expect(await reasonOf(app.streams[0])).toBe('error')
      expect([failures, app.streams[1]?.closed, dataIn(first.text)]).toEqual([['filter'], false, []])
    })

    holds('C9 give a reader that is behind the newest of each key', async (start) => {
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
      expect(had.length).toBeLessThan(1_500)
      expect(had).toEqual([...had].sort((a, b) => a - b))
      expect(had.slice(-10)).toEqual(Array.from({ length: 10 }, (_, index) => 1_491 + index))
    })

    holds('C11 keep the ids of a stream that they feed', async (start) => {
      const channel = createChannel()
      const app = await serve(start, channel)
      const client = await joined(app)
      const [stream] = app.streams
      expect(codeOf(() => stream?.send({ id: '1', data: '' }))).toBe('ERR_SSE_ID_OWNED')
      expect(codeOf(() => stream && createChannel().subscribe(stream))).toBe('ERR_SSE_ID_OWNED')
      expect(await stream?.send('of its own')).toBe(true)
      await channel.publish('shared')
      await client.until('data: shared\n')
      expect(dataIn(client.text)).toEqual(['of its own', 'shared'])
    })
  })
}
