/** A client that the contract of clients is run with in a page of Chromium. */
export interface ChromiumClient {
  name: string
  /** Its file in fixtures/clients. */
  module: string
  /** Whether it shows a comment as an empty message. The suite skips these, as docs/browsers.md tells pages to do. */
  showsComments?: boolean
  /** As in the suite of the contract: the cases that it cannot pass, each with the reason. */
  cannot?: Readonly<Record<string, string>>
}

/** What none of the clients of others can, since no answer stops them, and they have no watchdog, loop or store. */
const NEVER_STOPS: Readonly<Record<string, string>> = {
  'K2/204': 'No answer stops it.',
  'K2/401-twice': 'No answer stops it.',
  'K2/refused-at-first': 'No answer stops it.',
  'K2/refused-later': 'No answer stops it.',
  'K2/a-page-at-first': 'No answer stops it.',
  'K2/retry-after': 'It returns at its own time.',
  'K4/a-silent-stream': 'It has no watchdog.',
  'K5/a-slow-loop': 'It has no loop.',
  'K6/left-at-each-store': 'It has no store.',
}

/** Clients of others for pages. docs/client.md says of each case whether they pass it. */
export const chromiumClients: readonly ChromiumClient[] = [
  {
    name: '@microsoft/fetch-event-source',
    module: 'fetch-event-source.mjs',
    showsComments: true,
    cannot: {
      ...NEVER_STOPS,
      'K1/ended-at-any-byte': 'It resumes after a message that was cut, since it takes the id before the rest of it.',
      'K1/broken-at-any-byte': 'It resumes after a message that was cut, since it takes the id before the rest of it.',
      'K7/a-listener-throws': 'It has one listener.',
    },
  },
  {
    name: 'sse.js',
    module: 'sse.mjs',
    cannot: {
      ...NEVER_STOPS,
      'K1/ended-at-any-byte': 'It takes the unfinished message at the end of a stream for a whole one.',
      'K2/401-asks-again': 'Its headers are those of the call.',
      'K7/a-listener-throws': 'A listener that throws stops the others.',
    },
  },
  {
    name: 'reconnecting-eventsource',
    module: 'reconnecting-eventsource.mjs',
    cannot: {
      ...NEVER_STOPS,
      'K2/401-asks-again': 'It sends no headers.',
      'K7/a-listener-throws': 'A listener that throws stops the others.',
    },
  },
]
