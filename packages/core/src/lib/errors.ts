/** Why a stream ended, as `onClose` and `signal.reason.reason` tell it. */
export type CloseReason =
  /**
   * The peer left: its connection was closed or reset, or its fetch aborted. Also where a framework destroyed the
   * connection.
   */
  | 'peer'
  /** This side called `close()`, or ended the response. */
  | 'local'
  /** A message was sent while more than `maxBufferedBytes` already waited. */
  | 'slow'
  /** The peer took nothing for `stallTimeout` while bytes waited. */
  | 'stalled'
  /** The `signal` of the options was aborted. */
  | 'shutdown'
  /** `maxDuration` was reached. */
  | 'expired'
  /** A handler threw, or the transport failed. */
  | 'error'
  /** No stream was opened: a HEAD request, or one that was refused with 406. */
  | 'unopened'

/** Why a page is told that something it wanted may be gone. */
export type ResetReason =
  /** This log never gave out its last event id: it is of another epoch, of another log, or no id at all. */
  | 'unknown'
  /** What followed its last event id is not kept any more. */
  | 'trimmed'
  /** It read so slowly that what it had yet to read was dropped. */
  | 'lagged'
  /** The log's engine has lost messages, among them some that it had read or was to read. */
  | 'lost'

/** Every code that a {@link TidingsError} can carry. `docs/errors.md` has a row for each. */
export type ErrorCode =
  | 'ERR_SSE_INVALID_FIELD'
  | 'ERR_SSE_INVALID_MESSAGE'
  | 'ERR_SSE_INVALID_OPTION'
  | 'ERR_SSE_INVALID_SOURCE'
  | 'ERR_SSE_NOT_ACCEPTABLE'
  | 'ERR_SSE_HEADERS_SENT'
  | 'ERR_SSE_BODY_DROPPED'
  | 'ERR_SSE_NAME_TAKEN'
  | 'ERR_SSE_CLOSED'
  | 'ERR_SSE_ID_OWNED'
  | 'ERR_SSE_RESERVED_EVENT'
  | 'ERR_SSE_GAP'
  | 'ERR_SSE_SNAPSHOT_TIMEOUT'
  | 'ERR_SSE_CHANNEL_ENDED'
  | 'ERR_SSE_LOG_UNAVAILABLE'
  | 'ERR_SSE_LOG_REFUSED'
  | 'ERR_SSE_FOREIGN_ENTRY'
  | 'ERR_SSE_UNKNOWN_IDS'
  | 'ERR_SSE_HISTORY_DIFFERS'

/** What may be said of an error beside its code and its text. */
export interface ErrorDetails {
  /** The error underneath. */
  cause?: unknown
  /** The HTTP status that fits, where HTTP has one. */
  status?: number
  /** Why the stream ended, on `ERR_SSE_CLOSED`. */
  reason?: CloseReason
}

/**
 * The one error class. Tell errors apart by `code`, never by `instanceof`: two copies of this package may be
 * installed.
 *
 * `name` is `'AbortError'` on `ERR_SSE_CLOSED`, so that whatever was given the stream's `signal` fails as its callers
 * expect.
 */
export class TidingsError extends Error {
  /** What to tell errors apart by. */
  readonly code: ErrorCode
  /** The HTTP status that fits: 406 on `ERR_SSE_NOT_ACCEPTABLE`, absent where HTTP has none. */
  declare readonly status?: number
  /** Why the stream ended; on `ERR_SSE_CLOSED` only. */
  declare readonly reason?: CloseReason

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    this.name = code === 'ERR_SSE_CLOSED' ? 'AbortError' : 'TidingsError'
    this.code = code
    if (details.status !== undefined) this.status = details.status
    if (details.reason !== undefined) this.reason = details.reason
  }
}

const CLOSE_MESSAGES: Record<CloseReason, string> = {
  peer: 'The event stream ended: the peer left',
  local: 'The event stream was closed by this side',
  slow: 'The event stream was cut: more than maxBufferedBytes waited for a slow peer; await send(), or raise the limit',
  stalled: 'The event stream was cut: the peer took nothing for stallTimeout while bytes waited',
  shutdown: 'The event stream ended: the signal of its options was aborted',
  expired: 'The event stream ended: it reached maxDuration',
  error: 'The event stream was cut by an error; see its cause',
  unopened: 'No event stream was opened: the request was HEAD, or was refused with 406',
}

/** The `ERR_SSE_CLOSED` that tells why a stream ended. */
export function closedError(reason: CloseReason, cause?: unknown): TidingsError {
  return new TidingsError('ERR_SSE_CLOSED', CLOSE_MESSAGES[reason], cause === undefined ? { reason } : { reason, cause })
}

/** The error of a second stream on one response, or of one that comes too late. */
export function alreadyBegun(): TidingsError {
  return new TidingsError(
    'ERR_SSE_HEADERS_SENT',
    'The response has begun already: a stream was opened on it before, or something else was sent; open one stream, first',
  )
}

/**
 * The error of a request's body that somebody begins to read after the stream has opened, when it is not all there
 * any more.
 */
export function bodyDropped(): TidingsError {
  return new TidingsError(
    'ERR_SSE_BODY_DROPPED',
    "The request's body was dropped, since nobody read it when the stream opened; read it first, then open the stream",
  )
}

/** The error of a message that comes after the end. */
export function channelEnded(): TidingsError {
  return new TidingsError('ERR_SSE_CHANNEL_ENDED', 'The channel has ended; publish before end() or close()')
}

/** The error of a message that the log's engine has not kept, and says why. */
export function notKept(cause: Error): TidingsError {
  return new TidingsError('ERR_SSE_LOG_UNAVAILABLE', `The log's engine has not kept the message: ${cause.message}`, { cause })
}

/** The error of something in a log's engine that no log has written. */
export function foreignEntry(what: string): TidingsError {
  return new TidingsError(
    'ERR_SSE_FOREIGN_ENTRY',
    `The log's engine has something that is not a message of this log, and is skipped: ${what}; let no other program write to the log`,
  )
}

/** The error of a message of which nobody can tell whether the engine has it. */
export function unavailable(reason: string, cause?: unknown): TidingsError {
  const text = `The log's engine could not tell that it has the message: ${reason}; publish it again with the same idempotencyKey`
  return new TidingsError('ERR_SSE_LOG_UNAVAILABLE', text, cause === undefined ? {} : { cause })
}
