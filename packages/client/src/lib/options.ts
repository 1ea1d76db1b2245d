import { LONGEST_DELAY } from './back-off.ts'
import { clientError } from './client-error.ts'
import type { Store } from './position.ts'

/** The options of {@link connect}. */
export interface ConnectOptions {
  /** Headers of each request. A function is called anew for each, so that a token is fresh. */
  headers?: HeadersInit | (() => HeadersInit | undefined | PromiseLike<HeadersInit | undefined>) | undefined
  /**
   * The method. A connection with another one than GET never reconnects.
   * @default GET, with a body POST
   */
  method?: string | undefined
  /** The body of the request. */
  body?: BodyInit | undefined
  /**
   * Whether cookies are sent, as for `fetch`.
   * @default same-origin
   */
  credentials?: RequestCredentials | undefined
  /**
   * The function that makes the requests. The body of its response must be a stream.
   * @default globalThis.fetch
   */
  fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined
  /** Closes the connection when it is aborted. */
  signal?: AbortSignal | undefined
  /**
   * The id from which the first request resumes, where the store has none.
   * @default ''
   */
  lastEventId?: string | undefined
  /**
   * Sends the last event ID as the header `Last-Event-ID`, or as `lastEventId` in the query.
   * @default header, for another origin than the page's query
   */
  resumeBy?: 'header' | 'query' | undefined
  /**
   * Makes the data of a message from its text.
   * @default JSON.parse, and undefined for an empty text
   */
  parse?: ((text: string, event: string) => unknown) | undefined
  /**
   * The stream is replaced when it has sent no byte for so many milliseconds, comments included.
   * @default 45_000
   */
  silence?: number | undefined
  /**
   * How many milliseconds a request may take until the head of its response is there, `headers` included.
   * @default 30_000
   */
  connectTimeout?: number | undefined
  /** Closes the stream when the page has been in the background for so many milliseconds, until it is back. */
  pauseWhenHidden?: number | undefined
  /** Keeps the position over a reload. */
  store?: Store | undefined
  /** Returns the state that the store keeps with the position. */
  state?: (() => unknown) | undefined
}

/** Checks what the types cannot. @throws `ERR_SSE_INVALID_OPTION` */
export function checkOptions(options: ConnectOptions): void {
  for (const name of ['silence', 'connectTimeout', 'pauseWhenHidden'] as const) {
    const value = options[name]
    if (value === undefined || (value > 0 && value <= LONGEST_DELAY)) continue
    throw clientError('ERR_SSE_INVALID_OPTION', `${name} must be above 0 and at most ${LONGEST_DELAY} milliseconds, got ${value}`)
  }
}
