import { describe } from '../describe.ts'
import { checkedEvent, checkedRetry, encodeComment, encodeMessage, type Serialize } from '../message/message.ts'
import { SharedText } from '../message/shared-text.ts'
import { checkedDelay, checkedInteger, checkedOption, checkedSignal, checkFunctions, checkNames, invalidOption } from '../option-checks.ts'

/** Where in the life of a stream something failed that no caller was there to catch. */
export type ErrorStage =
  /** A route's handler or callback threw after its stream had opened. */
  | 'handler'
  /** A callback given to `onClose` threw, or its promise was rejected. */
  | 'onClose'
  /** The response threw at a write, as one that others have wrapped may. Its stream was cut. */
  | 'transport'

/** The options of a stream: the same words for the app, for a route and for one call. The nearest wins, option by option. */
export interface StreamOptions {
  /**
   * A comment after so many milliseconds without a write, so that proxies see traffic and a lost peer is noticed. `false`
   * for none. `{ interval, event }` sends an empty event of that name instead, which a page's own watchdog can see.
   * @default 15_000
   */
  heartbeat?: number | false | { interval: number; event: string } | undefined
  /** The reconnection time told to the client when the stream opens, in milliseconds. Unset: the client's own. */
  retry?: number | undefined
  /**
   * How many bytes may wait for a slow peer. A `send` while more wait ends the stream as `'slow'`.
   * @default 1_048_576
   */
  maxBufferedBytes?: number | undefined
  /**
   * A peer that takes nothing for so many milliseconds while bytes wait is cut as `'stalled'`.
   * @default 30_000
   */
  stallTimeout?: number | undefined
  /**
   * How long a stream may live, in milliseconds, less up to 20 % at random so that streams that opened together do not come
   * back together. Unset: for ever.
   */
  maxDuration?: number | undefined
  /** Aborted at shutdown: every stream ends cleanly, with a `retry` that spreads the clients' return. */
  signal?: AbortSignal | undefined
  /**
   * Further response headers. They win over what was set before, also over `Cache-Control`.
   * `Content-Type`, `Connection`, `Keep-Alive`, `Transfer-Encoding` and `Content-Length` are not theirs to set.
   */
  headers?: Readonly<Record<string, string | readonly string[]>> | undefined
  /**
   * The response status: 200 to 299, but for 204 and 205. Browsers take 200 only.
   * @default 200
   */
  status?: number | undefined
  /**
   * Opens the stream with a comment of so many bytes, for browsers and proxies that hold back the first few kilobytes. At most 1 MiB.
   * @default 0
   */
  padding?: number | undefined
  /**
   * Turns `data` that is neither text nor bytes into text.
   * @default JSON.stringify
   */
  serialize?: Serialize | undefined
  /**
   * Whether a request whose `Accept` excludes event streams is refused with 406.
   * @default true on GET and HEAD, false on other methods
   */
  negotiate?: boolean | undefined
  /**
   * Told of what fails where no caller can catch it.
   * @default console.error
   */
  onError?: ((error: unknown, context: { stage: ErrorStage }) => void) | undefined
}

/** Options as the streams use them: checked, with defaults, and with the frames that never change already encoded. */
export interface ResolvedOptions {
  /** What was given, for a nearer layer to override. */
  readonly given: StreamOptions
  readonly heartbeat: { readonly interval: number; readonly frame: SharedText } | undefined
  readonly opening: string
  readonly retry: number
  readonly maxBufferedBytes: number
  readonly stallTimeout: number
  readonly maxDuration: number
  readonly signal: AbortSignal | undefined
  readonly headers: ReadonlyArray<readonly [name: string, value: string | string[]]>
  readonly status: number
  readonly serialize: Serialize
  readonly negotiate: boolean | undefined
  /** As given, or `console.error`. */
  readonly onError: (error: unknown, context: { stage: ErrorStage }) => void
}

// The reconnection time that clients use when none was told: Chromium's and Safari's.
const USUAL_RETRY = 3_000
// Padding is for those who hold back a few kilobytes; more of it than may wait for a slow peer would end every stream.
const LONGEST_PADDING = 1_048_576
const USUAL = {
  heartbeat: 15_000,
  padding: 0,
  maxBufferedBytes: 1_048_576,
  stallTimeout: 30_000,
  headers: {},
  status: 200,
  serialize: JSON.stringify as Serialize,
  onError: (error: unknown): void => console.error(error),
} satisfies StreamOptions
const NAMES = [
  'heartbeat',
  'retry',
  'maxBufferedBytes',
  'stallTimeout',
  'maxDuration',
  'signal',
  'headers',
  'status',
  'padding',
  'serialize',
  'negotiate',
  'onError',
] as const satisfies ReadonlyArray<keyof StreamOptions>
const NOT_THEIRS = new Set(['content-type', 'connection', 'keep-alive', 'transfer-encoding', 'content-length'])
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 9110 5.5 names control characters.
const HEADER_VALUE_BREAK = /[\x00-\x08\x0a-\x1f\x7f]|[^\x00-\xff]/

