import { deepEqual, equal, ok } from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import type { Http2ServerResponse } from 'node:http2'
import { createConnection } from 'node:net'
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'
import type { EventStream, TidingsError } from '@tidings/core'
import { ask, askAndLeave, type Client, eventually, within } from '../client.ts'
import { countOf } from '../count-of.ts'
import { livingHeap } from '../garbage.ts'
import { connectHttp2Peer, type Http2Peer } from '../http2-peer.ts'
import type { AppOptions, RunningApp } from '../running-app.ts'
import { captureStderr } from '../stderr.ts'
import { matches } from './matches.ts'
import { reasonOf } from './reason-of.ts'
import { sentence } from './sentence.ts'
import { OPENING } from './wire.ts'
import type { AdapterSentence, Start } from './world.ts'

// Bytes that may be left after all opens and closes.
const MOST_LEFT = 2_000_000

/** Why an HTTP/2 stream is reset (RFC 9113 7). */
const HTTP2_CODES = {
  NO_ERROR: 0,
  PROTOCOL_ERROR: 1,
  INTERNAL_ERROR: 2,
  FLOW_CONTROL_ERROR: 3,
  SETTINGS_TIMEOUT: 4,
  STREAM_CLOSED: 5,
  FRAME_SIZE_ERROR: 6,
  REFUSED_STREAM: 7,
  CANCEL: 8,
  COMPRESSION_ERROR: 9,
  CONNECT_ERROR: 10,
  ENHANCE_YOUR_CALM: 11,
  INADEQUATE_SECURITY: 12,
  HTTP_1_1_REQUIRED: 13,
}

/** An open stream with its client. */
async function opened(app: RunningApp, asked = {}): Promise<{ stream: EventStream; client: Client }> {
  const next = app.nextStream()
  const client = await ask(app, asked)
  const stream = await within(next, 'the stream')
  await client.until((text) => text.length > 0)
  return { stream, client }
}

async function seesPeerGo(way: 'leave' | 'reset', start: Start): Promise<void> {
  await seesGoing(start, {}, async (app) => {
    const { client } = await opened(app)
    return () => client[way]()
  })
}

/** @param come opens the one stream of the app, and gives what makes its peer go */
async function seesGoing(start: Start, { route = {} }: Pick<AppOptions, 'route'>, come: (app: RunningApp) => Promise<() => void>): Promise<void> {
  const stderr = captureStderr()
  try {
    const app = await start({ options: { heartbeat: false }, route })
    const go = await come(app)
    const [stream] = app.streams as [EventStream]
    const reasons: TidingsError[] = []
    let aborts = 0
    stream.onClose((error) => reasons.push(error))
    stream.signal.addEventListener('abort', () => aborts++)
    const reason = reasonOf(stream)
    go()
    equal(await reason, 'peer')
    // Other effects of the leaving come in later turns.
    await delay(50)
    matches(reasons, [{ name: 'AbortError', code: 'ERR_SSE_CLOSED', reason: 'peer' }])
    equal(aborts, 1)
    equal(stream.signal.reason, reasons[0])
    equal(await stream.send('late'), false)
    deepEqual(app.frameworkErrors, [])
    deepEqual(app.errors, [])
  } finally {
    stderr.giveBack()
  }
  deepEqual(stderr.written, [])
}

/** What libraries fail with once a signal that they were given is aborted. */
const abortErrors: Readonly<Record<string, (reason: unknown) => unknown>> = {
  'reason itself': (reason) => reason,
  'reason as its cause': (reason) => Object.assign(new Error('The operation was aborted', { cause: reason }), { name: 'AbortError', code: 'ABORT_ERR' }),
  'cause of its cause': (reason) => new Error('no answer', { cause: new TypeError('fetch failed', { cause: reason }) }),
  'one of several': (reason) => new AggregateError([new Error('first try'), reason]),
  DOMException: () => new DOMException('This operation was aborted', 'AbortError'),
  openai: () => new (class APIUserAbortError extends Error {})('Request was aborted.'),
  'openai, minified': () => new (class e extends Error {})('Request was aborted.'),
  axios: () => Object.assign(new Error('canceled'), { name: 'CanceledError', code: 'ERR_CANCELED' }),
  got: () => Object.assign(new Error('This operation was aborted.'), { name: 'AbortError', code: 'ERR_ABORTED' }),
  superagent: () => Object.assign(new Error('Aborted'), { code: 'ABORTED' }),
  grpc: () => Object.assign(new Error('1 CANCELLED: Cancelled on client'), { code: 1 }),
  'node:http': () => Object.assign(new Error('aborted'), { code: 'ECONNRESET' }),
}

