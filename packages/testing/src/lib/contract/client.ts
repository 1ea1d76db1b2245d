import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ClientUnderTest, ReportedMessage } from '../client-under-test.ts'
import { eventually } from '../within.ts'
import { type ContractSuite, type Proof, type Sentence, type Stage, sentence, testsOf } from './sentence.ts'

/** What a server does with one request. */
export interface ClientAnswer {
  /** @default 200 */
  status?: number
  /** Headers beside `Content-Type: text/event-stream`. */
  headers?: Record<string, string>
  /** The body, or what a server makes of the client's last event ID. */
  body?: string | ((lastEventId: string) => string)
  /** The number of bytes of the body after which the answer stops. By default it is whole. */
  at?: number
  /** What comes after that: the end, a broken connection, silence, or a comment every 100 ms. */
  after: 'end' | 'cut' | 'silence' | 'comments'
}

/** What a client must report. */
export interface ClientReport {
  messages?: readonly ReportedMessage[]
  /** The last event IDs of its requests, `''` where there is none. */
  lastEventIds?: readonly string[]
  /** The `authorization` of its requests. */
  tokens?: readonly string[]
  /** The number of its requests, where a case is about neither. */
  requests?: number
  /** Whether it has stopped, and what its reason contains. By default it goes on. */
  stopped?: RegExp
}

/** A case as data: the answers of the server in turn, the last of them for all further requests, and the report. */
export interface ClientScript {
  answers: readonly ClientAnswer[]
  report: ClientReport
}

/** What a proof about a client works with. */
export interface ClientWorld extends ClientUnderTest {
  /** Plays a script. Resolves when the client has reported what it must, and stops it. */
  play(script: ClientScript): Promise<PlayedRequest[]>
}

/** A request of a client. Times are those of `performance.now()`. */
export interface PlayedRequest {
  lastEventId: string
  token: string
  began: number
  ended: number
}

// Milliseconds. The watchdog's limit in all cases.
const SILENCE = 600
// Milliseconds. A case that a client passes takes at most half of that, also in a browser.
const PATIENCE = 8_000
// A message that nobody listens to: the stream has lived, so the client does not back off.
const LIVES = 'retry: 1\nevent: beat\ndata: 1\n\n'
const MESSAGES = ['a', 'b', 'c'].map((data) => ({ event: 'message', data, lastEventId: data }))
const textOf = ({ data }: ReportedMessage): string => `id: ${data}\r\ndata: ${data}\r\n\r\n`
/** What a server with a history sends to a client that comes with this id. */
const since = (lastEventId: string): string =>
  LIVES +
  MESSAGES.filter(({ data }) => data > lastEventId)
    .map(textOf)
    .join('')
/** The answers that are cut after each byte in turn, until the last message has been sent. */
const cuts = (after: 'end' | 'cut'): ClientAnswer[] =>
  Array.from({ length: textOf(MESSAGES[0] as ReportedMessage).length * 2 + 1 }, (_, at) => ({ body: since, at: LIVES.length + at, after }))
const DONE: ClientAnswer = { status: 204, after: 'end' }
const FIRST: ClientAnswer = { body: since, after: 'end' }
const hold: ClientAnswer = { body: LIVES, after: 'comments' }
/** A server that cuts after each byte, then answers in full, and keeps the last stream open. */
const cutAtAnyByte = (after: 'end' | 'cut'): ClientScript => {
  const answers = [...cuts(after), FIRST, hold]
  return { answers, report: { messages: MESSAGES, requests: answers.length } }
}
const plays =
  (script: ClientScript): Proof<ClientWorld> =>
  ({ play }) =>
    play(script)

