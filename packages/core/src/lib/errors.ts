/** Why a stream ended, as `onClose` and `signal.reason.reason` tell it. */
export type CloseReason =
  /**
   * The peer left: its connection was closed or reset, or its fetch was aborted. Also where a framework destroyed the
   * connection.
   */
  | 'peer'
  /** This side called `close()`, or ended the response. */
  | 'local'
  /** A message was sent while more than `maxBufferedBytes` waited for the peer. */
  | 'slow'
  /** The peer took nothing for `stallTimeout` while bytes waited. */
  | 'stalled'
  /** The `signal` of the options was aborted. */
  | 'shutdown'
  /** `maxDuration` was reached. */
  | 'expired'
  /** A check of `revalidate` returned `false`, or has failed for longer than `failClosed`. */
  | 'revoked'
  /** `maxStreams` streams were open already. */
  | 'refused'
  /** A handler, filter or snapshot threw, or the transport failed. */
  | 'error'
  /** No stream was opened: the request was HEAD, or was refused with 406. */
  | 'unopened'

/** Why a client is told that messages for it may be gone. */
export type ResetReason =
  /** The log never gave out the client's last event id: the id is of another epoch or log, or not an id. */
  | 'unknown'
  /** Messages after the client's last event id are not kept any more. */
  | 'trimmed'
  /** The client read too slowly: messages were dropped before it got them. */
  | 'lagged'
  /** The log's engine has lost messages that the client had got, or was to get. */
  | 'lost'

/** Every code that a {@link TidingsError} can carry. `docs/errors.md` has a row for each. */
export type ErrorCode =
  | 'ERR_SSE_INVALID_FIELD'
  | 'ERR_SSE_INVALID_MESSAGE'
  | 'ERR_SSE_INVALID_OPTION'
  | 'ERR_SSE_INVALID_SOURCE'
  | 'ERR_SSE_NOT_ACCEPTABLE'
  | 'ERR_SSE_TOO_MANY_STREAMS'
  | 'ERR_SSE_CHECK_TIMEOUT'
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

/** Details of an error beside its code and its text. */
export interface ErrorDetails {
  /** The error that caused it. */
  cause?: unknown
  /** The HTTP status to answer with, where one fits. */
  status?: number
  /** Response headers for the answer. */
  headers?: Readonly<Record<string, string>>
  /** Why the stream ended, on `ERR_SSE_CLOSED`. */
  reason?: CloseReason
}

/**
 * The class of all errors of Tidings. Tell errors apart by `code` and not by `instanceof`, because two copies of this
 * package may be installed.
 *
 * `name` is `'AbortError'` on `ERR_SSE_CLOSED`. So a function that got the stream's `signal` rejects with an error
 * that its callers recognise.
 */
export class TidingsError extends Error {
  /** The kind of the error. `docs/errors.md` lists all codes. */
  readonly code: ErrorCode
  /** The HTTP status to answer with: 406 on `ERR_SSE_NOT_ACCEPTABLE`, 503 on `ERR_SSE_TOO_MANY_STREAMS`. */
  declare readonly status?: number
  /** Response headers for that answer: `Retry-After` on `ERR_SSE_TOO_MANY_STREAMS`. */
  declare readonly headers?: Readonly<Record<string, string>>
  /** Why the stream ended. On `ERR_SSE_CLOSED` only. */
  declare readonly reason?: CloseReason

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    this.name = code === 'ERR_SSE_CLOSED' ? 'AbortError' : 'TidingsError'
    this.code = code
    if (details.status !== undefined) this.status = details.status
    if (details.headers !== undefined) this.headers = details.headers
    if (details.reason !== undefined) this.reason = details.reason
  }
}

/** The error for a request that gets no event stream, with the status to answer with. */
export type Refusal = TidingsError & { readonly status: number }

const CLOSE_MESSAGES: Record<CloseReason, string> = {
  peer: 'The event stream ended: the peer left',
  local: 'The event stream was closed by this side',
  slow: 'The event stream was cut: more than maxBufferedBytes waited for a slow peer; await send(), or raise the limit',
  stalled: 'The event stream was cut: the peer took nothing for stallTimeout while bytes waited',
  shutdown: 'The event stream ended: the signal of its options was aborted',
  expired: 'The event stream ended: it reached maxDuration',
  revoked: 'The event stream ended: revalidate found that it may not stay open',
  refused: 'The event stream was refused: maxStreams streams are open',
  error: 'The event stream was cut by an error; see its cause',
  unopened: 'No event stream was opened: the request was HEAD, or was refused with 406',
}

/** The `ERR_SSE_CLOSED` that tells why a stream ended. */
export function closedError(reason: CloseReason, cause?: unknown): TidingsError {
  return new TidingsError('ERR_SSE_CLOSED', CLOSE_MESSAGES[reason], cause === undefined ? { reason } : { reason, cause })
}

/** The error for a second stream on one response, or a stream on a response that has begun. */
export function alreadyBegun(): TidingsError {
  return new TidingsError(
    'ERR_SSE_HEADERS_SENT',
    'The response has begun already: it has a stream, or its head was sent; open one stream, before you send anything else',
  )
}

/**
 * The error for reading a request's body after the stream has opened, when parts of it were dropped.
 */
export function bodyDropped(): TidingsError {
  return new TidingsError(
    'ERR_SSE_BODY_DROPPED',
    "The request's body was dropped, because no code read it when the stream opened; read it first, then open the stream",
  )
}

/** The error for a message that is published after the channel's end. */
export function channelEnded(): TidingsError {
  return new TidingsError('ERR_SSE_CHANNEL_ENDED', 'The channel has ended; publish before end() or close()')
}

/** The error for a message that the log's engine has refused, with the engine's own error as its cause. */
export function notKept(cause: Error): TidingsError {
  return new TidingsError('ERR_SSE_LOG_UNAVAILABLE', `The log's engine has not kept the message: ${cause.message}`, { cause })
}

/** The error for an entry in a log's engine that no log has written. */
export function foreignEntry(what: string): TidingsError {
  return new TidingsError(
    'ERR_SSE_FOREIGN_ENTRY',
    `The log's engine has an entry that is not a message of this log, and skips it: ${what}; let no other program write to the log`,
  )
}

/** The error for a message that the engine may have or not. */
export function unavailable(reason: string, cause?: unknown, help = 'publish it again with the same idempotencyKey'): TidingsError {
  const text = `The log's engine has not confirmed the message: ${reason}; ${help}`
  return new TidingsError('ERR_SSE_LOG_UNAVAILABLE', text, cause === undefined ? {} : { cause })
}

/** The same for a message that the log does not keep. */
export function notTold(reason: string, cause?: unknown): TidingsError {
  return unavailable(reason, cause, 'with keep: false it is not sent again')
}
