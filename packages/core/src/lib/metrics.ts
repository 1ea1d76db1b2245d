import type { CloseReason, ErrorCode, ResetReason } from './errors.ts'

/** Why an open stream ended. */
type EndReason = Exclude<CloseReason, 'unopened'>
/** The code of the error by which a log refused a message; `'_OTHER'` for any other error. */
type FailureCode = Extract<ErrorCode, 'ERR_SSE_LOG_UNAVAILABLE' | 'ERR_SSE_CHANNEL_ENDED'> | '_OTHER'

/**
 * Counts of the streams and channels of this copy of the package since it was loaded. Each is a number of things
 * unless a unit is named.
 */
export interface Metrics {
  readonly streams: {
    /** Streams that are open. */
    readonly open: number
    /** Streams that were opened, and requests that `maxStreams` refused. */
    readonly opened: number
    /** Streams that have ended, by reason. */
    readonly closed: Readonly<Record<EndReason, number>>
    /** Bytes that wait in this process for slow peers. */
    readonly buffered: number
    /** Messages given to transports: one for each `send`, and one for each subscriber that a channel writes to. */
    readonly messages: number
    /** Bytes given to transports, comments and heartbeats included, before any compression. */
    readonly bytes: number
  }
  readonly channels: {
    /** Streams that are subscribed. */
    readonly subscribers: number
    /** Messages whose `publish` has resolved. */
    readonly published: number
    /** Messages whose `publish` was rejected, by error code; `'_OTHER'` for any other error. */
    readonly failed: Readonly<Record<FailureCode, number>>
    /** Clients that reconnected with a last event id. */
    readonly resumed: number
    /** Messages that subscribers got from the history. */
    readonly replayed: number
    /** Gaps that a subscriber was told of, or that ended its stream, by reason. */
    readonly gaps: Readonly<Record<ResetReason, number>>
    /** Messages between the slowest subscriber and the end of its channel, those of other topics included. */
    readonly lag: number
  }
}

/** The parts of a stream that `metrics()` reads. */
export interface Measured {
  readonly bufferedAmount: number
  readonly '~behind': number
}

/** Counters that change as things happen. They are plain fields, because some of them change with every write. */
interface Counts {
  opened: number
  readonly closed: Record<EndReason, number>
  /** Added by the caller of a sink or a shared writer: a stream, or a channel that writes without it. */
  messages: number
  /** Added by each sink and shared writer. */
  bytes: number
  subscribers: number
  published: number
  readonly failed: Record<FailureCode, number>
  resumed: number
  replayed: number
  readonly gaps: Record<ResetReason, number>
}

/** The counters of this copy of the package. */
export const counts: Counts = {
  opened: 0,
  closed: { peer: 0, local: 0, slow: 0, stalled: 0, shutdown: 0, expired: 0, revoked: 0, refused: 0, error: 0 },
  messages: 0,
  bytes: 0,
  subscribers: 0,
  published: 0,
  failed: { ERR_SSE_LOG_UNAVAILABLE: 0, ERR_SSE_CHANNEL_ENDED: 0, _OTHER: 0 },
  resumed: 0,
  replayed: 0,
  gaps: { unknown: 0, trimmed: 0, lagged: 0, lost: 0 },
}

/** The streams whose transport has not ended. */
export const measured: Set<Measured> = new Set()

/** Counts the streams that are open. One that has ended is not, also while its last bytes wait. */
export function openStreams(): number {
  return Object.values(counts.closed).reduce((left, ended) => left - ended, counts.opened)
}

/** Counts a message that a log refused. */
export function countFailed(error: unknown): void {
  const { code } = (error ?? {}) as { code?: unknown }
  counts.failed[code === 'ERR_SSE_LOG_UNAVAILABLE' || code === 'ERR_SSE_CHANNEL_ENDED' ? code : '_OTHER']++
}

/**
 * Reads the counts of the streams and channels of this process. Each call looks at each open stream once; counting
 * itself costs almost nothing.
 *
 * @example
 * import { metrics } from '@tidings/core'
 *
 * const { streams, channels } = metrics()
 * console.log(`${streams.open} open, ${streams.buffered} bytes wait, ${channels.lag} messages behind at most`)
 */
export function metrics(): Metrics {
  const { opened, messages, bytes, subscribers, published, resumed, replayed } = counts
  const closed = { ...counts.closed }
  let buffered = 0
  let lag = 0
  for (const stream of measured) {
    buffered += stream.bufferedAmount
    lag = Math.max(lag, stream['~behind'])
  }
  return {
    streams: { open: openStreams(), opened, closed, buffered, messages, bytes },
    channels: { subscribers, published, failed: { ...counts.failed }, resumed, replayed, gaps: { ...counts.gaps }, lag },
  }
}
