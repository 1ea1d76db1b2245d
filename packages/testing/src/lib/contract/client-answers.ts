import type { ServedAnswer, ServedStream } from '../client-under-test.ts'

/** A message of an answer, by the names of its fields. */
export interface SentMessage {
  id?: string
  retry?: number
  event?: string
  data?: string
}

/** What a server does with one request. */
export interface ClientAnswer {
  /** @default 200 */
  status?: number
  /** Headers beside `Content-Type: text/event-stream`. */
  headers?: Record<string, string>
  /** The messages, or what a server makes of the client's last event ID. A text is the body of another type. */
  body?: string | readonly SentMessage[] | ((lastEventId: string) => readonly SentMessage[])
  /** The number of bytes behind the first message after which the answer stops. By default it is whole. */
  at?: number
  /**
   * What comes after that: the end, a broken connection, silence, a comment every 150 ms, or messages of 5 kB as fast
   * as the client reads. `'nothing'` breaks the connection before the head.
   */
  after: 'end' | 'cut' | 'silence' | 'comments' | 'flood' | 'nothing'
}

/** A request of a client. Times are those of `performance.now()`. */
export interface PlayedRequest {
  lastEventId: string
  token: string
  began: number
  ended: number
  /** The number of messages of a flood that the connection took. */
  flooded: number
}

/** The longest flood, in messages. It has 100 MB. */
export const LONGEST_FLOOD = 20_000
const PADDING = 'x'.repeat(5_000)

/** Turns the data of a case into what a server does. */
export function servedAnswer(answer: ClientAnswer, request: PlayedRequest, beat: number): ServedAnswer {
  const { status = 200, headers = {}, body = [], at, after } = answer
  if (status !== 200 || typeof body === 'string') {
    request.ended = performance.now()
    return { status, headers, body: typeof body === 'string' ? body : '' }
  }
  return async (stream) => {
    const ends = (): void => {
      request.ended ||= performance.now()
    }
    stream.onClose(ends)
    for (const message of typeof body === 'function' ? body(request.lastEventId) : body) void stream.send(message)
    if (after === 'flood') await flood(stream, request)
    else if (after === 'comments') beats(stream, beat)
    // The bytes of one that is cut are those of a whole one.
    else if (after === 'end' || at !== undefined) {
      // The client may see the end before this process is told of it.
      ends()
      stream.close()
    }
  }
}

async function flood(stream: ServedStream, request: PlayedRequest): Promise<void> {
  while (request.flooded < LONGEST_FLOOD && (await stream.send({ data: `${request.flooded} ${PADDING}` }))) request.flooded++
}

function beats(stream: ServedStream, beat: number): void {
  const timer = setInterval(() => void stream.comment(), beat)
  stream.onClose(() => clearInterval(timer))
}
