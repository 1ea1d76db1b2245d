import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { connect } from '../src/index.ts'
import { driveTime } from './support/clock.ts'
import { fakeServer, TYPE } from './support/fake-server.ts'

driveTime()

const seed = Number(process.env['TIDINGS_SEED'] ?? Date.now() % 2 ** 31)
const runs = Number(process.env['TIDINGS_RUNS'] ?? 1_000)

type After = 'cut' | 'end' | 'stall'

/** What the server does with one request. `at` is the share of the bytes after which it happens. */
type Fault =
  | { kind: After; at: number }
  | { kind: 'status'; code: 204 | 401 | 403 | 404 | 418 | 429 | 503 }
  | { kind: 'unreachable' }
  | { kind: 'redirects' }
  | { kind: 'portal' }
  | { kind: 'wrong type'; type: string }
  | { kind: 'hang' }
  | { kind: 'rubbish'; at: number; bytes: Uint8Array }

const share = fc.double({ min: 0, max: 1, noNaN: true })
const fault: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom<After[]>('cut', 'end', 'stall'), at: share }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('status'), code: fc.constantFrom(401, 429, 503, 418) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('status'), code: fc.constantFrom(204, 403, 404) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('unreachable', 'redirects', 'portal', 'hang') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wrong type'), type: fc.constantFrom('application/json', 'text/event-streams', 'text/plain') }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('rubbish'), at: share, bytes: fc.uint8Array({ maxLength: 60 }) }) },
)
/** A line that is no field: it must change nothing, at any place between two blocks. */
const noise = fc.oneof(
  fc.constantFrom('', ':\n\n', ': a comment\n', 'retry: soon\n', 'unknown: 1\n', 'date\n', '\n\n\n', 'event: unsent\n\n'),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => `x${String.fromCharCode(...bytes).replace(/[\r\n]/g, '')}\n`),
)
/** With characters of several bytes, which the pieces of a body part. */
const data = fc.oneof(fc.jsonValue(), fc.string({ unit: 'binary', maxLength: 8 }))
const message = fc.record({ data, before: noise, lineEnd: fc.constantFrom('\n', '\r\n', '\r') })

interface Sent {
  block: Uint8Array
  data: unknown
  /** The last event ID at this message. */
  id: string
}

/** The messages of a log, with its bytes. */
function logOf(messages: Array<{ data: unknown; before: string; lineEnd: string }>): Sent[] {
  return messages.map(({ data, before, lineEnd }, index) => {
    const id = String(index + 1)
    const text = [`data: ${JSON.stringify(data)}`, `id: ${id}`, '', ''].join(lineEnd)
    return { block: Buffer.concat([Buffer.from(before, 'latin1'), Buffer.from(text)]), data: JSON.parse(JSON.stringify(data)), id }
  })
}

/** A body that gives these bytes in pieces, then ends, breaks or stalls. */
function bodyOf(bytes: Uint8Array, pieces: number, after: After): ReadableStream<Uint8Array> {
  let sent = 0
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (sent < bytes.length) {
          controller.enqueue(bytes.subarray(sent, sent + pieces))
          sent += pieces
          return undefined
        }
        if (after === 'cut') controller.error(new TypeError('terminated'))
        if (after === 'end') controller.close()
        return after === 'stall' ? new Promise(() => {}) : undefined
      },
    },
    { highWaterMark: 0 },
  )
}

