import { useCallback, useInsertionEffect, useRef, useSyncExternalStore } from 'react'
import type { Connection } from './connect.ts'

// Milliseconds. React's StrictMode and a change of page remove the last component and add another one at once.
const LINGER = 1_000

/** A connection that all components with its key share. */
export interface SharedStream {
  connection: Connection
  consumers: number
  closing?: ReturnType<typeof setTimeout>
  /** What `useEvents` has made of all messages. Absent until a component calls it. */
  state?: unknown
  /** The reducer of the component that was rendered last. */
  reduce(state: unknown, message: unknown): unknown
}

/** The streams by their keys, each while a component has it, and for a second after that. */
export const streams: Record<string, SharedStream> = Object.create(null)

/**
 * Joins the stream of a key, which the first component opens, and returns its snapshot.
 *
 * @param open opens the connection of a new stream
 * @param join lets React know of changes. Returns the function that stops it.
 * @param commit is called after each render that React keeps, before anything is opened
 * @param before the snapshot while there is no stream, and on the server
 */
export function useSharedStream<Snapshot>(
  key: string,
  open: (stream: Pick<SharedStream, 'state'>) => Connection,
  join: (stream: SharedStream, changed: () => void) => () => void,
  commit: (stream: SharedStream | undefined) => void,
  snapshot: (stream: SharedStream) => Snapshot,
  before: Snapshot,
): Snapshot {
  const latest = useRef<[typeof open, typeof join]>([open, join])
  // A layout effect would warn on the server in React 18.
  useInsertionEffect(() => {
    latest.current = [open, join]
    commit(streams[key])
  })
  const subscribe = useCallback(
    (changed: () => void) => {
      const [open, join] = latest.current
      let stream = streams[key]
      if (!stream) {
        stream = { consumers: 0 } as SharedStream
        stream.connection = open(stream)
        streams[key] = stream
      }
      clearTimeout(stream.closing)
      stream.consumers++
      const stop = join(stream, changed)
      return () => {
        const close = (): void => {
          delete streams[key]
          stream.connection.close()
        }
        stop()
        if (--stream.consumers > 0) return
        // A component that is mounted anew tries again.
        if (stream.connection.status.state === 'closed') close()
        else stream.closing = setTimeout(close, LINGER)
      }
    },
    [key],
  )
  return useSyncExternalStore(
    subscribe,
    () => {
      const stream = streams[key]
      return stream ? snapshot(stream) : before
    },
    () => before,
  )
}
