import type { CloseReason, ErrorCode, ResetReason } from './errors.ts'

/** Why an open stream ended. */
type EndReason = Exclude<CloseReason, 'unopened'>
/** Why a log did not take a message: what a log may say, and `'_OTHER'`. */
type FailureCode = Extract<ErrorCode, 'ERR_SSE_LOG_UNAVAILABLE' | 'ERR_SSE_CHANNEL_ENDED'> | '_OTHER'

/**
 * What the streams and channels of this copy of the package have come to since it was loaded. Numbers of things,
 * unless a unit is named.
 */
export interface Metrics {
  readonly streams: {
    /** How many are open. */
    readonly open: number
    /** How many were opened. */
    readonly opened: number
    /** How many ended, by reason. */
    readonly closed: Readonly<Record<EndReason, number>>
    /** Bytes that wait in this process for their peers. */
    readonly buffered: number
    /** Messages handed to transports: by `send`, and by channels once for each subscriber. */
    readonly messages: number
    /** Bytes handed to transports, before any compression, with comments and heartbeats. */
    readonly bytes: number
  }
  readonly channels: {
    /** How many streams are subscribed. */
    readonly subscribers: number
    /** Messages whose `publish` has resolved. */
    readonly published: number
    /** Messages whose `publish` was rejected, by error code; `'_OTHER'` for any other error. */
    readonly failed: Readonly<Record<FailureCode, number>>
    /** How many clients came back with a last event id. */
    readonly resumed: number
    /** Messages from before they came that subscribers were given. */
    readonly replayed: number
    /** How often a subscriber was told, or cut because, something may be gone, by reason. */
    readonly gaps: Readonly<Record<ResetReason, number>>
    /**
     * How many messages of its channel the subscriber that is furthest behind has yet to be given, those of other
     * topics included.
     */
    readonly lag: number
  }
}

/** A stream, as it is measured when someone asks. */
export interface Measured {
  readonly bufferedAmount: number
  readonly '~lag': number
}

/** What is counted as it happens. Plain fields: some of them change with every write. */
interface Counts {
  opened: number
  readonly closed: Record<EndReason, number>
  messages: number
  bytes: number
  subscribers: number
  published: number
  readonly failed: Record<FailureCode, number>
  resumed: number
  replayed: number
  readonly gaps: Record<ResetReason, number>
}

/** Of this copy of the package. */
export const counts: Counts = {
  opened: 0,
  closed: { peer: 0, local: 0, slow: 0, stalled: 0, shutdown: 0, expired: 0, error: 0 },
  messages: 0,
  bytes: 0,
  subscribers: 0,
  published: 0,
  failed: { ERR_SSE_LOG_UNAVAILABLE: 0, ERR_SSE_CHANNEL_ENDED: 0, _OTHER: 0 },
  resumed: 0,
  replayed: 0,
  gaps: { unknown: 0, trimmed: 0, lagged: 0, lost: 0 },
}

/** Streams whose transport is there still. */
export const measured: Set<Measured> = new Set()

/** Counts a message that a log did not take. */
export function countFailed(error: unknown): void {
  const { code } = (error ?? {}) as { code?: unknown }
  counts.failed[code === 'ERR_SSE_LOG_UNAVAILABLE' || code === 'ERR_SSE_CHANNEL_ENDED' ? code : '_OTHER']++
}

/**
 * What the streams and channels of this process have come to. Counting costs next to nothing; asking looks at each
 * open stream once.
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
    lag = Math.max(lag, stream['~lag'])
  }
  const open = Object.values(closed).reduce((left, ended) => left - ended, opened)
  return {
    streams: { open, opened, closed, buffered, messages, bytes },
    channels: { subscribers, published, failed: { ...counts.failed }, resumed, replayed, gaps: { ...counts.gaps }, lag },
  }
}
