import { clientError } from './client-error.ts'
import type { AnyMessage } from './listeners.ts'

// Reading stops while this many messages wait for the iterator, so that the server's back-pressure applies.
const MOST_WAITING = 1_000

/** A block of the stream that has an id or data. */
export interface Received {
  /** The last event ID at this block. */
  id: string
  message?: AnyMessage | undefined
}

/** The messages that wait for the iterator. */
export interface Inbox {
  /** Whether there is an iterator. Nothing may be put in without one. */
  readonly isRead: boolean
  /** Resolves when there is room. Undefined where there is room now. */
  room(): Promise<void> | undefined
  put(received: Received): void
  /** Ends the iterator: after what waits, or at once. */
  end(error: Error | undefined, atOnce: boolean): void
  iterate(): AsyncIterableIterator<AnyMessage>
}

/** `onHad` gets each id when the loop has asked for the next message. `onLeft` is called when it was left. */
export function createInbox(onHad: (id: string) => void, onLeft: () => void): Inbox {
  let waiting: Received[] = []
  let isRead = false
  let ended: { error: Error | undefined } | undefined
  let wakeReader: (() => void) | undefined
  let tellRoom: (() => void) | undefined

  async function* read(): AsyncGenerator<AnyMessage> {
    try {
      for (;;) {
        const received = waiting.shift()
        if (received) {
          if (waiting.length < MOST_WAITING) tellRoom?.()
          if (received.message) yield received.message
          onHad(received.id)
        } else if (ended) {
          if (ended.error) throw ended.error
          return
        } else {
          await new Promise<void>((resolve) => {
            wakeReader = resolve
          })
        }
      }
    } finally {
      onLeft()
    }
  }

  return {
    get isRead() {
      return isRead
    },
    room() {
      if (waiting.length < MOST_WAITING) return undefined
      return new Promise((resolve) => {
        tellRoom = resolve
      })
    },
    put(received) {
      waiting.push(received)
      wakeReader?.()
    },
    end(error, atOnce) {
      ended ??= { error }
      if (atOnce) waiting = []
      wakeReader?.()
    },
    iterate() {
      if (isRead) throw clientError('ERR_SSE_INVALID_OPTION', 'A connection has one iterator; connect() again, or use on()')
      isRead = true
      const messages = read()
      return {
        next: () => messages.next(),
        // A generator would return only after the next message.
        return() {
          onLeft()
          return messages.return(undefined)
        },
        [Symbol.asyncIterator]() {
          return this
        },
      }
    },
  }
}
