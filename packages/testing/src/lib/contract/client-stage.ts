import { deepEqual, equal, match } from 'node:assert/strict'
import type { ClientRequest, ClientUnderTest, ReportedMessage } from '../client-under-test.ts'
import { eventually } from '../within.ts'
import { type ClientAnswer, type PlayedRequest, servedAnswer } from './client-answers.ts'
import { bareServer, behindCuts } from './client-servers.ts'
import type { Stage } from './sentence.ts'

/** What a client must report. */
export interface ClientReport {
  messages?: readonly ReportedMessage[]
  /** The last event IDs of its requests, `''` where there is none. */
  lastEventIds?: readonly string[]
  /** The `authorization` of its requests. */
  tokens?: readonly string[]
  /** The number of its requests, where a case is about neither. */
  requests?: number
  /** The texts of the errors that it reports as uncaught. */
  uncaught?: readonly string[]
  /** Whether it has stopped, and what its reason contains. By default it goes on. */
  stopped?: RegExp
}

/** A case as data: the answers of the server in turn, the last of them for all further requests, and the report. */
export interface ClientScript {
  answers: readonly ClientAnswer[]
  /** Whether a listener throws at each message, before another one gets it. */
  throws?: boolean
  /** Whether the case is about silence, so that what follows is watched for twice the limit of the watchdog. */
  isAboutSilence?: boolean
  report: ClientReport
}

/** What a proof about a client works with. */
export interface ClientWorld extends ClientUnderTest {
  /** Plays a script. Resolves when the client has reported what it must, and stops it. */
  play(script: ClientScript): Promise<PlayedRequest[]>
  /** Starts the server with these answers. */
  start(answers: readonly ClientAnswer[]): Promise<{ requests: PlayedRequest[] }>
  /** Opens a client at the server. Returns the function that closes it. */
  read(request: Partial<ClientRequest>): Promise<() => unknown>
}

/** Milliseconds. The watchdog's limit in the cases that are about it. */
const SILENCE = 1_200
/** The same in all others. A process on a busy machine may not run for longer than `SILENCE`. */
const NEVER_SILENT = 60_000
const BETWEEN_COMMENTS = 150
/** Milliseconds. A message or a request too many comes within this time. */
export const REST = 300
/** Milliseconds. A case that a client passes takes at most half of that, also in a browser. */
export const PATIENCE = 8_000

/** Gives a proof its world. Closes the clients and the servers. */
export function stageFor(subject: ClientUnderTest): Stage<ClientWorld> {
  return async (proof) => {
    const endings: (() => unknown)[] = []
    try {
      await proof(worldOf(subject, endings))
    } finally {
      for (const end of endings) await end()
    }
  }
}

function worldOf(subject: ClientUnderTest, endings: (() => unknown)[]): ClientWorld {
  let url = ''
  let token = 0
  const world: ClientWorld = {
    ...subject,
    async start(answers) {
      const requests: PlayedRequest[] = []
      const present = (): ClientAnswer => answers[Math.min(Math.max(requests.length, 1), answers.length) - 1] as ClientAnswer
      const server = subject.server ? (subject.server.isPlain ? behindCuts(subject.server, present) : subject.server) : bareServer(present)
      const running = await server.start(({ lastEventId, authorization }) => {
        const request = { lastEventId, token: authorization, began: performance.now(), ended: Number.NaN, flooded: 0 }
        requests.push(request)
        return servedAnswer(present(), request, BETWEEN_COMMENTS)
      })
      endings.push(running.close)
      url = running.url
      return { requests }
    },
    async read(request) {
      const close = await subject.open({
        url,
        headers: () => ({ authorization: String(++token) }),
        silence: NEVER_SILENT,
        by: 'listener',
        throws: false,
        onMessage: () => {},
        onStopped: () => {},
        onUncaught: () => {},
        ...request,
      })
      // Before the server.
      endings.unshift(close)
      return close
    },
    play: (script) => playOn(world, script, endings),
  }
  return world
}

async function playOn(
  { start, read }: ClientWorld,
  { answers, throws = false, isAboutSilence = false, report }: ClientScript,
  endings: (() => unknown)[],
): Promise<PlayedRequest[]> {
  const messages: ReportedMessage[] = []
  const uncaught: string[] = []
  let stopped: { reason: unknown } | undefined
  const { requests } = await start(answers)
  if (throws) endings.push(collectUncaught(({ message }) => uncaught.push(message)))
  await read({
    throws,
    ...(isAboutSilence && { silence: SILENCE }),
    onMessage: (message) => void messages.push(message),
    onUncaught: (text) => uncaught.push(text),
    onStopped: (reason) => {
      stopped ??= { reason }
    },
  })
  const seen = (): string => JSON.stringify({ messages, requests: requests.map(({ lastEventId }) => lastEventId), uncaught, stopped: stopped !== undefined })
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
  if (!isOver()) await new Promise((resolve) => setTimeout(resolve, isAboutSilence ? SILENCE * 2 : REST))
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
  deepEqual(uncaught, report.uncaught ?? [])
  if (report.stopped) match(String(stopped?.reason), report.stopped)
  else equal(stopped, undefined)
  return requests
}

/** Takes the uncaught errors of this process from a test runner, which would fail at them. Returns what ends that. */
function collectUncaught(take: (error: Error) => void): () => void {
  const theirs = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException').on('uncaughtException', take)
  return () => {
    process.removeAllListeners('uncaughtException')
    for (const each of theirs) process.on('uncaughtException', each)
  }
}
