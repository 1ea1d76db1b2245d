import type { ClientUnderTest } from '@tidings/testing'
import { createEventSource } from 'eventsource-client'
import { EventSource } from 'eventsource5'
import { connect } from '../../src/index.ts'
import { opensWith } from './contract-client.ts'

/** The clients that the contract is run with. docs/client.md has a row for each case that one of them cannot pass. */
export const clients: readonly ClientUnderTest[] = [
  {
    name: '@tidings/client',
    open: opensWith(connect),
  },
  {
    name: 'eventsource 5',
    open({ url, headers, by, store, throws, onMessage, onStopped }) {
      if (by === 'loop' || store) throw new Error('It has neither')
      const source = new EventSource(url, { fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, ...headers() } }) })
      if (throws)
        source.addEventListener('message', () => {
          throw new Error('thrown')
        })
      source.addEventListener('message', ({ type: event, data, lastEventId }) => onMessage({ event, data, lastEventId }))
      source.addEventListener('error', ({ message }) => {
        if (source.readyState === EventSource.CLOSED) onStopped(message)
      })
      return () => source.close()
    },
    cannot: {
      'K2/401-asks-again': 'It stops at each answer that is no stream.',
      'K2/401-twice': 'It stops at the first 401.',
      'K2/503': 'It stops at each answer that is no stream.',
      'K2/retry-after': 'It stops at each answer that is no stream.',
      'K2/a-page-at-first': 'It does not tell the type.',
      'K2/a-page-later': 'It stops at each answer that is no stream.',
      'K4/a-silent-stream': 'It has no watchdog.',
      'K5/a-slow-loop': 'It has no loop.',
      'K6/left-at-each-store': 'It has no store.',
    },
  },
  {
    name: 'eventsource-client',
    open({ url, headers, by, store, throws, onMessage, onStopped }) {
      if (store) throw new Error('It has none')
      const source = createEventSource({
        url,
        fetch: (input, init) => fetch(input, { ...(init as RequestInit), headers: { ...init?.headers, ...headers() } }),
        onMessage({ event = 'message', data }) {
          if (by === 'loop') return
          if (throws) throw new Error('thrown')
          if (event === 'message') onMessage({ event, data, lastEventId: source.lastEventId ?? '' })
        },
        // It is called before readyState changes.
        onDisconnect: () => queueMicrotask(() => source.readyState === 'closed' && onStopped('it closed')),
      })
      if (by === 'loop')
        void takeAll(source, async ({ event, data }) => event === undefined && onMessage({ event: 'message', data, lastEventId: source.lastEventId ?? '' }))
      return () => source.close()
    },
    cannot: {
      'K1/an-id-alone': 'Its parser ignores an id that comes alone.',
      'K2/401-twice': 'It never stops but at 204.',
      'K2/retry-after': 'It returns at its own time.',
      'K2/refused-at-first': 'It never stops but at 204.',
      'K2/refused-later': 'It never stops but at 204.',
      'K2/a-page-at-first': 'It never stops but at 204.',
      'K4/a-silent-stream': 'It has no watchdog.',
      'K5/a-slow-loop': 'Its loop reads ahead without a limit.',
      'K6/left-at-each-store': 'It has no store.',
      'K7/a-listener-throws': 'It has one listener.',
    },
  },
]

async function takeAll<Message>(messages: AsyncIterable<Message>, take: (message: Message) => unknown): Promise<void> {
  for await (const message of messages) await take(message)
}
