import { createParser } from 'eventsource-parser'

/** One event as a client dispatches it. */
export interface ReceivedEvent {
  /** `'message'` where the wire named none. */
  event: string
  data: string
  /** The id on this event's own block, or `undefined`. */
  id: string | undefined
}

/** Everything that was read of a response. */
export interface EventStreamRecording {
  status: number
  /** Names in lower case. */
  headers: Record<string, string | undefined>
  events: ReceivedEvent[]
  /** Comments that stood in the stream, without the colon and one leading space. */
  comments: string[]
  /** The last reconnection time that was told, in milliseconds. */
  retry: number | undefined
  /** The whole body as text. */
  text: string
  /** Whether the server ended the stream cleanly. False when `until` ended the reading, or the connection broke. */
  ended: boolean
}

/** When to stop reading. */
export interface ReadOptions {
  /**
   * A number of events, or a function that says whether the recording is enough. Reading then stops, and the client
   * leaves. Unset, reading stops when the server ends the stream.
   */
  until?: number | ((recording: EventStreamRecording) => boolean)
  /**
   * Milliseconds after which the call rejects if the stream has neither ended nor met `until`.
   * @default 5000
   */
  timeout?: number
}

/**
 * The used part of a `supertest` test that was not sent yet. Its own types differ between versions, hence `never`.
 */
export interface SupertestTest {
  /** Whether the body is collected. */
  buffer(on: boolean): unknown
  /** Sets the function that reads the body. */
  parse(parser: never): unknown
  /** Sends the request. */
  then(resolve: never, reject: never): unknown
}

interface SupertestResponse {
  status: number
  headers: Record<string, string | undefined>
}

interface NodeBody {
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown
  on(event: 'end' | 'close', listener: () => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  destroy(): unknown
}

/**
 * Reads an event stream in a test. When `until` is met, it ends the request, as a client does that leaves. If the
 * connection breaks, a `supertest` test resolves to the part that was read, with `ended` false.
 *
 * @param source a `supertest` test, or a fetch `Response` (or the promise of one)
 * @throws `TypeError` for an unknown option or source. After `timeout`, an error whose message has the text that was
 * read. The error of fetch, if the connection of a fetch `Response` breaks
 *
 * @example
 * import { sse } from '@tidings/express'
 * import { readEventStream } from '@tidings/testing'
 * import express from 'express'
 * import request from 'supertest'
 * import { expect } from 'vitest'
 *
 * const app = express()
 * app.get('/clock', sse(), (req, res) => {
 *   res.sse().send({ event: 'tick', data: { now: 1 } })
 * })
 *
 * const { events } = await readEventStream(request(app).get('/clock'), { until: 1 })
 * expect(events[0]).toEqual({ event: 'tick', data: '{"now":1}', id: undefined })
 */
export async function readEventStream(source: SupertestTest | Response | Promise<Response>, options: ReadOptions = {}): Promise<EventStreamRecording> {
  const [unknown] = Object.keys(options).filter((name) => name !== 'until' && name !== 'timeout')
  if (unknown !== undefined) throw new TypeError(`${unknown} is not an option of readEventStream; there are until, timeout`)
  if (typeof source !== 'object' || source === null || !('then' in source || 'body' in source))
    throw new TypeError('readEventStream takes a supertest test or a fetch Response: write request(app).get(path), or fetch(url)')
  const recorder = new Recorder(options)
  if ('parse' in source && typeof source.parse === 'function') await readTest(source as SupertestTest, recorder)
  else await readResponse(await (source as Response | Promise<Response>), recorder)
  return recorder.finished()
}

/** Parses bytes as they come, and knows when `until` is met. */
class Recorder {
  readonly recording: EventStreamRecording = { status: 0, headers: {}, events: [], comments: [], retry: undefined, text: '', ended: false }
  readonly timeout: number
  timedOut = false
  readonly #until: (recording: EventStreamRecording) => boolean
  readonly #decoder = new TextDecoder()
  readonly #parser = createParser({
    onEvent: ({ event, data, id }) => this.recording.events.push({ event: event ?? 'message', data, id }),
    onComment: (comment) => this.recording.comments.push(comment),
    onRetry: (retry) => {
      this.recording.retry = retry
    },
  })

  constructor({ until, timeout = 5_000 }: ReadOptions) {
    this.timeout = timeout
    this.#until = typeof until === 'number' ? ({ events }) => events.length >= until : (until ?? (() => false))
  }

  head(status: number, headers: Record<string, string | undefined>): void {
    Object.assign(this.recording, { status, headers })
  }

  /** Whether `until` is met. */
  take(bytes: Uint8Array): boolean {
    const text = this.#decoder.decode(bytes, { stream: true })
    this.recording.text += text
    this.#parser.feed(text)
    return this.#until(this.recording)
  }

  finished(): EventStreamRecording {
    if (!this.timedOut) return this.recording
    throw new Error(
      `The event stream neither ended nor brought what was waited for within ${this.timeout} ms; read so far: ${JSON.stringify(this.recording.text)}`,
    )
  }
}

async function readResponse(response: Response, recorder: Recorder): Promise<void> {
  recorder.head(response.status, Object.fromEntries(response.headers))
  const reader = response.body?.getReader()
  const timer = setTimeout(() => {
    recorder.timedOut = true
    reader?.cancel()
  }, recorder.timeout)
  try {
    for (;;) {
      const chunk = await reader?.read()
      if (!chunk || chunk.done) break
      if (recorder.take(chunk.value)) return await reader?.cancel()
    }
    recorder.recording.ended = !recorder.timedOut
  } finally {
    clearTimeout(timer)
  }
}

async function readTest(test: SupertestTest, recorder: Recorder): Promise<void> {
  const parser = (body: NodeBody, done: (error: null, text: string) => void): void => {
    let isFinished = false
    const finish = (): void => {
      clearTimeout(timer)
      // A response that this function has destroyed emits an error, too.
      if (!isFinished) done(null, recorder.recording.text)
      isFinished = true
    }
    const leave = (): void => {
      finish()
      body.destroy()
    }
    const timer = setTimeout(() => {
      recorder.timedOut = true
      leave()
    }, recorder.timeout)
    // Destroying a response makes its request emit an error, which ends the process where nobody listens.
    body.on('error', finish)
    body.on('data', (chunk) => {
      if (recorder.take(chunk)) leave()
    })
    body.on('end', () => {
      recorder.recording.ended = true
      finish()
    })
  }
  test.buffer(true)
  test.parse(parser as never)
  const { status, headers } = await (test as PromiseLike<SupertestResponse>)
  recorder.head(status, headers)
}
