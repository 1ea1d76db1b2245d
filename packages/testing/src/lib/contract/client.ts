import { deepEqual, equal, ok } from 'node:assert/strict'
import type { ClientUnderTest, ReportedMessage, StoredMessages } from '../client-under-test.ts'
import { eventually } from '../within.ts'
import { type ClientAnswer, LONGEST_FLOOD, type SentMessage } from './client-answers.ts'
import { type ClientScript, type ClientWorld, PATIENCE, REST, stageFor } from './client-stage.ts'
import { type Case, type ContractSuite, type Proof, type Sentence, sentence, testsOf } from './sentence.ts'

// A message that nobody listens to: the stream has lived, so the client does not back off.
const LIVES: SentMessage = { retry: 1, event: 'beat', data: '1' }
const LETTERS = ['a', 'b', 'c']
const MESSAGES: ReportedMessage[] = LETTERS.map((data) => ({ event: 'message', data, lastEventId: data }))
/** What a server with a history sends to a client that comes with this id. */
const since = (lastEventId: string): SentMessage[] => [LIVES, ...LETTERS.filter((each) => each > lastEventId).map((data) => ({ id: data, data }))]
// The bytes of two messages and their end.
const LONGEST_CUT = 'id: a\r\ndata: a\r\n\r\n'.length * 2 + 1
/** The answers that are cut after each byte in turn, until the last message has been sent. */
const cuts = (after: 'end' | 'cut'): ClientAnswer[] => Array.from({ length: LONGEST_CUT }, (_, at) => ({ body: since, at, after }))
const DONE: ClientAnswer = { status: 204, after: 'end' }
const FIRST: ClientAnswer = { body: since, after: 'end' }
const hold: ClientAnswer = { body: [LIVES], after: 'comments' }
/** A server that cuts after each byte, then answers in full, and keeps the last stream open. */
const cutAtAnyByte = (after: 'end' | 'cut'): ClientScript => {
  const answers = [...cuts(after), FIRST, hold]
  return { answers, report: { messages: MESSAGES, requests: answers.length } }
}
/** A fetch gives up at the 21st redirect (Fetch 4.4). */
const loop: ClientAnswer[] = Array.from({ length: 21 }, () => ({ status: 302, headers: { location: '/' }, after: 'end' }))
const plays =
  (script: ClientScript): Proof<ClientWorld> =>
  ({ play }) =>
    play(script)
/** A case whose answers are cut by the byte. */
const cutting = (script: ClientScript): Case<ClientUnderTest, ClientWorld> => ({ proof: plays(script), when: ({ server }) => server?.isPlain ?? true })