test(`K1 K2 K3 K4 any faults at any byte: each message once and in order, and the right end (${runs} runs, seed ${seed})`, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(message, { maxLength: 12 }),
      fc.array(fault, { maxLength: 8 }),
      fc.integer({ min: 1, max: 64 }),
      async (messages, faults, pieces) => {
        const log = logOf(messages)
        const seen: unknown[] = []
        const wrong: string[] = []
        let pending = 0
        const server = fakeServer(async ({ headers, init }) => {
          pending++
          expect(pending).toBe(1)
          init.signal?.addEventListener('abort', () => pending--)
          const from = Number(headers.get('last-event-id') ?? 0)
          // The position is the last message whose listeners have returned.
          if (from !== seen.length) wrong.push(`resumes from ${from} after ${seen.length}`)
          const next = faults.shift()
          const bytes = Buffer.concat(log.slice(from).map(({ block }) => block))
          const stream = (sent: Uint8Array, after: After) => new Response(bodyOf(sent, pieces, after), { headers: TYPE })
          if (!next) return from === log.length ? new Response(null, { status: 204 }) : stream(bytes, 'end')
          if (next.kind === 'status') return new Response(null, { status: next.code })
          if (next.kind === 'unreachable') throw new TypeError('fetch failed')
          // This is how the fetch of Node and that of browsers tell it.
          if (next.kind === 'redirects') throw new TypeError('fetch failed', { cause: new Error('redirect count exceeded') })
          if (next.kind === 'wrong type') return new Response(bodyOf(bytes, pieces, 'end'), { headers: { 'content-type': next.type } })
          if (next.kind === 'portal') return new Response('<html>', { headers: { 'content-type': 'text/html' } })
          if (next.kind === 'hang') return new Promise(() => {})
          const sent = bytes.subarray(0, Math.round(next.at * bytes.length))
          if (next.kind !== 'rubbish') return stream(sent, next.kind)
          // Rubbish with an end of a line could make a message that no client can tell from a good one.
          return stream(Buffer.concat([sent, Buffer.from(next.bytes).filter((byte) => byte !== 10 && byte !== 13)]), 'cut')
        })
        const expected = expectedEnd(faults)
        const isWhole = expected.reason === 'ended' && !faults.some((each) => each.kind === 'status' && each.code === 204)
        let tokens = 0
        const connection = connect('https://example.com', { ...server, headers: () => ({ authorization: String(++tokens) }) })
        // Every third message takes its time.
        connection.on('message', ({ data }) => {
          seen.push(data)
          return seen.length % 3 === 0 ? Promise.resolve() : undefined
        })
        for (let step = 0; step < 500 && connection.status.state !== 'closed'; step++) await vi.advanceTimersToNextTimerAsync()

        expect(wrong).toEqual([])
        expect(connection.status).toMatchObject(expected)
        expect(seen).toEqual(log.slice(0, seen.length).map(({ data }) => data))
        if (isWhole) expect(seen).toHaveLength(log.length)
        expect(tokens).toBe(server.asked.length)
        expect(vi.getTimerCount()).toBe(0)
      },
    ),
    { seed, numRuns: runs },
  )
})

/** The end that K2 asks for, from the faults alone. */
function expectedEnd(faults: readonly Fault[]): { state: 'closed'; reason: string; error?: object } {
  let hasOpened = false
  let unauthorized = false
  for (const fault of faults) {
    if (fault.kind === 'status' && fault.code === 401) {
      if (unauthorized) return { state: 'closed', reason: 'failed', error: { status: 401 } }
      unauthorized = true
    } else if (fault.kind === 'status' && fault.code === 418) {
      if (!hasOpened) return { state: 'closed', reason: 'failed', error: { status: 418 } }
    } else if (fault.kind === 'status' && fault.code === 204) {
      return { state: 'closed', reason: 'ended' }
    } else if (fault.kind === 'status' && (fault.code === 403 || fault.code === 404)) {
      return { state: 'closed', reason: 'failed', error: { status: fault.code } }
    } else if (fault.kind === 'portal' || fault.kind === 'wrong type') {
      if (!hasOpened) return { state: 'closed', reason: 'failed', error: { code: 'ERR_SSE_WRONG_TYPE' } }
    } else if (fault.kind === 'cut' || fault.kind === 'end' || fault.kind === 'stall' || fault.kind === 'rubbish') {
      hasOpened = true
      unauthorized = false
    }
  }
  return { state: 'closed', reason: 'ended' }
}
