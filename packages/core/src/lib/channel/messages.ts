import { TidingsError } from '../errors.ts'
import type { LogEntry } from '../log/message-log.ts'
import type { View } from './view.ts'

/** A message as `messages()` gives it. */
export interface ChannelMessage {
  readonly event: string
  /** As it was published and parsed back; frozen, and shared with whoever else reads the channel. */
  readonly data: unknown
  readonly id: string
  readonly topic: string | undefined
}

/** What a reader in the process needs of its channel. */
export interface MessageSource {
  readonly head: number
  /** Whether what is kept is all that there will ever be. */
  readonly isFinal: boolean
  valueOf(entry: LogEntry): unknown
  /** Calls back once, at the next message or the channel's end. Returns a function that takes the callback back. */
  onNext(wake: () => void): () => void
}

/**
 * The messages of a view that follow `cursor`, as they come.
 *
 * Not the generator itself: its own `return()` would wait until it has something to yield, and whoever left would be kept till then.
 */
export function readMessages(
  source: MessageSource,
  view: View,
  cursor: number | undefined,
  signal: AbortSignal | undefined,
): AsyncIterableIterator<ChannelMessage, undefined> {
  let left = false
  let wake = (): void => {}
  const nextOrEnd = (): Promise<void> =>
    new Promise((resolve) => {
      wake = () => {
        forget()
        signal?.removeEventListener('abort', wake)
        resolve()
      }
      const forget = source.onNext(wake)
      signal?.addEventListener('abort', wake)
    })
  async function* read(): AsyncGenerator<ChannelMessage, undefined> {
    let last = cursor
    while (!left && !signal?.aborted) {
      if (last === undefined || view.hasGap(last))
        throw new TidingsError('ERR_SSE_GAP', 'Messages that were to be read are not kept any more; read faster, keep more history, or begin anew')
      const entry: LogEntry | undefined = view.nextAfter(last)
      if (entry) {
        last = entry.offset
        yield { event: entry.event, data: source.valueOf(entry), id: entry.id, topic: entry.topic }
      } else {
        last = source.head
        if (source.isFinal) break
        await nextOrEnd()
      }
    }
    return undefined
  }
  const messages = read()
  return {
    next: () => messages.next(),
    return: () => {
      left = true
      wake()
      return messages.return(undefined)
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