/**
 * Checks options and fills in the defaults.
 *
 * @param inherited the layer further out (the app's, for a route), which `options` override one by one
 * @throws `ERR_SSE_INVALID_OPTION` for an unknown name or a value that cannot work
 */
export function resolveOptions(options: StreamOptions | undefined, inherited?: ResolvedOptions): ResolvedOptions {
  if (options === undefined) return inherited ?? DEFAULTS
  checkNames('', options, NAMES)
  const given = { ...inherited?.given, ...definedOnly(options) }
  const all = { ...USUAL, ...given }
  const { serialize = USUAL.serialize, onError = USUAL.onError } = all
  checkFunctions({ serialize, onError })
  const retry = all.retry === undefined ? undefined : checkedOption('retry', () => checkedRetry(all.retry))
  return {
    given,
    heartbeat: resolveHeartbeat(all.heartbeat),
    opening: openingFrame(checkedInteger('padding', all.padding, 0, LONGEST_PADDING), retry),
    retry: retry ?? USUAL_RETRY,
    maxBufferedBytes: checkedInteger('maxBufferedBytes', all.maxBufferedBytes, 0),
    stallTimeout: checkedDelay('stallTimeout', all.stallTimeout),
    maxDuration: all.maxDuration === undefined ? Number.POSITIVE_INFINITY : checkedDelay('maxDuration', all.maxDuration),
    signal: checkedSignal(all.signal),
    headers: resolveHeaders(all.headers),
    status: resolveStatus(all.status),
    serialize,
    negotiate: resolveNegotiate(all.negotiate),
    onError,
  }
}

const DEFAULTS: ResolvedOptions = resolveOptions({})

function definedOnly(options: StreamOptions): StreamOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

function openingFrame(padding: number, retry: number | undefined): string {
  // `:`, spaces, and two line ends. A first byte has to leave at once in any case, so there is always a frame.
  const comment = `${':'.padEnd(padding - 2)}\n\n`
  if (retry === undefined) return comment
  return padding > 0 ? comment + encodeMessage({ retry }) : encodeMessage({ retry })
}

function resolveHeartbeat(value: unknown): ResolvedOptions['heartbeat'] {
  if (value === false) return undefined
  if (typeof value !== 'object' || value === null)
    return { interval: checkedDelay('heartbeat', value, ', false, or { interval, event }'), frame: new SharedText(encodeComment(), 0) }
  const { interval, event, ...rest } = value as { interval?: unknown; event?: unknown }
  const [extra] = Object.keys(rest)
  if (extra !== undefined) throw invalidOption(`heartbeat takes { interval, event }, not ${describe(extra)}`)
  const name = checkedOption('heartbeat.event', () => checkedEvent(event))
  if (name === '' || name === 'message') throw invalidOption('heartbeat.event must have a name of its own, or every listener for messages gets it')
  return { interval: checkedDelay('heartbeat.interval', interval), frame: new SharedText(encodeMessage({ event: name, data: '' }), 0) }
}

function resolveHeaders(headers: unknown): Array<[string, string | string[]]> {
  if (typeof headers !== 'object' || headers === null || Symbol.iterator in headers)
    throw invalidOption(`headers must be an object of names and values, got ${describe(headers)}; write Object.fromEntries(headers)`)
  return Object.entries(headers).map(([name, value]) => {
    if (!HEADER_NAME.test(name)) throw invalidOption(`headers has the name ${describe(name)}, which HTTP does not allow`)
    if (NOT_THEIRS.has(name.toLowerCase())) throw invalidOption(`headers must not name ${name}: it belongs to the event stream or to the connection`)
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
  throw invalidOption(`status must be 200 to 299 and neither 204 nor 205, got ${describe(status)}: no other response can be an event stream`)
}

function resolveNegotiate(value: unknown): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value
  throw invalidOption(`negotiate must be a boolean, got ${describe(value)}`)
}
