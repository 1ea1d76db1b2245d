import { type ClientError, callReported } from './client-error.ts'

/** What a connection is doing. Each change makes a new object. */
export type Status =
  /** It waits for the head of a response. */
  | { readonly state: 'connecting' }
  /** The stream is open. */
  | { readonly state: 'open' }
  /**
   * It reconnects at `until` (milliseconds since 1970), since the server ended the stream (`'ended'`), or since it was
   * not reached, refused, or was cut (`'failed'`, with the error).
   */
  | { readonly state: 'waiting'; readonly until: number; readonly reason: 'ended' }
  | { readonly state: 'waiting'; readonly until: number; readonly reason: 'failed'; readonly error: ClientError }
  /**
   * Nothing is open, and nothing is tried: nobody listens yet (`'idle'`), the page is frozen or left (`'frozen'`), or
   * it has been in the background for `pauseWhenHidden` (`'hidden'`).
   */
  | { readonly state: 'paused'; readonly reason: 'idle' | 'frozen' | 'hidden' }
  /**
   * It never reconnects: this side closed it (`'local'`), the server answered 204 or ended the answer to a POST
   * (`'ended'`), or it cannot go on (`'failed'`, with the error).
   */
  | { readonly state: 'closed'; readonly reason: 'local' | 'ended' }
  | { readonly state: 'closed'; readonly reason: 'failed'; readonly error: ClientError }

/** The present status, and the callbacks that are told of the next. */
export interface StatusStore {
  readonly present: Status
  change(next: Status): void
  subscribe(callback: (status: Status) => void): () => void
}

export function createStatusStore(): StatusStore {
  const callbacks = new Set<() => void>()
  let present: Status = { state: 'paused', reason: 'idle' }
  return {
    get present() {
      return present
    },
    change(next) {
      present = next
      for (const tell of [...callbacks]) tell()
    },
    subscribe(callback) {
      // A new function for each call, so that a callback that subscribes twice is called twice.
      const tell = () => void callReported(() => callback(present))
      callbacks.add(tell)
      tell()
      return () => {
        callbacks.delete(tell)
      }
    },
  }
}
