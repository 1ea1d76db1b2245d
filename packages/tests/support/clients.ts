/** The source that says so: an issue, a file or a README. */
type Link = `https://${string}`

/**
 * The points in which a client differs from the specification. The suite expects each difference, so it fails when a
 * new version of the client is mended.
 */
export interface Limits {
  /** Dispatches an empty message for every block without data, a lone comment included. */
  showsEmptyBlocks?: Link
  /** Loses empty lines at the beginning of data. */
  losesLeadingEmptyLines?: Link
  /** Gives `lastEventId` only to an event with an id of its own. The events after it have ''. */
  forgetsIds?: Link
  /** Ignores an id that came without data. */
  ignoresLoneIds?: Link
  /** Reconnects after 204. */
  returnsAfter204?: Link
  /** Cannot send POST. */
  onlyGets?: Link
}

/** A client under test. */
export interface Client {
  name: string
  runsIn: 'node' | 'chromium'
  /** Its file in fixtures/clients. */
  module: string
  limits: Limits
}

export const clients: readonly Client[] = [
  { name: '@tidings/client', runsIn: 'node', module: 'tidings-client.mjs', limits: {} },
  { name: "Chromium's EventSource", runsIn: 'chromium', module: 'chromium.mjs', limits: { onlyGets: 'https://github.com/whatwg/html/issues/2177' } },
  {
    name: 'eventsource 4',
    runsIn: 'node',
    module: 'eventsource-4.mjs',
    limits: {
      forgetsIds: 'https://github.com/EventSource/eventsource/pull/358',
      ignoresLoneIds: 'https://github.com/rexxars/eventsource-parser/pull/39',
    },
  },
  { name: 'eventsource 5', runsIn: 'node', module: 'eventsource-5.mjs', limits: {} },
  {
    name: 'eventsource-client',
    runsIn: 'node',
    module: 'eventsource-client.mjs',
    limits: { ignoresLoneIds: 'https://github.com/rexxars/eventsource-parser/pull/39' },
  },
  {
    name: 'launchdarkly-eventsource',
    runsIn: 'node',
    module: 'launchdarkly-eventsource.mjs',
    limits: { ignoresLoneIds: 'https://github.com/launchdarkly/js-eventsource/blob/main/lib/eventsource.js' },
  },
  {
    name: 'reconnecting-eventsource',
    runsIn: 'chromium',
    module: 'reconnecting-eventsource.mjs',
    limits: {
      // Its purpose: it opens a new EventSource after one that gave up.
      returnsAfter204: 'https://github.com/fanout/reconnecting-eventsource#readme',
      onlyGets: 'https://github.com/whatwg/html/issues/2177',
    },
  },
  {
    name: '@microsoft/fetch-event-source',
    runsIn: 'chromium',
    module: 'fetch-event-source.mjs',
    limits: {
      showsEmptyBlocks: 'https://github.com/Azure/fetch-event-source/issues/15',
      losesLeadingEmptyLines: 'https://github.com/Azure/fetch-event-source/issues/50',
      forgetsIds: 'https://github.com/Azure/fetch-event-source/blob/main/src/parse.ts',
      returnsAfter204: 'https://github.com/Azure/fetch-event-source/blob/main/src/fetch.ts',
    },
  },
  {
    name: 'sse.js',
    runsIn: 'chromium',
    module: 'sse.mjs',
    limits: { returnsAfter204: 'https://github.com/mpetazzoni/sse.js/blob/main/lib/sse.js' },
  },
]
