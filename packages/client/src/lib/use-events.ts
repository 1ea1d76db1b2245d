import type { Connection } from './connect.ts'
import type { AnyEvents, ReceivedMessage } from './message.ts'
import { type SharedStream, useSharedStream } from './shared-stream.ts'

/**
 * Folds all messages of an event stream into a state, as `Array.prototype.reduce` folds values, and renders once for
 * each chunk of messages. Components with the same key share one connection and one state. The connection is closed
 * 1 s after the last of them has gone, and the state goes with it. On the server it opens nothing, and returns
 * `initial`.
 *
 * @param key names the connection and its state
 * @param open returns a new connection. Is called when the first component with this key has been rendered. The
 * function that it gets returns the state, as the option `state` of `connect` wants it.
 * @param reduce returns the next state. That of the last render is called, once for each message. If it throws, the
 * message is skipped, and the error is reported as an uncaught one.
 * @param initial the state before the first message
 * @example
 * import { connect } from '@tidings/client'
 * import { useEvents } from '@tidings/client/react'
 *
 * export function useGoals(): { team: string }[] {
 *   return useEvents(
 *     '/scores',
 *     () => connect<{ goal: { team: string } }>('/scores'),
 *     (goals, message) => (message.event === 'goal' ? [...goals, message.data] : goals),
 *     [] as { team: string }[],
 *   )
 * }
 */
export function useEvents<State, Events extends object = AnyEvents>(
  key: string,
  open: (state: () => State) => Connection<Events>,
  reduce: (state: State, message: ReceivedMessage<Events>) => State,
  initial: State,
): State {
  return useSharedStream<State>(
    key,
    (stream) => open(() => stream.state as State) as Connection,
    (stream, changed) => {
      const { connection } = stream
      if (!('state' in stream)) {
        stream.state = initial
        stream.reduce = reduce as SharedStream['reduce']
        connection.onAny((message) => {
          stream.state = stream.reduce(stream.state, message)
        })
      }
      // The messages of a chunk come in one turn. React is told once of them.
      let told = true
      return connection.onAny(() => {
        if (told)
          queueMicrotask(() => {
            told = true
            changed()
          })
        told = false
      })
    },
    (stream) => {
      if (stream) stream.reduce = reduce as SharedStream['reduce']
    },
    (stream) => ('state' in stream ? stream.state : initial) as State,
    initial,
  )
}