/** The sentences about clients, each with its cases. */
export const clientContract: readonly Sentence<ClientUnderTest, ClientWorld>[] = [
  sentence(
    'K1',
    'A stream that is cut at any byte MUST resume with the last id whose listeners have returned. Listeners MUST see each message once and in order.',
    'Tidings',
    {
      // The streams of a framework end with a whole message.
      'ended-at-any-byte': { proof: plays(cutAtAnyByte('end')), when: ({ server }) => !server },
      'broken-at-any-byte': cutting(cutAtAnyByte('cut')),
      'an-id-alone': plays({ answers: [{ body: [LIVES, { id: '7' }], after: 'end' }, hold], report: { lastEventIds: ['', '7'] } }),
    },
  ),
  sentence(
    'K2',
    '204 MUST end the connection. 401 MUST ask for the headers again, once in a row. 408, 425, 429, 5xx and network errors MUST back off, ' +
      'at least for `Retry-After` where it can be read. Another 4xx or a wrong type MUST end it if no stream has ever opened; later only ' +
      '401, 403, 404 and 410 do. The client MUST say why it ended.',
    'Tidings',
    {
      204: plays({ answers: [FIRST, DONE], report: { messages: MESSAGES, lastEventIds: ['', 'c'], stopped: /./ } }),
      '401-asks-again': plays({ answers: [{ status: 401, after: 'end' }, hold], report: { tokens: ['1', '2'] } }),
      '401-twice': plays({ answers: [{ status: 401, after: 'end' }], report: { tokens: ['1', '2'], stopped: /401/ } }),
      503: plays({ answers: [FIRST, { status: 503, after: 'end' }, hold], report: { messages: MESSAGES, lastEventIds: ['', 'c', 'c'] } }),
      'retry-after': async ({ play }) => {
        const [, refused, next] = await play({
          answers: [FIRST, { status: 503, headers: { 'retry-after': '3' }, after: 'end' }, hold],
          report: { lastEventIds: ['', 'c', 'c'] },
        })
        ok((next?.began ?? 0) - (refused?.ended ?? 0) >= 2_990, 'came back before Retry-After')
      },
      // A browser asks once more by itself where it had used the connection before.
      'no-network': cutting({ answers: [FIRST, { after: 'nothing' }, { after: 'nothing' }, hold], report: { lastEventIds: ['', 'c', 'c', 'c'] } }),
      'redirect-loop': plays({ answers: [FIRST, ...loop, hold], report: { messages: MESSAGES, requests: loop.length + 2 } }),
      'refused-at-first': plays({ answers: [{ status: 400, after: 'end' }], report: { lastEventIds: [''], stopped: /400/ } }),
      'refused-later': plays({ answers: [FIRST, { status: 403, after: 'end' }], report: { lastEventIds: ['', 'c'], stopped: /403/ } }),
      'a-page-at-first': plays({
        answers: [{ headers: { 'content-type': 'text/html' }, body: '<html>', after: 'end' }],
        report: { lastEventIds: [''], stopped: /text\/html/ },
      }),
      'a-page-later': plays({
        answers: [FIRST, { headers: { 'content-type': 'text/html' }, body: '<html>', after: 'end' }, hold],
        report: { lastEventIds: ['', 'c', 'c'] },
      }),
    },
  ),
  sentence(
    'K3',
    "Attempts MUST be jittered, back off to at most 30 s, and start over after a stream that lived. The server's `retry` and `Retry-After` MUST " +
      'be the least wait, also where they are longer than 30 s. No attempt MUST run while one is pending.',
    'Tidings',
    {
      retry: async ({ play }) => {
        const [first, second] = await play({
          answers: [{ body: [{ retry: 1_500, data: 'a', id: 'a' }], after: 'end' }, hold],
          report: { lastEventIds: ['', 'a'] },
        })
        ok((second?.began ?? 0) - (first?.ended ?? 0) >= 1_490, 'came back before retry')
      },
    },
  ),
  sentence(
    'K4',
    "No byte for `silence` MUST replace the stream; a comment is a byte; a late timer after sleep or throttling MUST NOT replace a stream that still gives bytes. The computer's " +
      'sleep, a change of network, freezing and the back/forward cache MUST be survived.',
    'Tidings',
    {
      'a-silent-stream': plays({
        isAboutSilence: true,
        answers: [{ body: since, after: 'silence' }, hold],
        report: { messages: MESSAGES, lastEventIds: ['', 'c'] },
      }),
      comments: async ({ play }) => {
        const [only] = await play({ isAboutSilence: true, answers: [{ body: since, after: 'comments' }], report: { lastEventIds: [''] } })
        ok(only)
      },
    },
  ),
  sentence('K5', 'A slow iterator MUST stop the reading at 1,000 messages. Nothing MUST be dropped, and nothing MUST queue where nobody iterates.', 'Tidings', {
    'a-slow-loop': async ({ start, read }) => {
      const { requests } = await start([{ body: [LIVES], after: 'flood' }])
      const seen: number[] = []
      let release = (): void => {}
      const released = new Promise<void>((resolve) => {
        release = resolve
      })
      await read({ by: 'loop', onMessage: ({ data }) => seen.push(Number.parseInt(data, 10)) === 1 && released })
      const taken = (): number => requests[0]?.flooded ?? 0
      await eventually(
        () => taken() > 1_000 && seen.length > 0,
        () => `1,000 messages; the connection took ${taken()}`,
      )
      // The server goes on until the buffers of the connection are full.
      for (let before = -1; before !== taken(); ) {
        before = taken()
        await new Promise((resolve) => setTimeout(resolve, REST * 2))
      }
      ok(taken() < LONGEST_FLOOD, `the client read ${taken()} messages ahead`)
      equal(seen.length, 1)
      release()
      await eventually(
        () => seen.length >= 1_100,
        () => `1,100 messages; the loop got ${seen.length}`,
      )
      deepEqual(
        seen,
        seen.map((_, index) => index),
      )
    },
  }),
  sentence('K6', 'The stored id MUST NOT be newer than the stored state.', 'Tidings', {
    'left-at-each-store': async ({ start, read }) => {
      const { requests } = await start([{ body: (lastEventId) => since(lastEventId).slice(0, 3), after: 'silence' }])
      let stored: StoredMessages | undefined
      const newer: StoredMessages[] = []
      // A client that was closed may store what its listener still worked on. So a visit may bring nothing new.
      for (let visit = 0; stored?.id !== LETTERS.at(-1) && visit < 20; visit++) {
        const before = stored
        const close = await read({
          store: {
            get: () => stored,
            set(next) {
              stored = next
              if (!next.state.includes(next.id)) newer.push(next)
            },
          },
          // The page has a message when its listener has.
          onMessage: () => new Promise((resolve) => setTimeout(resolve, 5)),
        })
        await eventually(
          () => stored !== before,
          () => `a store after ${JSON.stringify(before)}`,
        )
        await close()
      }
      deepEqual(newer, [])
      deepEqual(stored, { id: 'c', state: LETTERS })
      ok(requests.length > 1)
    },
  }),
  sentence('K7', 'A listener that throws MUST NOT stop another, and MUST be reported as an uncaught error is.', 'Tidings', {
    'a-listener-throws': plays({
      answers: [FIRST, hold],
      throws: true,
      report: { messages: MESSAGES, lastEventIds: ['', 'c'], uncaught: ['thrown', 'thrown', 'thrown'] },
    }),
  }),
  sentence('K8', "The types MUST check an event's data against the `Events` of the connection, in `on`, in the iterator and in the React hooks.", 'Tidings', {
    provedIn: ['packages/client/test/listeners.test.ts', 'packages/client/test/react.test.ts'],
  }),
]

/** The contract of a client as tests for any test runner. */
export function clientSuite(subject: ClientUnderTest): ContractSuite {
  const { name, cannot = {} } = subject
  return { name: `${name} as a client`, tests: testsOf(clientContract, subject, stageFor(subject), (test) => cannot[test], PATIENCE) }
}
