import type { IncomingMessage, ServerResponse } from 'node:http'
import type { EventStream, StreamOptions } from '@tidings/core'

/** The function that `node:http` and `node:http2` call for each request. */
export type Listener = (req: IncomingMessage, res: ServerResponse) => unknown

/** One route of the app under test. */
export interface RouteUnderTest {
  path: string
  /** @default 'GET' */
  method?: 'GET' | 'POST'
  /** Mount `sse(options)` on the route as well. */
  options?: StreamOptions | undefined
  /** Pass these to the call that opens the stream. */
  callOptions?: StreamOptions | undefined
  /** Set these on the response before the stream opens. */
  headers?: Record<string, string>
  /** Read the whole body of the request before the stream opens. */
  readsBody?: boolean
  /** Run the handler of the route in this, as middleware with an `AsyncLocalStorage` does. */
  around?: <Result>(handler: () => Result) => Result
  /** Await this before the stream opens. An error that it throws is one before the head. */
  before?: () => unknown
  /** Send something else first, so that the head is sent before the stream is opened. */
  sendsFirst?: boolean
  /**
   * Run this with the stream and await its result. Let the handler throw the errors that it throws.
   *
   * @param again asks for a second stream on the same response
   * @param readBody reads the whole body of the request as text, as the framework's handlers do
   */
  run(stream: EventStream, again: () => unknown, readBody: () => Promise<string>): unknown
}

/** The app that an adapter builds for one test. */
export interface AppUnderTest {
  /** Mount `sse(options)` for the whole app with these, and behind nothing but `middleware`. */
  options?: StreamOptions | undefined
  /** Mount the middleware of this name first: one of those that the adapter lists. */
  middleware?: string | undefined
  /** Set the helper's name to a foreign value before `sse()` is mounted. */
  nameTaken?: boolean
  routes: RouteUnderTest[]
  /** Call this with every error that reaches the framework's own error handling. */
  onFrameworkError(error: unknown): void
}

/** An adapter as the contract sees it. */
export interface AdapterUnderTest {
  /** Part of the tests' names. */
  name: string
  /** Builds the app and returns its listener. */
  listener(app: AppUnderTest): Listener | Promise<Listener>
  /**
   * Whether the framework serves HTTP/2 by `node:http2`'s compatibility API.
   * @default false
   */
  http2?: boolean
  /**
   * Names of middleware that `listener` can mount. Behind each of them, messages must arrive as they were sent (H7).
   */
  middleware?: readonly string[]
  /**
   * Cases of the contract that the platform cannot hold, by protocol and name (`'HTTP/2 H5/refuses-head'`). Each has
   * the link that says so, and where a version of Node mends it, that version: `26` or `'24.16'`. Such a case is
   * expected to fail. Its test fails once the case holds.
   */
  cannot?: Readonly<Record<string, string | { why: string; beforeNode: number | `${number}.${number}` }>>
  /**
   * Whether the adapter has middleware that adds a helper and can be mounted more than once.
   * @default true
   */
  mountable?: boolean
  /**
   * Whether handlers return their response, so that nothing can be sent before the stream opens.
   * @default false
   */
  returnsResponses?: boolean
  /** Where an error goes that a handler throws after its stream has opened (L7). The connection ends in any case. */
  handlerErrors: 'framework' | 'onError' | 'both'
}
