import { createLoop } from './connection.ts'
import { createInbox } from './inbox.ts'
import { type AnyMessage, createListeners } from './listeners.ts'
import type { AnyEvents, EventName, Listener, ReceivedMessage } from './message.ts'
import { type ConnectOptions, checkOptions } from './options.ts'
import { createPosition } from './position.ts'
import { createStatusStore, type Status } from './status.ts'

/** A connection to an event stream. Its functions can be used without the object. */
export interface Connection<Events extends object = AnyEvents> extends AsyncIterable<ReceivedMessage<Events>> {
  /** Calls the listener with each event of this name. Returns the function that removes it. */
  on<Name extends EventName<Events>>(event: Name, listener: Listener<Events, Name>): () => void
  /** Calls the listener with each event of any name. Returns the function that removes it. */
  onAny(listener: Listener<Events>): () => void
  /** What the connection is doing. Each change makes a new object. */
  readonly status: Status
  /**
   * Calls the function with the status, now and at each change. Returns the function that removes it. It is a store as
   * Svelte and React's `useSyncExternalStore` want it.
   */
  subscribe(callback: (status: Status) => void): () => void
  /** Ends the connection for good. */
  close(): void
  /**
   * Each message in turn. A connection has one iterator. It reads ahead by 1,000 messages, then reading stops. Leaving
   * the loop closes the connection. The loop ends when the connection is closed, and throws if that was a failure.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<ReceivedMessage<Events>>
}

/**
 * Connects to an event stream at the first listener, iterator or `subscribe`, and reconnects with the last event ID
 * until the server answers 204, refuses it, or you close it. The position moves when the listeners of a message have
 * returned; the promises that they return are awaited. In Node, a connection keeps the process alive until it is
 * closed.
 *
 * @throws `ERR_SSE_INVALID_OPTION`
 * @example
 * import { connect } from '@tidings/client'
 *
 * const scores = connect<{ goal: { team: string } }>('/scores')
 * scores.on('goal', ({ data }) => console.log(data.team))
 * scores.subscribe(({ state }) => console.log(state))
 */
export function connect<Events extends object = AnyEvents>(url: string | URL, options: ConnectOptions = {}): Connection<Events> {
  checkOptions(options)
  const status = createStatusStore()
  const listeners = createListeners()
  const position = createPosition(options.lastEventId ?? '', options.store, options.state)
  const inbox = createInbox(position.keep, () => loop.close())
  const loop = createLoop(String(url), options, { status, listeners, inbox, position })

  function listen(event: string | undefined, listener: (message: never) => unknown): () => void {
    const off = listeners.add(event, listener as (message: AnyMessage) => unknown)
    loop.start()
    return off
  }
  return {
    on: listen,
    onAny: (listener) => listen(undefined, listener),
    get status() {
      return status.present
    },
    subscribe(callback) {
      loop.start()
      return status.subscribe(callback)
    },
    close: loop.close,
    [Symbol.asyncIterator]() {
      const messages = inbox.iterate()
      loop.start()
      return messages as AsyncIterableIterator<never>
    },
  }
}
