import { deepEqual, equal } from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'
import { createChannel, type EventStream } from '@tidings/core'
import { type Ask, ask, type Client, eventually } from '../client.ts'
import { collectGarbage } from '../garbage.ts'
import type { RunningApp } from '../running-app.ts'
import { reasonOf } from './reason-of.ts'
import { sentence } from './sentence.ts'
import type { AdapterSentence, Start } from './world.ts'

/** As a tracer's span, or what `contextStorage()` keeps: one for each request. */
const requests = new AsyncLocalStorage<{ name: string }>()
const nameHere = (): string => requests.getStore()?.name ?? 'none'

/** An app whose requests have a context each, `'request 1'` and so on. */
async function withContexts(start: Start, run: (stream: EventStream) => unknown, options = {}): Promise<RunningApp> {
  let count = 0
  return start({ options, run, route: { around: (handler) => requests.run({ name: `request ${++count}` }, handler) } })
}

/** Where each callback of a stream runs that ends: in turn the callback, `onClose` and a listener of `signal`. */
async function contextsAtEnd(start: Start, end: (clients: Client[], streams: EventStream[]) => unknown, options = {}, asked: Ask = {}): Promise<void> {
  const ran: string[][] = []
  const app = await withContexts(
    start,
    async (stream) => {
      const names = [nameHere()]
      ran.push(names)
      await turn()
      stream.onClose(() => names.push(`onClose in ${nameHere()}`))
      stream.signal.addEventListener('abort', () => names.push(`abort in ${nameHere()}`))
    },
    options,
  )
  const clients = [await ask(app, asked), await ask(app, asked)]
  await eventually(() => app.streams.length === 2, 'both streams')
  await turn()
  await turn()
  await end(clients, app.streams)
  await Promise.all(app.streams.map(reasonOf))
  const expected = ['request 1', 'request 2'].map((name) => [name, `abort in ${name}`, `onClose in ${name}`])
  deepEqual(ran, expected)
}

/** H13. */
export const asyncContext: AdapterSentence = sentence(
  'H13',
  'These MUST run in the async context (`AsyncLocalStorage`) in which they were given, on every transport: the callback of a stream ' +
    '(Hono, fetch), `onClose` callbacks, listeners of `signal`, snapshots and filters. A shared timer MUST NOT keep the context of ' +
    'the request that started it, or run anything in it.',
  'Tidings',
  {
    // Runs the callback, and the functions that it registers, in its own context, also when others end the stream.
    'peer-leaves': ({ start }) => contextsAtEnd(start, (clients) => clients.map((client) => client.leave())),
    close: ({ start }) => contextsAtEnd(start, (_, streams) => streams.map((stream) => stream.close())),
    'max-duration': ({ start }) => contextsAtEnd(start, () => {}, { maxDuration: 100 }),
    shutdown: ({ start }) => {
      const shutdown = new AbortController()
      return contextsAtEnd(start, () => requests.run({ name: 'the shutdown' }, () => shutdown.abort()), { signal: shutdown.signal })
    },
    stalled: ({ start }) =>
      contextsAtEnd(start, (_, streams) => streams.map((stream) => stream.send('x'.repeat(20_000_000))), { stallTimeout: 200 }, { reads: false }),
    // Runs a filter and a snapshot in the context of their subscription, for live messages and for a replay.
    'filter-and-snapshot': async ({ start }) => {
      const channel = createChannel<{ message: string }>()
      const ran = new Set<string>()
      const app = await withContexts(start, (stream) => {
        channel.subscribe(stream, {
          filter: ({ data }) => Boolean(ran.add(`${data}: filter in ${nameHere()}`)),
          snapshot: async () => {
            ran.add(`snapshot in ${nameHere()}`)
            await turn()
            ran.add(`snapshot goes on in ${nameHere()}`)
            return []
          },
        })
      })
      await channel.publish('before')
      const clients = [await ask(app), await ask(app)]
      await eventually(() => ran.size === 4, 'the snapshots')
      const late = await requests.run({ name: 'a publisher' }, () => channel.publish('late'))
      for (const client of clients) await client.until('data: late')
      await requests.run({ name: 'a publisher' }, () => channel.publish('last'))
      for (const client of clients) await client.until('data: last')
      await ask(app, { headers: { 'last-event-id': late } }).then((client) => client.until('data: last'))
      const snapshots = ['request 1', 'request 2'].flatMap((name) => [`snapshot in ${name}`, `snapshot goes on in ${name}`])
      const live = ['request 1', 'request 2'].flatMap((name) => [`late: filter in ${name}`, `last: filter in ${name}`])
      deepEqual([...ran].sort(), [...snapshots, ...live, 'last: filter in request 3'].sort())
    },
    // Keeps nothing of a request whose stream has ended while others are open.
    'keeps-no-context': async ({ start }) => {
      const channel = createChannel<{ message: string }>()
      let context: WeakRef<object> | undefined
      const app = await start({
        forgets: true,
        route: {
          around: (handler) => {
            if (context) return handler()
            const store = { name: 'the first', bytes: new Uint8Array(1_000_000) }
            context = new WeakRef(store)
            return requests.run(store, handler)
          },
        },
        run: (stream) => {
          stream.onClose(() => {})
          void stream.signal
          channel.subscribe(stream, { filter: () => true, snapshot: () => [] })
          if (nameHere() === 'the first') channel.publish('from the first')
        },
      })
      const first = await ask(app)
      await first.until('data: from the first')
      const other = await ask(app)
      await eventually(() => channel.subscribers === 2, 'both subscribers')
      first.leave()
      await eventually(() => channel.subscribers === 1, 'the leaving')
      await channel.publish('still here')
      await other.until('data: still here')
      const holds = async (): Promise<boolean> => {
        await collectGarbage()
        return context?.deref() !== undefined
      }
      // The platform releases its own references in later turns.
      for (let tries = 0; tries < 50 && (await holds()); tries++) await delay(20)
      equal(await holds(), false)
    },
  },
)
