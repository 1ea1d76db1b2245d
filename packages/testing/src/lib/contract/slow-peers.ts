import { deepEqual, equal, ok } from 'node:assert/strict'
import { createConnection } from 'node:net'
import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { type CloseReason, createChannel, type EventStream, type StreamOptions } from '@tidings/core'
import { ask, type Client, eventually, within } from '../client.ts'
import { countOf } from '../count-of.ts'
import { collectGarbage } from '../garbage.ts'
import { connectHttp2Peer, type Http2Peer } from '../http2-peer.ts'
import type { RunningApp } from '../running-app.ts'
import { reasonOf } from './reason-of.ts'
import { sentence } from './sentence.ts'
import type { AdapterSentence, Start } from './world.ts'

const CHUNK = 'x'.repeat(65_536)
// Bytes.
const GRANTED = 65_535
const ALL_PUBLISHED = 200_000_000
const PUBLISHED = countOf(ALL_PUBLISHED)
const MOST_ON_ITS_WAY = 4_000_000
const MOST_GROWTH = 32 * 1024 * 1024 * (PUBLISHED / ALL_PUBLISHED)

/**
 * What the process holds. Its resident set moves by itself by more than a tenth of the limit; there the living
 * objects are counted.
 */
async function held(): Promise<number> {
  await collectGarbage()
  const { rss, heapUsed, external } = process.memoryUsage()
  return PUBLISHED === ALL_PUBLISHED ? rss : heapUsed + external
}

/** A stream whose peer does not read, and a send on it that waits. */
async function waiting(app: RunningApp): Promise<{ stream: EventStream; client: Client; sent: Promise<boolean> }> {
  const next = app.nextStream()
  const client = await ask(app, { reads: false })
  const stream = await within(next, 'the stream')
  return { stream, client, sent: (await sendUntilOneWaits(stream)).sent }
}

/** Sends to a peer that takes nothing until a send has to wait. */
async function sendUntilOneWaits(stream: EventStream): Promise<{ sent: Promise<boolean> }> {
  for (;;) {
    const sent = stream.send(CHUNK)
    // The kernel takes bytes at once, so only a peer that does not read makes a send wait this long. The wait has four
    // parts: a process that was held finds its timer due before it looks at its sockets.
    const waited = async (): Promise<boolean> => {
      for (let part = 0; part < 4; part++) await delay(25)
      return true
    }
    const waits = await Promise.race([sent.then(() => false), waited()])
    if (waits) return { sent }
    if (stream.closed) throw new EndedBeforeItWaited(await reasonOf(stream))
  }
}

/** A stream that ended before one of its sends had to wait. */
class EndedBeforeItWaited extends Error {
  readonly reason: CloseReason | undefined

  constructor(reason: CloseReason | undefined) {
    super(`the stream ended before a send had to wait: ${reason}`)
    this.reason = reason
  }
}

const MOST_DOUBLINGS = 5

/**
 * Runs a proof in an app with this `stallTimeout`. A busy machine may need longer than that until a send waits. Then
 * the proof has shown nothing, and begins anew in an app that allows twice the time.
 */
async function onceOneWaits(start: Start, options: StreamOptions & { stallTimeout: number }, proof: (app: RunningApp) => Promise<void>): Promise<void> {
  for (let doublings = 0; ; doublings++) {
    try {
      return await proof(await start({ options: { ...options, stallTimeout: options.stallTimeout * 2 ** doublings } }))
    } catch (error) {
      const isTooShort = error instanceof EndedBeforeItWaited && error.reason === 'stalled'
      if (!isTooShort || doublings === MOST_DOUBLINGS) throw error
    }
  }
}

/** A stream over HTTP/2 that has sent all that its peer granted, with more that waits. */
async function heldBack(app: RunningApp, window: number = GRANTED): Promise<{ stream: EventStream; peer: Http2Peer }> {
  const next = app.nextStream()
  const peer = connectHttp2Peer(app.port, window)
  await peer.ask(1)
  const stream = await within(next, 'the stream')
  await sendUntilOneWaits(stream)
  return { stream, peer }
}

/** What a peer may do that takes no bytes of its stream. */
const BUSY_PEERS: Readonly<Record<string, (peer: Http2Peer) => void>> = {
  PING: (peer) => peer.ping(),
  SETTINGS: (peer) => peer.settings(GRANTED),
  'WINDOW_UPDATE of the connection': (peer) => peer.grant(0, 1_000),
}

