import { callReported } from './client-error.ts'

/** A message with the types of no app. */
export interface AnyMessage {
  event: string
  data: unknown
  lastEventId: string
}

/** The listeners of a connection. */
export interface Listeners {
  /** Adds a listener for one event, or for all. Returns the function that removes it. */
  add(event: string | undefined, listener: (message: AnyMessage) => unknown): () => void
  /** Whether a listener wants this event. */
  want(event: string): boolean
  /** Calls the listeners of a message. Returns a promise if one of them did. */
  call(message: AnyMessage): Promise<unknown> | undefined
}

export function createListeners(): Listeners {
  const entries = new Set<{ event: string | undefined; listener: (message: AnyMessage) => unknown }>()
  const of = (event: string) => [...entries].filter((entry) => entry.event === undefined || entry.event === event)
  return {
    add(event, listener) {
      const entry = { event, listener }
      entries.add(entry)
      return () => {
        entries.delete(entry)
      }
    },
    want: (event) => of(event).length > 0,
    call(message) {
      const pending = of(message.event).flatMap(({ listener }) => callReported(() => listener(message)) ?? [])
      return pending.length > 0 ? Promise.all(pending) : undefined
    },
  }
}