/** The sentences about clients, each with its cases. */
export const clientContract: readonly Sentence<ClientUnderTest, ClientWorld>[] = [
  sentence(
    'K1',
    'A stream that is cut at any byte MUST resume with the last id whose listeners have returned. Listeners MUST see each message once and in order.',
    'Tidings',
    {
      'ended-at-any-byte': plays(cutAtAnyByte('end')),
      'broken-at-any-byte': plays(cutAtAnyByte('cut')),
      'an-id-alone': plays({ answers: [{ body: `${LIVES}id: 7\n\n`, after: 'end' }, hold], report: { lastEventIds: ['', '7'] } }),
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
      'no-network': plays({ answers: [FIRST, { body: '', at: -1, after: 'cut' }, hold], report: { lastEventIds: ['', 'c', 'c'] } }),
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
    "Attempts MUST be jittered, back off to at most 30 s, start over after a stream that lived, respect the server's `retry` as the least wait, " +
      'and none MUST run while one is pending.',
    'Tidings',
    {
      retry: async ({ play }) => {
        const [first, second] = await play({ answers: [{ body: 'retry: 1500\ndata: a\nid: a\n\n', after: 'end' }, hold], report: { lastEventIds: ['', 'a'] } })
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
      'a-silent-stream': plays({ answers: [{ body: since, after: 'silence' }, hold], report: { messages: MESSAGES, lastEventIds: ['', 'c'] } }),
      comments: async ({ play }) => {
        const [only] = await play({ answers: [{ body: since, after: 'comments' }], report: { lastEventIds: [''] } })
        ok(only)
      },
    },
  ),
  sentence('K5', 'A slow iterator MUST stop the reading at 1,000 messages. Nothing MUST be dropped, and nothing MUST queue where nobody iterates.', 'Tidings', {
    provedIn: ['packages/client/test/iterator.test.ts', 'packages/client/test/servers.test.ts'],
  }),
  sentence('K6', 'The stored id MUST NOT be newer than the stored state.', 'Tidings', { provedIn: 'packages/client/test/position.test.ts' }),
  sentence('K7', 'A listener that throws MUST NOT stop another, and MUST be reported as an uncaught error is.', 'Tidings', {
    provedIn: 'packages/client/test/listeners.test.ts',
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

function stageFor(subject: ClientUnderTest): Stage<ClientWorld> {
  return async (proof) => {
    const endings: (() => unknown)[] = []
    try {
      await proof({ ...subject, play: (script) => playOn(subject, script, endings) })
    } finally {
      for (const end of endings) await end()
    }
  }
}

async function playOn({ open }: ClientUnderTest, { answers, report }: ClientScript, endings: (() => unknown)[]): Promise<PlayedRequest[]> {
  const requests: PlayedRequest[] = []
  const messages: ReportedMessage[] = []
  let stopped: { reason: unknown } | undefined
  let token = 0
  const server = createServer((req, res) => {
    const request = { lastEventId: lastEventIdOf(req), token: String(req.headers.authorization), began: performance.now(), ended: Number.NaN }
    requests.push(request)
    const answer = answers[Math.min(requests.length, answers.length) - 1]
    if (answer) give(res, answer, request)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  endings.push(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  const close = open({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    headers: () => ({ authorization: String(++token) }),
    silence: SILENCE,
    onMessage: (message) => messages.push(message),
    onStopped: (reason) => {
      stopped ??= { reason }
    },
  })
  endings.unshift(close)
  const seen = (): string => JSON.stringify({ messages, requests: requests.map(({ lastEventId }) => lastEventId), stopped: stopped !== undefined })
  const expected = report.requests ?? report.lastEventIds?.length ?? report.tokens?.length ?? 0
  /** What can no longer become the report. */
  const isOver = (): boolean =>
    (expected > 0 && requests.length > expected) ||
    (report.messages !== undefined && messages.length > report.messages.length) ||
    (stopped !== undefined && report.stopped === undefined)
  const isThere = (): boolean =>
    requests.length >= expected && messages.length >= (report.messages?.length ?? 0) && (report.stopped === undefined || stopped !== undefined)
  await eventually(
    () => isOver() || isThere(),
    () => `the report; so far there is ${seen()}`,
  )
  // A message or request too many would come within this time.
  if (!isOver()) await new Promise((resolve) => setTimeout(resolve, SILENCE * 2))
  if (report.requests) equal(requests.length, report.requests)
  if (report.messages) deepEqual(messages, report.messages)
  if (report.lastEventIds)
    deepEqual(
      requests.map(({ lastEventId }) => lastEventId),
      report.lastEventIds,
    )
  if (report.tokens)
    deepEqual(
      requests.map(({ token }) => token),
      report.tokens,
    )
  if (report.stopped) match(String(stopped?.reason), report.stopped)
  else equal(stopped, undefined)
  return requests
}

/** The client's last event ID, from the header or the query. */
function lastEventIdOf({ headers, url }: IncomingMessage): string {
  return String(headers['last-event-id'] ?? new URL(url ?? '', 'http://localhost').searchParams.get('lastEventId') ?? '')
}

function give(res: ServerResponse, { status = 200, headers, body = '', at, after }: ClientAnswer, request: PlayedRequest): void {
  if (at === -1) return void res.socket?.destroy()
  res.once('close', () => {
    request.ended = performance.now()
  })
  const bytes = Buffer.from(typeof body === 'string' ? body : body(request.lastEventId)).subarray(0, at)
  res.writeHead(status, { ...(status === 200 && { 'content-type': 'text/event-stream' }), ...headers })
  if (after === 'end') return void res.end(bytes)
  res.write(bytes, () => {
    // A reset may overtake the bytes, so it waits until the client can have read them.
    if (after === 'cut') setTimeout(() => res.socket?.destroy(), 20)
  })
  if (after !== 'comments') return
  const timer = setInterval(() => res.write(':\n\n'), SILENCE / 6)
  res.once('close', () => clearInterval(timer))
}
