import { describe } from '../describe.ts'
import { checkedRetry, encodeMessage, type Serialize } from '../message/message.ts'
import {
  checkCallback,
  checkedDelay,
  checkedInteger,
  checkedOneOf,
  checkedOption,
  checkedSignal,
  checkNames,
  invalidOption,
  wrongOption,
} from '../option-checks.ts'
import { type Heartbeat, resolveHeartbeat } from './heartbeat.ts'
import { type Revalidate, resolveRevalidate } from './revalidation.ts'

/** The place where an error happened that no caller could catch. */
export type ErrorStage =
  /** A route's handler or callback threw after its stream had opened. */
  | 'handler'
  /** A callback given to `onClose` threw, or its promise was rejected. */
  | 'onClose'
  /** A write to the response threw, which happens where another middleware wraps it. The stream was cut. */
  | 'transport'
  /** A check of `revalidate` threw, gave no answer in time, or returned something else than a boolean. */
  | 'revalidate'

/**
 * The options of a stream. The app, a route and a single call take the same options; the nearest one wins, option by
 * option.
 */
export interface StreamOptions {
  /**
   * Sends a comment after this many milliseconds without a write, so that proxies see traffic and a lost peer is
   * noticed. `false` sends none. `{ interval, event }` sends an empty event of that name, which a page can listen to.
   * @default 15_000
   */
  heartbeat?: number | false | { interval: number; event: string } | undefined
  /** The reconnection time that the stream tells when it opens, in milliseconds. Unset: the client uses its own. */
  retry?: number | undefined
  /**
   * The number of bytes that may wait for a slow peer. A `send` while more bytes wait ends the stream as `'slow'`.
   * @default 1_048_576
   */
  maxBufferedBytes?: number | undefined
  /**
   * The stream is cut as `'stalled'` when bytes wait and the peer takes none for this many milliseconds.
   * @default 30_000
   */
  stallTimeout?: number | undefined
  /**
   * The longest lifetime of a stream, in milliseconds. Up to 20 % less at random, so that streams that opened together
   * do not reconnect together. Unset: no limit.
   */
  maxDuration?: number | undefined
  /**
   * Asks again and again whether the stream may stay open. A session may have ended, for example. `false` ends it as
   * `'revoked'`. A check that fails goes to `onError`, and is tried again with back-off. Unset: no stream is checked.
   */
  revalidate?: Revalidate | undefined
  /**
   * The number of streams that may be open in this process, those of other `sse()` calls included. Over it a GET gets
   * a stream that tells a longer `retry` and ends as `'refused'`: another status stops an EventSource for good. Other
   * methods get 503.
   * @default Infinity
   */
  maxStreams?: number | undefined
  /** Abort it at shutdown: every stream then ends cleanly, with a `retry` that spreads the return of the clients. */
  signal?: AbortSignal | undefined
  /**
   * Further response headers. They replace headers that were set before, `Cache-Control` included. `Content-Type`,
   * `Connection`, `Keep-Alive`, `Transfer-Encoding` and `Content-Length` are refused.
   */
  headers?: Readonly<Record<string, string | readonly string[]>> | undefined
  /**
   * The response status: 200 to 299, except 204 and 205. Browsers accept 200 only.
   * @default 200
   */
  status?: number | undefined
  /**
   * Opens the stream with a comment of this many bytes, for browsers and proxies that hold back the first kilobytes.
   * At most 1_048_576.
   * @default 0
   */
  padding?: number | undefined
  /**
   * Turns `data` into text where it is neither text nor bytes.
   * @default JSON.stringify
   */
  serialize?: Serialize | undefined
  /**
   * `'json'`: `send` serialises strings too, so `'a'` is sent as `"a"`, for clients that parse all data as JSON. Bytes
   * are sent as text in any case.
   * @default 'text'
   */
  strings?: 'text' | 'json' | undefined
  /**
   * Whether a request whose `Accept` excludes event streams is refused with 406.
   * @default true on GET and HEAD, false on other methods
   */
  negotiate?: boolean | undefined
  /**
   * Called with each error that no caller can catch.
   * @default console.error
   */
  onError?: ((error: unknown, context: { stage: ErrorStage }) => void) | undefined
}

// The reconnection time of Chromium and Safari where the server tells none.
const USUAL_RETRY = 3_000
const UNLIMITED = Number.POSITIVE_INFINITY
// A few kilobytes are enough. Padding beyond the default of `maxBufferedBytes` would end every stream.
const LONGEST_PADDING = 1_048_576

