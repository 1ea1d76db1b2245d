import { type Attempt, createAttempt } from './attempt.ts'
import { createBackOff } from './back-off.ts'
import { type ClientError, clientError, reportUncaught } from './client-error.ts'
import type { Inbox } from './inbox.ts'
import { watchLifecycle } from './lifecycle.ts'
import type { Listeners } from './listeners.ts'
import type { ConnectOptions } from './options.ts'
import type { Position } from './position.ts'
import { type Block, createReader } from './read-stream.ts'
import { sendRequest } from './request.ts'
import { createSilence } from './silence.ts'
import type { StatusStore } from './status.ts'
import { judge, type Outcome } from './verdict.ts'

// Milliseconds. A stream that was open for longer, or gave a message, ends the back-off.
const LIVED = 5_000

/** What messages go to, and what a connection goes by. */
export interface ConnectionParts {
  status: StatusStore
  listeners: Listeners
  inbox: Inbox
  position: Position
}

/** The connection behind the object of `connect()`. */
export interface Loop {
  /** Connects, at the first call. */
  start(): void
  close(): void
}

/** Makes one attempt after the other, until one is final or `close()` is called. */
export function createLoop(url: string, options: ConnectOptions, { status, listeners, inbox, position }: ConnectionParts): Loop {
  const { body, method = body ? 'POST' : 'GET', headers, parse = parseJson, connectTimeout = 30_000, pauseWhenHidden, signal } = options
  const reconnects = method.toUpperCase() === 'GET'
  const backOff = createBackOff()
  const silence = createSilence(options.silence ?? 45_000)
  const pauses = new Set<'frozen' | 'hidden'>()
  let attempt: Attempt | undefined
  let started = false
  let closed = false
  let hasOpened = false
  let unauthorized = false
  let stopWatching: (() => void) | undefined
  let wake: (() => void) | undefined

  function close(reason: 'local' | 'ended' = 'local', error?: ClientError): void {
    if (closed) return
    closed = true
    stopWatching?.()
    signal?.removeEventListener('abort', onAbort)
    attempt?.giveUp()
    wake?.()
    inbox.end(error, reason === 'local' && !error)
    status.change({ state: 'closed', ...because(error, reason) })
  }
  const onAbort = (): void => close()

  function tellPause(): void {
    const [reason] = pauses
    if (reason) status.change({ state: 'paused', reason })
  }

  function sleep(delay?: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = delay === undefined ? undefined : setTimeout(resolve, delay)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
      if (closed) wake()
    })
  }

  async function run(): Promise<void> {
    while (!closed) {
      if (pauses.size > 0) {
        await sleep()
        continue
      }
      attempt = createAttempt()
      status.change({ state: 'connecting' })
      const { error, final, again, lived = false, least = 0 } = await connectOnce(attempt)
      const { aborted } = attempt.signal
      attempt.giveUp()
      if (aborted && !error && reconnects) continue
      if (again) continue
      if (final || !reconnects) return close('ended', error ?? (aborted ? clientError('ERR_SSE_NETWORK', 'The page was left or frozen') : undefined))
      const until = backOff.next(lived, least)
      status.change({ state: 'waiting', until: Date.now() + until, ...because(error, 'ended') })
      await sleep(until)
    }
  }

  async function connectOnce(attempt: Attempt): Promise<Outcome> {
    const { signal } = attempt
    let sent = false
    // `wait` has ended already when one of these throws.
    const goOn = (): void => {
      if (signal.aborted) throw signal
    }
    async function request(): Promise<Response> {
      await position.load()
      goOn()
      return sendRequest(url, position.id, options, signal, () => {
        goOn()
        sent = true
      })
    }
    let response: Response
    try {
      response = await attempt.wait(request(), connectTimeout, () =>
        clientError('ERR_SSE_CONNECT_TIMEOUT', `No response within ${connectTimeout} ms; over HTTP/1.1 all tabs share six connections to a host`),
      )
    } catch (error) {
      if (!sent) return failed(error, 'ERR_SSE_NOT_SENT', 'headers() or the store failed')
      return failed(error, 'ERR_SSE_NETWORK', 'No response: no network, a redirect loop, or refused by CORS')
    }
    if (signal.aborted) return {}
    const outcome = judge(response, hasOpened)
    if (outcome) {
      const again = response.status === 401 && typeof headers === 'function' && !unauthorized
      unauthorized ||= again
      return { ...outcome, again }
    }
    hasOpened = true
    unauthorized = false
    status.change({ state: 'open' })
    return readStream((response.body as ReadableStream<Uint8Array>).getReader(), attempt)
  }

  async function readStream(reader: ReadableStreamDefaultReader<Uint8Array>, attempt: Attempt): Promise<Outcome> {
    const opened = Date.now()
    let gotBlock = false
    let outcome: Outcome = {}
    const read = createReader(position.id, (retry) => {
      backOff.retry = retry
    })
    const silent = (): ClientError => clientError('ERR_SSE_SILENT', `No byte for ${silence.over()} ms; let the server send heartbeats, or raise silence`)
    try {
      // `wait` ends it when the attempt was given up.
      for (;;) {
        const { done, value } = await attempt.wait(reader.read(), silence.limit, silent)
        if (done) break
        silence.heard(Date.now() - opened)
        const blocks = read(value)
        gotBlock ||= blocks.length > 0
        await deliver(blocks, attempt)
      }
    } catch (error) {
      outcome = failed(error, 'ERR_SSE_NETWORK', 'The connection broke')
    }
    // For a fetch that does not heed its signal.
    reader.cancel().catch(() => {})
    return { lived: gotBlock || Date.now() - opened > LIVED, ...outcome }
  }

  /** Gives each block to the listeners and the iterator. The position moves after the listeners have returned. */
  async function deliver(blocks: Block[], attempt: Attempt): Promise<void> {
    let had = position.id
    try {
      for (const { id, event, data = '' } of blocks) {
        const room = inbox.room()
        if (room) await attempt.wait(room)
        if (attempt.signal.aborted) return
        const message = event === undefined || !(inbox.isRead || listeners.want(event)) ? undefined : parsed(event, data, id)
        const pending = message && listeners.call(message)
        if (pending) await pending
        position.id = id
        if (inbox.isRead) inbox.put({ id, message })
        else had = id
      }
    } finally {
      if (!inbox.isRead) position.keep(had)
    }
  }

  function parsed(event: string, text: string, lastEventId: string): { event: string; data: unknown; lastEventId: string } | undefined {
    try {
      return { event, data: parse(text, event), lastEventId }
    } catch (cause) {
      reportUncaught(clientError('ERR_SSE_INVALID_DATA', `parse failed, so an event ${event} is skipped; pass parse for data that is no JSON`, { cause }))
      return undefined
    }
  }

  return {
    start() {
      if (started || closed) return
      started = true
      stopWatching = watchLifecycle(
        {
          pause(reason) {
            // A page that goes into the back/forward cache is both left and frozen.
            if (pauses.has(reason)) return
            pauses.add(reason)
            attempt?.giveUp()
            wake?.()
            tellPause()
          },
          resume(reason) {
            if (!pauses.delete(reason)) return
            wake?.()
            tellPause()
          },
          online: () => wake?.(),
        },
        reconnects ? pauseWhenHidden : undefined,
      )
      if (signal?.aborted) return close()
      signal?.addEventListener('abort', onAbort)
      void run()
    },
    close: onAbort,
  }
}

/** The reason of a status. */
function because<Reason extends string>(error: ClientError | undefined, reason: Reason): { reason: 'failed'; error: ClientError } | { reason: Reason } {
  return error ? { reason: 'failed', error } : { reason }
}

/** An attempt that failed. An error of the client itself stays as it is; undefined means that it was given up. */
function failed(error: unknown, code: 'ERR_SSE_NOT_SENT' | 'ERR_SSE_NETWORK', text: string): Outcome {
  if (error === undefined) return {}
  const own = error as Partial<ClientError>
  return { error: own.code?.startsWith('ERR_SSE_') ? (error as ClientError) : clientError(code, text, { cause: error }) }
}

/** Heartbeats that are events have no data. */
function parseJson(text: string): unknown {
  return text === '' ? undefined : JSON.parse(text)
}
