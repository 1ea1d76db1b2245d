import type { Metrics } from './metrics.ts'

/** A value of one of the {@link instruments}. */
export interface Measurement {
  readonly value: number
  /** Tells the values of one instrument apart. Empty where an instrument has one value. */
  readonly attributes: Readonly<Record<string, string>>
}

/** One of the numbers of `metrics()`, in OpenTelemetry's terms. */
export interface Instrument {
  /** A name with dots. It is OpenTelemetry's own where its conventions have one. */
  readonly name: string
  /**
   * A `'counter'` only grows. An `'upDownCounter'` grows and shrinks, and can be added up over processes. A `'gauge'`
   * cannot be added up.
   */
  readonly kind: 'counter' | 'upDownCounter' | 'gauge'
  /** The unit in UCUM: `'By'` for bytes, `'{message}'` for a number of messages. */
  readonly unit: string
  readonly description: string
  /** Reads its values from the result of `metrics()`. */
  read(metrics: Metrics): readonly Measurement[]
}

// OpenTelemetry's conventions require these attributes for metrics of messages.
const PUBLISHING = { 'messaging.system': 'tidings', 'messaging.operation.name': 'publish' }

/**
 * Describes all numbers of `metrics()`, so that you can register them with OpenTelemetry, Prometheus or another
 * collector. `docs/observability.md` shows both.
 *
 * @example
 * import { metrics } from '@tidings/core'
 * import { instruments } from '@tidings/core/instruments'
 *
 * const present = metrics()
 * for (const { name, unit, read } of instruments)
 *   for (const { value, attributes } of read(present)) console.log(name, attributes, value, unit)
 */
export const instruments: readonly Instrument[] = [
  one('tidings.streams.open', 'upDownCounter', '{stream}', 'Event streams that are open', ({ streams }) => streams.open),
  one('tidings.streams.opened', 'counter', '{stream}', 'Event streams that were opened', ({ streams }) => streams.opened),
  each('tidings.streams.closed', '{stream}', 'Event streams that ended', 'tidings.close.reason', ({ streams }) => streams.closed),
  one('tidings.streams.buffered.bytes', 'upDownCounter', 'By', 'What waits in the process for slow peers', ({ streams }) => streams.buffered),
  one('tidings.streams.messages', 'counter', '{message}', 'Messages handed to event streams', ({ streams }) => streams.messages),
  one('tidings.streams.sent.bytes', 'counter', 'By', 'What was handed to event streams, before compression', ({ streams }) => streams.bytes),
  one(
    'tidings.channels.subscribers',
    'upDownCounter',
    '{subscriber}',
    'Event streams that are subscribed to a channel',
    ({ channels }) => channels.subscribers,
  ),
  {
    // https://opentelemetry.io/docs/specs/semconv/messaging/messaging-metrics/#metric-messagingclientsentmessages
    name: 'messaging.client.sent.messages',
    kind: 'counter',
    unit: '{message}',
    description: 'Number of messages producer attempted to send to the broker.',
    read: ({ channels: { published, failed } }) => [
      { value: published, attributes: PUBLISHING },
      ...Object.entries(failed).map(([code, value]) => ({ value, attributes: { ...PUBLISHING, 'error.type': code } })),
    ],
  },
  one('tidings.channels.resumed', 'counter', '{client}', 'Clients that came back with a last event id', ({ channels }) => channels.resumed),
  one('tidings.channels.replayed', 'counter', '{message}', 'Messages from before they came that subscribers were given', ({ channels }) => channels.replayed),
  each('tidings.channels.gaps', '{gap}', 'Subscribers that were told that something may be gone', 'tidings.gap.reason', ({ channels }) => channels.gaps),
  one('tidings.channels.lag', 'gauge', '{message}', 'How far the subscriber that is furthest behind is behind', ({ channels }) => channels.lag),
]

function one(name: string, kind: Instrument['kind'], unit: string, description: string, value: (metrics: Metrics) => number): Instrument {
  return { name, kind, unit, description, read: (metrics) => [{ value: value(metrics), attributes: {} }] }
}

/** A counter with one value for each reason. */
function each(name: string, unit: string, description: string, attribute: string, values: (metrics: Metrics) => Readonly<Record<string, number>>): Instrument {
  return {
    name,
    kind: 'counter',
    unit,
    description,
    read: (metrics) => Object.entries(values(metrics)).map(([reason, value]) => ({ value, attributes: { [attribute]: reason } })),
  }
}
