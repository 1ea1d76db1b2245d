/** Where it is said that a client cannot do something. */
type Link = `https://${string}`

/**
 * What a client does otherwise than the specification has it, or not at all. The suite expects each as it is, and so
 * fails when a client has learnt it.
 */
export interface Limits {
  /** Shows every block that has no data, a comment alone too, as an empty message. */
  showsEmptyBlocks?: Link
  /** Loses empty lines at the beginning of data. */
  losesLeadingEmptyLines?: Link
  /** Knows the id of an event that has one, and '' for the events after it. */
  forgetsIds?: Link
  /** Does not keep an id that came without data. */
  ignoresLoneIds?: Link
  /** Comes back after 204. */
  returnsAfter204?: Link
  /** Has no way to post. */
  onlyGets?: Link
}

/** A client that people use. */
export interface Client {
  name: string
  runsIn: 'node' | 'chromium'
  /** Its file in fixtures/clients. */
  module: string
  limits: Limits
}

export const clients: readonly Client[] = [
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
      // That is what it is for: a new EventSource for one that has given up.
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