// No proof takes as long as this `stallTimeout`, however busy the machine is.
const patient = { stallTimeout: 3_600_000, maxBufferedBytes: 16 * 1024 * 1024, heartbeat: false } as const
const impatient = { ...patient, stallTimeout: 300 } as const

/** B: slow peers. */
export const slowPeers: readonly AdapterSentence[] = [
  sentence('B1', '`send` MUST wait while the peer is slow. It MUST settle on drain, on close, on an error and at a limit. No `send` hangs.', 'Tidings', {
    // Settles a waiting send when the peer reads again.
    'peer-reads-again': async ({ start }) => {
      const { client, sent, stream } = await waiting(await start({ options: patient }))
      ok(stream.bufferedAmount > 0, `${stream.bufferedAmount}`)
      client.read()
      equal(await within(sent, 'the send'), true)
    },
    // Settles a waiting send when the stream closes, and when the peer leaves.
    'closed-and-left': async ({ start }) => {
      const app = await start({ options: patient })
      const closing = await waiting(app)
      closing.stream.close()
      equal(await within(closing.sent, 'the send'), false)
      closing.client.leave()
      const leaving = await waiting(app)
      leaving.client.reset()
      equal(await within(leaving.sent, 'the send'), false)
      equal(await reasonOf(leaving.stream), 'peer')
    },
  }),
  sentence(
    'B2',
    'Messages that are sent without `await` MUST be bounded. A `send` while more than `maxBufferedBytes` wait closes the stream as ' +
      "`'slow'`. One message that is larger than the limit can still be delivered.",
    'Tidings',
    {
      // Ends a stream as slow when sends that nobody awaits pile up, and settles them.
      'pile-up': async ({ start }) => {
        const app = await start({ options: { ...patient, maxBufferedBytes: 500_000 } })
        const { stream, client, sent } = await waiting(app)
        let accepted = 0
        while (!stream.closed && accepted < 1_000) {
          stream.send(CHUNK)
          accepted++
        }
        ok(accepted < 20, `${accepted}`)
        equal(await reasonOf(stream), 'slow')
        equal(await within(sent, 'the send'), false)
        client.read()
        await within(client.closed, 'the end of the connection')
      },
      // Delivers one message that is larger than the limit.
      'one-large': async ({ start }) => {
        const app = await start({ options: { ...patient, maxBufferedBytes: 1_000 } })
        const next = app.nextStream()
        const client = await ask(app)
        const stream = await within(next, 'the stream')
        await client.until((text) => text.length > 0)
        const data = 'y'.repeat(3_000_000)
        equal(await within(stream.send(data), 'the send'), true)
        await client.until((text) => text.endsWith(`data: ${data}\n\n`))
        equal(await stream.send('after'), true)
      },
    },
  ),
  sentence('B3', "A peer that takes nothing for `stallTimeout` while bytes wait MUST be closed as `'stalled'`.", 'Tidings', {
    // Cuts a peer that takes nothing while bytes wait.
    'takes-nothing': async ({ start }) =>
      onceOneWaits(start, impatient, async (app) => {
        const { stream, client, sent } = await waiting(app)
        equal(await reasonOf(stream), 'stalled')
        equal(await within(sent, 'the send'), false)
        client.read()
        await within(client.closed, 'the end of the connection')
      }),
    // Cuts such a peer also while more is sent, and after close().
    'sent-and-closed': async ({ start }) =>
      onceOneWaits(start, impatient, async (app) => {
        const sending = await waiting(app)
        const timer = setInterval(() => sending.stream.send('ä'), 20)
        equal(await reasonOf(sending.stream), 'stalled')
        clearInterval(timer)

        const closing = await waiting(app)
        const { res } = app.exchanges.at(-1) ?? {}
        const gone = new Promise((resolve) => res?.on('close', resolve))
        closing.stream.close()
        await within(gone, 'the end of the response')
      }),
    // Leaves a peer alone that takes a little at a time.
    'takes-a-little': async ({ start }) =>
      onceOneWaits(start, { ...patient, stallTimeout: 1_000, maxBufferedBytes: 64 * 1024 * 1024 }, async (app) => {
        const { stream, client, sent } = await waiting(app)
        // The kernel makes room by the megabyte. At this pace it does so a few times a second, for over two seconds. A
        // late timer reads more, so the pace holds on a busy machine.
        client.readSlowly(65_536, 10)
        for (let count = 0; count < 250; count++) stream.send(CHUNK)
        equal(await within(sent, 'the send'), true)
        const last = stream.send('the last')
        equal(await within(last, 'the last send'), true)
        equal(stream.closed, false)
      }),
    // Leaves a peer alone that grants an HTTP/2 stream a little at a time.
    'grants-a-little': {
      when: ({ protocol }) => protocol === 'HTTP/2',
      proof: async ({ start }) =>
        onceOneWaits(start, { ...patient, stallTimeout: 1_000 }, async (app) => {
          const { peer, stream } = await heldBack(app)
          const before = peer.received(1)
          for (let count = 0; count < 100; count++) stream.send(CHUNK)
          const timer = setInterval(() => {
            peer.grant(0, 16_384)
            peer.grant(1, 16_384)
          }, 50)
          await eventually(() => peer.received(1) > before + 1_000_000, 'what the peer granted')
          clearInterval(timer)
          equal(stream.closed, false)
        }),
    },
  }),
  sentence(
    'B4',
    'A slow peer MUST NOT delay any other peer, or make the process grow. After 200 MB were published past a reader that never reads, ' +
      'RSS is at most 32 MB above its earlier value.',
    'Tidings',
    {
      // Does not let one slow peer delay the others, nor memory grow.
      'one-slow-peer': {
        isLong: true,
        proof: async ({ start }) => {
          const channel = createChannel()
          const app = await start({ options: patient, run: (stream) => void channel.subscribe(stream) })
          await ask(app, { reads: false })
          const reader = await ask(app, { reads: false })
          await eventually(() => channel.subscribers === 2, 'the subscribers')
          let published = 0
          let read = 0
          let onRead = (): void => {}
          reader.readInto((bytes) => {
            read += bytes
            onRead()
          })
          const publish = async (bytes: number): Promise<void> => {
            for (const until = published + bytes; published < until; published += CHUNK.length) {
              // A new string each time, so that a kept one shows in the memory.
              channel.publish(`${published} ${CHUNK}`)
              while (published - read > MOST_ON_ITS_WAY) {
                await new Promise<void>((resolve) => {
                  onRead = resolve
                })
              }
            }
            await eventually(() => read >= published, 'all that was published')
          }
          // A leak would grow each time. The heap itself grows only until it has room for the garbage.
          let growth = Number.POSITIVE_INFINITY
          for (let time = 0; time < 4 && growth > MOST_GROWTH; time++) {
            const before = await held()
            await publish(PUBLISHED)
            growth = (await held()) - before
          }
          ok(growth <= MOST_GROWTH, `${growth} bytes more`)
          deepEqual(
            app.streams.map(({ closed }) => closed),
            [false, false],
          )
        },
      },
    },
  ),
  sentence(
    'B5',
    "`sendAll` MUST NOT take items from its source faster than the peer reads them. When the peer leaves, it MUST call the source's " +
      '`return`, `cancel` or `destroy`, also while the source is pending.',
    'Tidings',
    {
      // Sends all of a source and pulls no faster than the peer takes.
      'no-faster': async ({ start }) => {
        let pulled = 0
        function* endless(): Generator<string> {
          for (;;) {
            pulled++
            yield CHUNK
          }
        }
        const results: unknown[] = []
        const app = await start({
          options: patient,
          run: async (stream) => {
            results.push(await stream.sendAll([{ n: 1 }, { n: 2 }], (data) => ({ event: 'item', data })))
            results.push(await stream.sendAll(Readable.from(['a', 'b'])))
            stream.sendAll(endless()).then((result) => results.push(result))
          },
        })
        const client = await ask(app, { reads: false })
        const settled = async (): Promise<number> => {
          for (;;) {
            const before = pulled
            await delay(100)
            if (pulled === before && pulled > 0) return pulled
          }
        }
        const atRest = await within(settled(), 'rest')
        client.read()
        await client.until(
          (text) =>
            // Checks the length first: searching megabytes at each piece would take too long.
            text.length > (atRest + 10) * CHUNK.length && text.includes('event: item\ndata: {"n":1}\n\nevent: item\ndata: {"n":2}\n\ndata: a\n\ndata: b\n\n'),
        )
        client.leave()
        await reasonOf(app.streams[0])
        await delay(0)
        deepEqual(results, [true, true, false])
      },
      // Ends a source when the peer leaves, also while the source is pending.
      'source-ends': async ({ start }) => {
        const ends: string[] = []
        const never = new Promise<never>(() => {})
        const iterator: AsyncIterable<string> = {
          [Symbol.asyncIterator]: () => ({
            next: () => never,
            return: async () => {
              ends.push('return')
              return { done: true, value: undefined }
            },
          }),
        }
        const web = new ReadableStream<string>({ cancel: () => void ends.push('cancel') })
        const node = new Readable({ objectMode: true, read() {}, destroy: (error, done) => done(ends.push('destroy') ? error : null) })
        const results: unknown[] = []
        const app = await start({
          run: (stream) => {
            for (const source of [iterator, web, node]) stream.sendAll(source as AsyncIterable<string>).then((result) => results.push(result))
          },
        })
        const next = app.nextStream()
        const client = await ask(app)
        const reason = reasonOf(await within(next, 'the stream'))
        client.leave()
        await reason
        await delay(0)
        deepEqual(ends.sort(), ['cancel', 'destroy', 'return'])
        deepEqual(results, [false, false, false])
      },
    },
  ),
  sentence(
    'B6',
    "A peer that takes no bytes of the stream MUST be cut as `'stalled'`, also while it sends or acknowledges other things (PING, " +
      'SETTINGS and empty WINDOW_UPDATE frames of HTTP/2, other streams of its session).',
    'RFC 9113 5.2',
    {
      'busy-peer': {
        when: ({ protocol }) => protocol === 'HTTP/2',
        each: () => Object.keys(BUSY_PEERS),
        proof: async ({ start }, what) =>
          onceOneWaits(start, impatient, async (app) => {
            const { peer, stream } = await heldBack(app)
            const before = peer.received(1)
            const timer = setInterval(() => BUSY_PEERS[what]?.(peer), 10)
            equal(await reasonOf(stream), 'stalled')
            clearInterval(timer)
            equal(peer.received(1), before)
          }),
      },
      // Cuts a stream also while another stream of its session is read, and leaves that one alone.
      'busy-session': {
        when: ({ protocol }) => protocol === 'HTTP/2',
        proof: async ({ start }) =>
          onceOneWaits(start, impatient, async (app) => {
            const { peer, stream } = await heldBack(app)
            peer.grant(0, CHUNK.length)
            await peer.ask(3)
            const busy = app.streams[1] as EventStream
            let sent = 0
            const timer = setInterval(() => {
              for (const id of [0, 3]) peer.grant(id, CHUNK.length)
              sent++
              busy.send(CHUNK.slice(100))
            }, 10)
            equal(await reasonOf(stream), 'stalled')
            clearInterval(timer)
            await eventually(() => peer.received(3) > (sent - 1) * 60_000, 'what the other stream sent')
            equal(busy.closed, false)
          }),
      },
      // Cuts a peer that lets its stream send nothing from the start.
      'no-window': {
        when: ({ protocol }) => protocol === 'HTTP/2',
        proof: async ({ start }) =>
          onceOneWaits(start, impatient, async (app) => {
            const { peer, stream } = await heldBack(app, 0)
            const timer = setInterval(() => peer.ping(), 10)
            equal(await reasonOf(stream), 'stalled')
            clearInterval(timer)
          }),
      },
      // Cuts a peer that sends request after request and reads nothing.
      'asks-for-more': {
        when: ({ protocol }) => protocol === 'HTTP/1.1',
        proof: async ({ start }) =>
          onceOneWaits(start, impatient, async (app) => {
            const next = app.nextStream()
            const socket = createConnection({ host: '127.0.0.1', port: app.port })
            socket.on('error', () => {})
            socket.pause()
            const request = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
            socket.write(request)
            const stream = await within(next, 'the stream')
            await sendUntilOneWaits(stream)
            const timer = setInterval(() => {
              stream.send('more')
              socket.write(request)
            }, 10)
            equal(await reasonOf(stream), 'stalled')
            clearInterval(timer)
            socket.destroy()
          }),
      },
    },
  ),
]