/** What is a failure of its own, also when the peer has left. */
const otherErrors: Readonly<Record<string, () => unknown>> = {
  bug: () => new TypeError("Cannot read properties of undefined (reading 'abort')"),
  database: () => Object.assign(new Error('could not store the answer: the connection was refused'), { code: 'ECONNREFUSED' }),
  timeout: () => new DOMException('The operation was aborted due to timeout', 'TimeoutError'),
  'timeout of axios': () => Object.assign(new Error('timeout of 1000ms exceeded'), { name: 'AxiosError', code: 'ECONNABORTED' }),
  'wrapped failure': () => new Error('Could not cancel the order', { cause: new Error('no such order') }),
}

/** All that is told of a handler that fails because of its stream's end, or at least after it. */
async function toldAfterEnd(start: Start, make: (reason: unknown) => unknown, end: (client: Client, stream: EventStream) => void): Promise<unknown[]> {
  let thrown!: () => void
  const hasThrown = new Promise<void>((resolve) => {
    thrown = resolve
  })
  const app = await start({
    run: async (stream) => {
      await new Promise((resolve) => stream.signal.addEventListener('abort', resolve))
      thrown()
      throw make(stream.signal.reason)
    },
  })
  const { stream, client } = await opened(app)
  end(client, stream)
  await within(hasThrown, 'the abort')
  // Frameworks report errors in later turns.
  await delay(30)
  return [...app.frameworkErrors, ...app.errors]
}

/** What a stream over HTTP/2 may be doing while its peer goes. */
const BUSY_WITH = ['nothing', 'messages', 'bytes that wait', 'a body that does not end'] as const

/** Sees the peer of an HTTP/2 stream go, whatever the stream does. */
async function seesHttp2PeerGo(start: Start, go: (peer: Http2Peer, app: RunningApp) => void): Promise<void> {
  for (const doing of BUSY_WITH) {
    const withBody = doing === 'a body that does not end'
    await seesGoing(start, withBody ? { route: { method: 'POST' } } : {}, async (app) => {
      const peer = connectHttp2Peer(app.port)
      await peer.ask(1, withBody ? 'POST' : 'GET')
      const [stream] = app.streams as [EventStream]
      if (doing === 'messages') {
        const timer = setInterval(() => stream.send('x'), 1)
        stream.onClose(() => clearInterval(timer))
      } else if (doing !== 'nothing') {
        // More bytes than the peer's window allows.
        for (let count = 0; count < 100; count++) stream.send('x'.repeat(1_000))
        await eventually(() => peer.received(1) === 65_535, 'all that the peer takes')
      }
      return () => go(peer, app)
    })
  }
}

