import type { ClientUnderTest } from '@tidings/testing'
import { createEventSource } from 'eventsource-client'
import { EventSource } from 'eventsource5'
import { connect } from '../../src/index.ts'

/** The clients that the contract is run with. docs/client.md has a row for each case that one of them cannot pass. */
export const clients: readonly ClientUnderTest[] = [
  {
    name: '@tidings/client',
    open({ url, headers, silence, onMessage, onStopped }) {
      const connection = connect<{ message: string }>(url, { headers, silence, parse: String })
      connection.on('message', onMessage)
      connection.subscribe((status) => {
        if (status.state === 'closed') onStopped(status.reason === 'failed' ? status.error.message : status.reason)
      })
      return connection.close
    },
  },
  {
    name: 'eventsource 5',
    open({ url, headers, onMessage, onStopped }) {
      const source = new EventSource(url, { fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, ...headers() } }) })
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
    },
  },
  {
    name: 'eventsource-client',
    open({ url, headers, onMessage, onStopped }) {
      const source = createEventSource({
        url,
        fetch: (input, init) => fetch(input, { ...(init as RequestInit), headers: { ...init?.headers, ...headers() } }),
        onMessage({ event = 'message', data }) {
          if (event === 'message') onMessage({ event, data, lastEventId: source.lastEventId ?? '' })
        },
        // It is called before readyState changes.
        onDisconnect: () => queueMicrotask(() => source.readyState === 'closed' && onStopped('it closed')),
      })
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
    },
  },
]