/** One row for each option: its default, its check, and the value that streams get. */
const OPTIONS = {
  heartbeat: (value: unknown = 15_000): Heartbeat | undefined => resolveHeartbeat(value),
  retry: (value: unknown = USUAL_RETRY): number => checkedOption('retry', () => checkedRetry(value)),
  maxBufferedBytes: (value: unknown = 1_048_576): number => checkedInteger('maxBufferedBytes', value, 0),
  stallTimeout: (value: unknown = 30_000): number => checkedDelay('stallTimeout', value),
  maxDuration: (value?: unknown): number => (value === undefined ? UNLIMITED : checkedDelay('maxDuration', value)),
  revalidate: (value?: unknown): Required<Revalidate> | undefined => resolveRevalidate(value),
  maxStreams: (value: unknown = UNLIMITED): number => (value === UNLIMITED ? UNLIMITED : checkedInteger('maxStreams', value, 0)),
  signal: checkedSignal,
  headers: (value: unknown = {}): readonly Header[] => resolveHeaders(value),
  status: (value: unknown = 200): number => resolveStatus(value),
  padding: (value: unknown = 0): number => checkedInteger('padding', value, 0, LONGEST_PADDING),
  serialize: (value: unknown = JSON.stringify): Serialize => checkCallback('serialize', value),
  strings: (value: unknown = 'text'): 'text' | 'json' => checkedOneOf('strings', value, ['text', 'json']),
  negotiate: (value?: unknown): boolean | undefined => checkedOneOf('negotiate', value, [undefined, true, false]),
  onError: (value: unknown = printError): OnError => checkCallback('onError', value),
} satisfies { [Name in keyof StreamOptions]-?: (value?: unknown) => unknown }

/** Options as streams use them: checked, with defaults, and with their constant frames encoded. */
export interface ResolvedOptions {
  /** The options as they were given, for a nearer layer to override. */
  readonly given: StreamOptions
  /** The first frame of a stream. */
  readonly opening: string
  readonly heartbeat: Heartbeat | undefined
  readonly retry: number
  readonly maxBufferedBytes: number
  readonly stallTimeout: number
  readonly maxDuration: number
  readonly revalidate: Required<Revalidate> | undefined
  readonly maxStreams: number
  readonly signal: AbortSignal | undefined
  readonly headers: readonly Header[]
  readonly status: number
  readonly serialize: Serialize
  readonly strings: 'text' | 'json'
  readonly negotiate: boolean | undefined
  readonly onError: OnError
}

type Header = readonly [name: string, value: string | string[]]
type OnError = (error: unknown, context: { stage: ErrorStage }) => void

const REFUSED_HEADERS = new Set(['content-type', 'connection', 'keep-alive', 'transfer-encoding', 'content-length'])
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 9110 5.5 names control characters.
const HEADER_VALUE_BREAK = /[\x00-\x08\x0a-\x1f\x7f]|[^\x00-\xff]/

/**
 * Checks options and fills in the defaults.
 *
 * @param inherited the outer layer (the app's, for a route), which `options` override one by one
 * @throws `ERR_SSE_INVALID_OPTION` for an unknown name or a value that cannot work
 */
export function resolveOptions(options: StreamOptions | undefined, inherited?: ResolvedOptions): ResolvedOptions {
  if (options === undefined) return inherited ?? DEFAULTS
  checkNames('a stream', options, Object.keys(OPTIONS))
  const given: StreamOptions = { ...inherited?.given, ...definedOnly(options) }
  const checked = Object.entries(OPTIONS).map(([name, check]) => [name, check(given[name as keyof StreamOptions])])
  const { padding, ...resolved } = Object.fromEntries(checked) as { [Name in keyof typeof OPTIONS]: ReturnType<(typeof OPTIONS)[Name]> }
  // A browser keeps the last `retry` that it was told, and a refused stream tells a long one.
  const retry = resolved.maxStreams < UNLIMITED ? resolved.retry : given.retry
  return { given, opening: openingFrame(padding, retry), ...resolved }
}

const DEFAULTS: ResolvedOptions = resolveOptions({})

function definedOnly(options: StreamOptions): StreamOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

function printError(error: unknown): void {
  console.error(error)
}

function openingFrame(padding: number, retry: number | undefined): string {
  // A colon, spaces, and two line ends. There is always a frame, because the first byte must leave at once.
  const comment = `${':'.padEnd(padding - 2)}\n\n`
  if (retry === undefined) return comment
  return padding > 0 ? comment + encodeMessage({ retry }) : encodeMessage({ retry })
}

function resolveHeaders(headers: unknown): Header[] {
  if (typeof headers !== 'object' || headers === null || Symbol.iterator in headers)
    throw wrongOption('headers', 'an object of names and values (write Object.fromEntries(headers))', headers)
  return Object.entries(headers).map(([name, value]) => {
    if (!HEADER_NAME.test(name)) throw invalidOption(`headers has the name ${describe(name)}, which HTTP does not allow`)
    if (REFUSED_HEADERS.has(name.toLowerCase())) throw invalidOption(`headers must not name ${name}: it belongs to the event stream or to the connection`)
    const values: unknown[] = Array.isArray(value) ? value : [value]
    for (const each of values) {
      if (typeof each !== 'string' || HEADER_VALUE_BREAK.test(each))
        throw invalidOption(`headers has ${describe(each)} for ${name}; a value is a string in latin1 without control characters`)
    }
    return [name, Array.isArray(value) ? ([...values] as string[]) : (value as string)]
  })
}

function resolveStatus(status: unknown): number {
  if (Number.isInteger(status) && (status as number) >= 200 && (status as number) <= 299 && status !== 204 && status !== 205) return status as number
  throw wrongOption('status', '200 to 299 and neither 204 nor 205', status)
}
