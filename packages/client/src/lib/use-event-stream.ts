import { useEffect, useRef } from 'react'
import { connect } from './connect.ts'
import type { AnyEvents, EventName, Listener } from './message.ts'
import type { ConnectOptions } from './options.ts'
import { type SharedStream, streams, useSharedStream } from './shared-stream.ts'
import type { Status } from './status.ts'

/**
 * The options of {@link useEventStream}, beside those of `connect`. There is no `store`: the state of React is older
 * than the messages that a listener has had. See {@link useEvents}.
 */
export interface EventStreamOptions<Events extends object = AnyEvents> extends Omit<ConnectOptions, 'store' | 'state'> {
  /** The listeners, by the name of their event. Those of the last render are called. */
  events?: EventListeners<Events> | undefined
  /**
   * Names the connection that components share. Another key opens another connection.
   * @default the url
   */
  key?: string | undefined
}

/** Listeners by the name of their event. */
type EventListeners<Events extends object> =
  string extends EventName<Events>
    ? { readonly [name: string]: Listener<Events> | undefined }
    : { readonly [Name in EventName<Events>]?: Listener<Events, Name> | undefined }

const IDLE: Status = { state: 'paused', reason: 'idle' }

/**
 * Listens to an event stream while the component is there, and returns the status. Components with the same key share
 * one connection, which the first of them opens with its options, and which is closed 1 s after the last of them has
 * gone. `events`, `headers` and `fetch` may change with each render. On the server it opens nothing, and returns
 * `{ state: 'paused', reason: 'idle' }`.
 *
 * A listener gets what comes while its component is there. To build a state of all messages, see {@link useEvents}.
 *
 * @throws `ERR_SSE_INVALID_OPTION`, to the error boundary
 * @example
 * import { useEventStream } from '@tidings/client/react'
 * import { useState } from 'react'
 *
 * export function useScore(): number {
 *   const [goals, setGoals] = useState(0)
 *   useEventStream<{ goal: { team: string } }>('/scores', { events: { goal: () => setGoals((count) => count + 1) } })
 *   return goals
 * }
 */
export function useEventStream<Events extends object = AnyEvents>(url: string | URL, options: EventStreamOptions<NoInfer<Events>> = {}): Status {
  const key = options.key ?? String(url)
  const latest = useRef({ ...(options as EventStreamOptions) }).current
  const status = useSharedStream<Status>(
    key,
    // The connection reads `headers` and `fetch` from this object at each request.
    () => connect(url, latest),
    ({ connection }, changed) => connection.subscribe(changed),
    () => Object.assign(latest, options),
    ({ connection }) => connection.status,
    IDLE,
  )
  const names = Object.keys(options.events ?? {})
  useEffect(() => {
    // The effect above has opened it.
    const { connection } = streams[key] as SharedStream
    const removals = names.map((name) => connection.on(name, (message) => latest.events?.[name]?.(message)))
    return () => {
      for (const remove of removals) remove()
    }
    // No name of an event has a line break.
  }, [key, names.join('\n')])
  return status
}