/** L: lifetime. */
export const lifetime: readonly AdapterSentence[] = [
  sentence(
    'L1',
    'The stream MUST stay open until `close()`, until the peer leaves, or until a limit or shutdown. It MUST NOT end because the ' + 'handler returned.',
    'WHATWG HTML 9.2',
    {
      // Stays open when the handler returns.
      'handler-returns': async ({ start }) => {
        const app = await start({ options: { heartbeat: 50 } })
        const { stream, client } = await opened(app)
        await client.until((text) => text.split(':\n\n').length > 4)
        equal(stream.closed, false)
        equal(await stream.send('still'), true)
        await client.until('data: still\n\n')
      },
      // Ends a stream at its maxDuration.
      'max-duration': async ({ start }) => {
        const app = await start({ options: { maxDuration: 200 } })
        const { stream, client } = await opened(app)
        equal(await within(client.ended, 'the end'), OPENING)
        equal(await reasonOf(stream), 'expired')
      },
    },
  ),
  sentence(
    'L2',
    'The stream MUST see that its peer has left, at once where the transport tells it, also while it is idle. A peer leaves by FIN, ' +
      'by RST, by a reset of HTTP/2 with any code (also NO_ERROR), or by an aborted fetch. `onClose` and `signal` fire exactly once. ' +
      'Nothing is logged as an error: Koa emits no `error` event, no rejection is unhandled, and stderr has no `ECONNRESET`. The same ' +
      'holds while messages are written. It also holds where the handler then fails because of `signal`: the OpenAI SDK and axios throw ' +
      'errors of their own, without a cause.',
    'RFC 9113 6.4, RFC 9293 3.6',
    {
      leave: ({ start }) => seesPeerGo('leave', start),
      reset: ({ start }) => seesPeerGo('reset', start),
      // Reports no error of a call that was aborted by `signal`, for the error types of many libraries.
      aborts: async ({ start }) => {
        for (const [name, make] of Object.entries(abortErrors)) {
          deepEqual([name, await toldAfterEnd(start, make, (client) => client.leave())], [name, []])
          deepEqual([name, await toldAfterEnd(start, make, (_client, stream) => stream.close())], [name, []])
        }
      },
      // Reports other failures after the end.
      'failures-after-the-end': async ({ start }) => {
        for (const [name, make] of Object.entries(otherErrors)) {
          const told = await toldAfterEnd(start, make, (client) => client.leave())
          ok(told.length > 0, `${name} was not told`)
        }
      },
      // Sees a peer leave that resets its stream with any code, in any state of the stream.
      'http2-reset': {
        when: ({ protocol }) => protocol === 'HTTP/2',
        each: () => Object.keys(HTTP2_CODES),
        proof: ({ start }, name) => seesHttp2PeerGo(start, (peer) => peer.reset(1, HTTP2_CODES[name as keyof typeof HTTP2_CODES])),
      },
      // Releases a stream that was closed while bytes wait when its peer resets it.
      'http2-closed': {
        when: ({ protocol }) => protocol === 'HTTP/2',
        each: () => ['NO_ERROR', 'CANCEL'],
        proof: async ({ start }, name) => {
          const app = await start({ options: { heartbeat: false } })
          const next = app.nextStream()
          const peer = connectHttp2Peer(app.port, 0)
          await peer.ask(1)
          const stream = await within(next, 'the stream')
          const gone = new Promise((resolve) => app.exchanges[0]?.res.on('close', resolve))
          await stream.send('few bytes, which the peer does not take')
          stream.close()
          peer.reset(1, HTTP2_CODES[name as keyof typeof HTTP2_CODES])
          await within(gone, 'the end of the response')
        },
      },
      // Sees a peer leave whose connection either side ends.
      'http2-connection': {
        when: ({ protocol }) => protocol === 'HTTP/2',
        each: () => ['goes away', 'is cut', 'is destroyed'],
        proof: ({ start }, way) =>
          seesHttp2PeerGo(start, (peer, { exchanges }) => {
            if (way === 'goes away') peer.goAway(HTTP2_CODES.PROTOCOL_ERROR)
            else if (way === 'is cut') peer.cut()
            else (exchanges[0]?.res as unknown as Http2ServerResponse | undefined)?.stream.session?.destroy()
          }),
      },
      // Sees a peer leave that has many streams on one connection. Node warns of no listeners.
      pipelined: {
        when: ({ protocol }) => protocol === 'HTTP/1.1',
        proof: async ({ start }) => {
          const warnings: string[] = []
          const note = ({ name }: Error): unknown => warnings.push(name)
          process.on('warning', note)
          // Each sends more than the buffer of its response holds.
          const app = await start({ run: (stream) => void stream.send('x'.repeat(100_000)) })
          const asked = 24
          const first = app.nextStream()
          const socket = createConnection({ host: '127.0.0.1', port: app.port })
          socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(asked))
          socket.resume()
          await within(first, 'the first stream')
          await eventually(() => app.exchanges.length === asked, 'the last request')
          await turn()
          equal(
            app.streams.every((stream) => !stream.closed),
            true,
          )
          const reasons = app.streams.map(reasonOf)
          socket.destroy()
          deepEqual(new Set(await within(Promise.all(reasons), 'the end of all streams')), new Set(['peer']))
          await turn()
          process.off('warning', note)
          deepEqual(warnings, [])
        },
      },
    },
  ),
  sentence('L3', 'A peer that left before `res.sse()` (for example during slow authentication) MUST give a closed stream.', 'Tidings', {
    // Gives a closed stream to a peer that left before.
    'left-before': async ({ start, adapter, protocol }) => {
      let arrive!: () => void
      const arrived = new Promise<void>((resolve) => {
        arrive = resolve
      })
      const app = await start({
        route: {
          before: async () => {
            const { req, res } = app.exchanges[0] ?? {}
            const left = new Promise((resolve) => (protocol === 'HTTP/2' ? res : req?.socket)?.on('close', resolve))
            arrive()
            await within(left, 'the leaving')
            await turn()
          },
        },
      })
      const next = app.nextStream()
      await askAndLeave(app, {}, arrived)
      if (adapter.returnsResponses) {
        // The platform may drop the response; then no stream was opened.
        await delay(100)
        for (const stream of app.streams) equal(stream.closed, true)
        return
      }
      const stream = await within(next, 'the stream')
      equal(stream.closed, true)
      equal(stream.signal.aborted, true)
      equal(await reasonOf(stream), 'peer')
      equal(await stream.send('x'), false)
    },
  }),
  sentence(
    'L4',
    'There MUST be one listener for each shutdown `signal`, for any number of streams. After the end of a stream no timer, listener, ' +
      'subscriber or reference remains. After 10,000 streams the counts are 0 and the heap has not grown.',
    'Tidings',
    {
      // Adds one listener to the signal, however many streams, and takes it away with the last.
      'one-listener': async ({ start }) => {
        const shutdown = new AbortController()
        const listeners = (): number => getEventListeners(shutdown.signal, 'abort').length
        const app = await start({ options: { signal: shutdown.signal } })
        const all = []
        for (let count = 0; count < 20; count++) all.push(await opened(app))
        equal(listeners(), 1)
        for (const { stream, client } of all) {
          stream.close()
          await within(client.closed, 'the end')
        }
        equal(listeners(), 0)
      },
      // Leaves no listener on the request and the response of a stream that has ended.
      'listeners-of-the-response': async ({ start }) => {
        const app = await start({})
        const counts = (): number[] => {
          const { req, res } = app.exchanges.at(-1) ?? {}
          return [...(['close', 'drain', 'finish', 'error'] as const).map((name) => res?.listenerCount(name) ?? 0), req?.listenerCount('close') ?? 0]
        }
        // The framework's own listeners do not count. They show on a HEAD request, which opens no stream.
        await (await ask(app, { method: 'HEAD' })).closed
        await turn()
        const bare = counts()
        const { stream, client } = await opened(app)
        stream.close()
        await within(client.closed, 'the end')
        await turn()
        deepEqual(counts(), bare)
      },
      // Leaves nothing behind after thousands of opens and closes.
      'counts-and-heap': {
        isLong: true,
        proof: async ({ protocol, start }) => {
          const all = protocol === 'HTTP/1.1' ? 10_000 : 2_000
          const cycles = countOf(all)
          // The platform's own part is as large for a tenth. A leaked stream would take thousands of bytes.
          const mostLeft = cycles === all ? MOST_LEFT : MOST_LEFT / 4
          const shutdown = new AbortController()
          let open = 0
          let total = 0
          const app = await start({
            forgets: true,
            options: { signal: shutdown.signal, heartbeat: 10_000 },
            run: (stream) => {
              open++
              total++
              stream.onClose(() => open--)
            },
          })
          const ways = [async () => (await ask(app)).leave(), async () => (await ask(app)).reset(), () => askAndLeave(app, {}, turn())]
          const cycle = async (count: number): Promise<void> => {
            let begun = 0
            const worker = async (): Promise<void> => {
              while (begun < count) await ways[begun++ % ways.length]?.()
            }
            await Promise.all(Array.from({ length: 16 }, worker))
            await eventually(() => open === 0, 'the end of all streams')
          }
          await cycle(Math.min(cycles, 500))
          // A leak would grow each time. The heap itself grows only until the platform's code has what it needs.
          let growth = Number.POSITIVE_INFINITY
          for (let time = 0; time < 3 && growth >= mostLeft; time++) {
            const before = await livingHeap()
            await cycle(cycles)
            growth = (await livingHeap()) - before
            equal(open, 0)
          }
          // A client that leaves before the head may be gone before its stream opens.
          ok(total > (cycles * 2) / 3, `${total}`)
          equal(getEventListeners(shutdown.signal, 'abort').length, 0)
          ok(growth < mostLeft, `${growth} bytes more`)
        },
      },
    },
  ),
  sentence(
    'L5',
    'A heartbeat is a comment. It MUST be sent between 1 and 1.25 times `heartbeat` ms after the last write, and not while messages ' +
      'flow. All streams share one timer, which does not keep the process alive.',
    'WHATWG HTML 9.2.7',
    {
      // Sends a comment when the stream was idle for the interval, and none while messages flow. One timer serves all.
      'when-idle': async ({ start }) => {
        const heartbeat = 400
        const app = await start({ options: { heartbeat } })
        const busy = await opened(app)
        const beat = OPENING
        // A comment is right where the whole process was held for longer than the interval.
        let quiet = 0
        let lastBegan = performance.now()
        for (let count = 0; count < 12; count++) {
          const began = performance.now()
          await busy.stream.send('x')
          quiet += Math.floor((performance.now() - lastBegan) / heartbeat)
          lastBegan = began
          await delay(heartbeat / 4)
        }
        const text = await busy.client.until((read) => read.split('data: x').length > 12)
        equal(text.replaceAll(beat, ''), 'data: x\n\n'.repeat(12))
        const beats = text.split(beat).length - 2
        ok(beats <= quiet, `${beats} comments in ${quiet} quiet times`)
        const sentAt = performance.now()
        await busy.stream.send('last')
        // A busy machine is late with all of its timers, and runs them in order.
        const after = delay(heartbeat * 1.25).then(() => busy.stream.send('after'))
        await busy.client.until((read) => /data: last\n\n./s.test(read))
        const took = performance.now() - sentAt
        await after
        const end = (await busy.client.until('data: after\n\n')).split('data: last\n\n')[1]
        equal(end, `${beat}data: after\n\n`)
        ok(took >= heartbeat - 1, `${took} ms`)

        const { setTimeout: original } = globalThis
        const began = performance.now()
        let set = 0
        globalThis.setTimeout = ((...timer: Parameters<typeof original>) => {
          if (timer[1] !== undefined && timer[1] > heartbeat / 2) set++
          return original(...timer)
        }) as never
        try {
          await Promise.all(Array.from({ length: 20 }, () => opened(app)))
          // The one timer is set anew each time that it has fired.
          const most = 5 + (performance.now() - began) / (heartbeat / 2)
          ok(set < most, `${set}`)
        } finally {
          globalThis.setTimeout = original
        }
      },
      // Sends a named heartbeat that a page can see.
      named: async ({ start }) => {
        const app = await start({ options: { heartbeat: { interval: 100, event: 'ping' } } })
        const { client } = await opened(app)
        await client.until(`${OPENING}event: ping\ndata: \n\nevent: ping\ndata: \n\n`)
      },
    },
  ),
  sentence(
    'L6',
    'When the option `signal` is aborted, every stream MUST get `retry` and a clean end. `retry` is between 1 and 2 times the option ' +
      '(or 3 s), so that clients reconnect at different times. A stream that opens later MUST end at once in the same way. The process ' +
      'can exit.',
    'WHATWG HTML 9.2.3',
    {
      // Ends all streams cleanly when the signal is aborted, and those that open after it.
      'open-and-late': async ({ start }) => {
        const shutdown = new AbortController()
        const app = await start({ options: { signal: shutdown.signal, retry: 1_000 } })
        const before = [await opened(app, { keepAlive: true }), await opened(app, { keepAlive: true })]
        await before[0]?.stream.send('last words')
        shutdown.abort()
        const texts = await Promise.all(before.map(({ client }) => within(client.ended, 'the end')))
        const late = await ask(app, { keepAlive: true })
        texts.push(await within(late.ended, 'the end of a late stream'))
        const retries = texts.map((text) => Number(/^retry: 1000\n\n(?:data: last words\n\n)?retry: (\d+)\n\n$/.exec(text)?.[1]))
        for (const retry of retries) {
          ok(retry >= 1_000, `${retry}`)
          ok(retry <= 2_000, `${retry}`)
        }
        for (const stream of app.streams) equal(await reasonOf(stream), 'shutdown')
        // A connection that is kept for another request would keep the process alive.
        await within(new Promise((resolve) => app.server.close(resolve)), 'the close of the server')
      },
    },
  ),
  sentence(
    'L7',
    "An error that is thrown before the head MUST reach the framework's own error handling. After the head the connection MUST end. " +
      'Express tells its error handlers, and its default handler destroys the connection (an error handler of the app that does nothing ' +
      "leaves the stream open, which is documented). In Koa the middleware ends the stream as `'error'`, tells `onError`, and rethrows " +
      "to `app.on('error')`. In Hono an error of the callback ends the stream and reaches `onError`. Tidings MUST NOT write the message " +
      'of the error to the peer.',
    'Tidings',
    {
      // Leaves errors before the head to the framework.
      'before-the-head': async ({ start }) => {
        const app = await start({
          route: {
            before: () => {
              throw new Error('secret before')
            },
          },
        })
        equal((await ask(app)).status, 500)
        matches(app.frameworkErrors, [{ message: 'secret before' }])
        deepEqual(app.streams, [])
      },
      // Ends the connection when the handler throws after the head, and does not tell the peer why.
      'after-the-head': async ({ start, adapter }) => {
        let fail!: () => void
        const isOut = new Promise<void>((resolve) => {
          fail = resolve
        })
        const app = await start({
          run: async (stream) => {
            await stream.send('sent')
            await isOut
            throw new Error('secret after')
          },
        })
        const client = await ask(app)
        fail()
        await within(client.closed, 'the end of the connection')
        ok(!client.text.includes('secret'), client.text)
        const [stream] = app.streams
        const reason = await reasonOf(stream)
        const told = { message: 'secret after' }
        if (adapter.handlerErrors === 'onError') deepEqual(app.frameworkErrors, [])
        else matches(app.frameworkErrors, [told])
        if (adapter.handlerErrors === 'framework') {
          deepEqual(app.errors, [])
          // The framework destroys the connection.
          equal(reason, 'peer')
        } else {
          matches(app.errors, [{ error: told, stage: 'handler' }])
          equal(reason, 'error')
        }
      },
    },
  ),
  sentence('L8', 'An `onClose` callback that throws MUST NOT stop the others.', 'Tidings', {
    // Runs every onClose callback, also when one throws.
    'one-throws': async ({ start }) => {
      const app = await start({})
      const { stream, client } = await opened(app)
      const called: string[] = []
      stream.onClose(() => {
        called.push('first')
        throw new Error('mine')
      })
      const takeBack = stream.onClose(() => called.push('taken back'))
      stream.onClose(() => called.push('last'))
      takeBack()
      stream.close()
      stream.close()
      deepEqual(called, ['first', 'last'])
      matches(app.errors, [{ error: { message: 'mine' }, stage: 'onClose' }])
      stream.onClose(({ reason }) => called.push(`late: ${reason}`))
      deepEqual(called, ['first', 'last', 'late: local'])
      equal(await within(client.ended, 'the end'), OPENING)
    },
  }),
  sentence(
    'L9',
    'A test framework may fake the timers while a stream is open, and restore them. This MUST NOT change the timers of later streams.',
    'Tidings',
    {
      // A stream that opens after the fakes were removed has its heartbeats, also when a faked timer never fires.
      'faked-and-restored': async ({ start }) => {
        const app = await start({ options: { heartbeat: 50 } })
        const { setTimeout: real } = globalThis
        globalThis.setTimeout = (() => ({ ref() {}, unref() {}, [Symbol.toPrimitive]: () => 1 })) as never
        try {
          await opened(app)
        } finally {
          globalThis.setTimeout = real
        }
        const { client } = await opened(app)
        await client.until((text) => text.split(':\n\n').length > 3)
      },
    },
  ),
]
