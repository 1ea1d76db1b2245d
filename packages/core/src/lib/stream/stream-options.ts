import { describe } from '../describe.ts'
import { checkedEvent, checkedRetry, encodeComment, encodeMessage, type Serialize } from '../message/message.ts'
import { SharedText } from '../message/shared-text.ts'
import { checkCallback, checkedDelay, checkedInteger, checkedOption, checkedSignal, checkNames, invalidOption } from '../option-checks.ts'

/** Where in the life of a stream something failed that no caller was there to catch. */
export type ErrorStage =
  /** A route's handler or callback threw after its stream had opened. */
  | 'handler'
  /** A callback given to `onClose` threw, or its promise was rejected. */
  | 'onClose'
  /** The response threw at a write, as one that others have wrapped may. Its stream was cut. */
  | 'transport'

/**
 * The options of a stream: the same words for the app, for a route and for one call. The nearest wins, option by
 * option.
 */
export interface StreamOptions {
  /**
   * A comment after so many milliseconds without a write, so that proxies see traffic and a lost peer is noticed.
   * `false` for none. `{ interval, event }` sends an empty event of that name instead, which a page's own watchdog
   * can see.
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
   * How long a stream may live, in milliseconds, less up to 20 % at random so that streams that opened together do
   * not come back together. Unset: for ever.
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
   * Opens the stream with a comment of so many bytes, for browsers and proxies that hold back the first few
   * kilobytes. At most 1 MiB.
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

// The reconnection time that clients use when none was told: Chromium's and Safari's.
const USUAL_RETRY = 3_000
// Padding is for those who hold back a few kilobytes; more of it than may wait for a slow peer would end every stream.
const LONGEST_PADDING = 1_048_576

/**
 * One row for each option: its default where it is not set, its check where it is, and what a stream is given of it.
 */
const OPTIONS = {
  heartbeat: (value: unknown = 15_000): Heartbeat | undefined => resolveHeartbeat(value),
  retry: (value: unknown = USUAL_RETRY): number => checkedOption('retry', () => checkedRetry(value)),
  maxBufferedBytes: (value: unknown = 1_048_576): number => checkedInteger('maxBufferedBytes', value, 0),
  stallTimeout: (value: unknown = 30_000): number => checkedDelay('stallTimeout', value),
  maxDuration: (value?: unknown): number => (value === undefined ? Number.POSITIVE_INFINITY : checkedDelay('maxDuration', value)),
  signal: (value?: unknown): AbortSignal | undefined => checkedSignal(value),
  headers: (value: unknown = {}): readonly Header[] => resolveHeaders(value),
  status: (value: unknown = 200): number => resolveStatus(value),
  padding: (value: unknown = 0): number => checkedInteger('padding', value, 0, LONGEST_PADDING),
  serialize: (value: unknown = JSON.stringify): Serialize => checkedFunction('serialize', value),
  negotiate: (value?: unknown): boolean | undefined => resolveNegotiate(value),
  onError: (value: unknown = printError): OnError => checkedFunction('onError', value),
} satisfies { [Name in keyof StreamOptions]-?: (value?: unknown) => unknown }

/** Options as the streams use them: checked, with defaults, and with the frames that never change already encoded. */
export interface ResolvedOptions {
  /** What was given, for a nearer layer to override. */
  readonly given: StreamOptions
  /** What a stream begins with. */
  readonly opening: string
  readonly heartbeat: Heartbeat | undefined
  readonly retry: number
  readonly maxBufferedBytes: number
  readonly stallTimeout: number
  readonly maxDuration: number
  readonly signal: AbortSignal | undefined
  readonly headers: readonly Header[]
  readonly status: number
  readonly serialize: Serialize
  readonly negotiate: boolean | undefined
  readonly onError: OnError
}

interface Heartbeat {
  readonly interval: number
  readonly frame: SharedText
}
type Header = readonly [name: string, value: string | string[]]
type OnError = (error: unknown, context: { stage: ErrorStage }) => void

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
  checkNames('', options, Object.keys(OPTIONS))
  const given: StreamOptions = { ...inherited?.given, ...definedOnly(options) }
  const checked = Object.entries(OPTIONS).map(([name, check]) => [name, check(given[name as keyof StreamOptions])])
  const { padding, ...resolved } = Object.fromEntries(checked) as { [Name in keyof typeof OPTIONS]: ReturnType<(typeof OPTIONS)[Name]> }
  return { given, opening: openingFrame(padding, given.retry), ...resolved }
}

const DEFAULTS: ResolvedOptions = resolveOptions({})

function definedOnly(options: StreamOptions): StreamOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

function checkedFunction<Callback>(name: string, value: unknown): Callback {
  checkCallback(name, value)
  return value as Callback
}

function printError(error: unknown): void {
  console.error(error)
}

function openingFrame(padding: number, retry: number | undefined): string {
  // `:`, spaces, and two line ends. A first byte has to leave at once in any case, so there is always a frame.
  const comment = `${':'.padEnd(padding - 2)}\n\n`
  if (retry === undefined) return comment
  return padding > 0 ? comment + encodeMessage({ retry }) : encodeMessage({ retry })
}

function resolveHeartbeat(value: unknown): Heartbeat | undefined {
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

function resolveHeaders(headers: unknown): Header[] {
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
