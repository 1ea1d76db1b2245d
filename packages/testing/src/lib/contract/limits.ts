import { deepEqual, equal, ok } from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { metrics } from '@tidings/core'
import { ask, eventually, within } from '../client.ts'
import { matches } from './matches.ts'
import { reasonOf } from './reason-of.ts'
import { sentence } from './sentence.ts'
import type { AdapterSentence } from './world.ts'

/** The `retry` of a stream that says nothing else. */
const ONLY_RETRY = /^retry: (\d+)\n\n$/

/** The streams that earlier proofs have left open, once that number is at rest: a platform may not notice each end. */
async function leftOpen(): Promise<number> {
  for (;;) {
    const { open } = metrics().streams
    await delay(100)
    if (metrics().streams.open === open) return open
  }
}

/** The sentences of L on streams that may not open, or may not stay open. */
export const limits: readonly AdapterSentence[] = [
  sentence(
    'L10',
    'With `revalidate`, `check(signal)` MUST run again within 1 to 1.2 times `every`, one at a time, and not after the end. `false` MUST ' +
      "end the stream as `'revoked'` at once. A throw, or no answer within `min(every, 10 s)`, MUST be told to `onError` and tried again " +
      'with back-off. It MUST end the stream once `failClosed` has passed since the last `true`.',
    'Tidings',
    {
      // Asks until the answer is false, in the context of the route, and then no more.
      'asks-until-false': async ({ start }) => {
        const requests = new AsyncLocalStorage<string>()
        const contexts: Array<string | undefined> = []
        let running = 0
        let most = 0
        const app = await start({
          route: {
            around: (handler) => requests.run('this request', handler),
            callOptions: {
              revalidate: {
                every: 20,
                check: async () => {
                  contexts.push(requests.getStore())
                  most = Math.max(most, ++running)
                  await delay(5)
                  running--
                  return contexts.length < 4
                },
              },
            },
          },
        })
        const next = app.nextStream()
        const client = await ask(app)
        const stream = await within(next, 'the stream')
        equal(await reasonOf(stream), 'revoked')
        await within(client.ended, 'a clean end')
        await delay(100)
        deepEqual([contexts, most], [Array(4).fill('this request'), 1])
        deepEqual([app.errors, app.frameworkErrors], [[], []])
      },
      // Tells a check that fails, tries again, and ends the stream after `failClosed`.
      'fails-closed': async ({ start }) => {
        let asked = 0
        const check = (): boolean => {
          asked++
          if (asked === 1) return true
          throw new Error('the database is away')
        }
        const app = await start({ options: { revalidate: { every: 20, check, failClosed: 200 } } })
        const next = app.nextStream()
        const client = await ask(app)
        const stream = await within(next, 'the stream')
        equal(await reasonOf(stream), 'revoked')
        const text = await within(client.ended, 'a clean end')
        ok(/retry: \d+\n\n$/.test(text), text)
        ok(asked >= 2, `${asked}`)
        equal(app.errors.length, asked - 1)
        matches(app.errors[0], { stage: 'revalidate', error: { message: 'the database is away' } })
      },
      // Asks no more once the peer has left, and aborts the check that runs.
      'peer-leaves': async ({ start }) => {
        const signals: AbortSignal[] = []
        const app = await start({
          options: {
            revalidate: {
              every: 20,
              check: (signal) =>
                new Promise((_, reject) => {
                  signals.push(signal)
                  signal.addEventListener('abort', () => reject(signal.reason))
                }),
            },
          },
        })
        const next = app.nextStream()
        const client = await ask(app)
        const stream = await within(next, 'the stream')
        await eventually(() => signals.length > 0, 'a check')
        client.leave()
        equal(await reasonOf(stream), 'peer')
        ok(signals.every(({ aborted }) => aborted))
        const asked = signals.length
        await delay(100)
        equal(signals.length, asked)
        for (const { error } of app.errors) matches(error, { code: 'ERR_SSE_CHECK_TIMEOUT' })
      },
    },
  ),
  sentence(
    'L11',
    'With `maxStreams` streams open in the process, those of all `sse()` calls together, a further GET MUST get 200, a `retry` and a clean ' +
      "end, as `'refused'`. Refused clients MUST return at no more than 100 a second. Other methods MUST get 503 with `Retry-After`. " +
      'Nothing of a refused stream stays. With `maxStreams` set, every stream MUST tell its usual `retry`.',
    'Tidings',
    {
      // Refuses a further GET with a stream that ends, and takes one again once there is room.
      'further-get': async ({ start }) => {
        const left = await leftOpen()
        const { refused } = metrics().streams.closed
        const limit = { maxStreams: left + 2, retry: 700 }
        const other = await start({})
        const app = await start({ options: limit })
        const first = await ask(other)
        const second = await ask(app)
        await second.until('retry: 700\n\n')
        await eventually(() => metrics().streams.open === left + 2, 'both streams')

        const over = [await ask(app), await ask(app)]
        const retries: number[] = []
        for (const { status, headers, ended } of over) {
          const text = await within(ended, 'the end of a refused stream')
          deepEqual([status, headers['content-type']], [200, 'text/event-stream'])
          ok(ONLY_RETRY.test(text), text)
          retries.push(Number(ONLY_RETRY.exec(text)?.[1]))
        }
        ok(
          retries.every((retry) => retry > 700),
          `${retries}`,
        )
        for (const stream of app.streams.slice(1)) equal(await reasonOf(stream), 'refused')
        equal(metrics().streams.closed.refused, refused + 2)
        equal(metrics().streams.open, left + 2)

        first.leave()
        // A stream that ends frees its place.
        await eventually(() => metrics().streams.open === left + 1, 'the end of the first stream')
        const third = await ask(app)
        await third.until('retry: 700\n\n')
        for (const { leave } of [second, third]) leave()
        await eventually(() => metrics().streams.open === left, 'the end of all streams')
        deepEqual([app.errors, app.frameworkErrors, other.errors], [[], [], []])
      },
      // Refuses another method before its head, by the error handling of the framework.
      'other-methods': async ({ start }) => {
        const left = await leftOpen()
        const { refused } = metrics().streams.closed
        const app = await start({ options: { maxStreams: 0 }, route: { method: 'POST', readsBody: true } })
        const client = await ask(app, { method: 'POST', body: 'x' })
        await within(client.closed, 'the end of the response')
        equal(client.status, 503)
        ok(Number(client.headers['retry-after']) > 0, `${client.headers['retry-after']}`)
        ok(!client.text.includes('retry:'), client.text)
        for (const stream of app.streams) equal(await reasonOf(stream), 'refused')
        deepEqual([metrics().streams.open, metrics().streams.closed.refused], [left, refused + 1])
      },
    },
  ),
]
