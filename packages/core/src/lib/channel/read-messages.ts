import type { ChannelMessage, View } from '../delivery/view.ts'
import { TidingsError } from '../errors.ts'
import type { LogEntry, TailedLog } from '../log/message-log.ts'
import { calledUnless } from '../waiting.ts'

/** How the messages of a channel are read in the process. */
export interface MessagesOptions {
  /** After this id, or all that is kept (`'start'`). Unset: from now on. */
  after?: string | undefined
  /** Only messages of these topics. Unset: all messages, also those without a topic. */
  topics?: Iterable<string> | undefined
  /** Ends the iteration. */
  signal?: AbortSignal | undefined
}

/** The offset of the message that a reader in the process has had last; `undefined` where that is gone. */
export interface Place {
  cursor: number | undefined
}

/** Where a reader in the process begins. */
export interface Beginning {
  /** Has what follows it brought here, as the log does. It began to at the call. */
  load(): Promise<void> | undefined
  /** Its offset, once that is done; `undefined` where it is gone or never was. */
  cursor(): number | undefined
}

/** What a reader in the process needs of its channel. */
export interface MessageSource {
  readonly log: TailedLog
  /** Tells of places that have become none, by `cursor`. Returns a function that ends it. */
  enter(place: Place): () => void
  /** Whether what is kept is all that there will ever be. */
  readonly isFinal: boolean
  valueOf(entry: LogEntry): unknown
  /** Calls back once, at the next message or the channel's end. Returns a function that takes the callback back. */
  onNext(wake: () => void): () => void
}

/**
 * The messages of a view from where one begins, as they come. `leaving` is aborted with the reader's leaving.
 *
 * Not the generator itself: its own `return()` would wait until it has something to yield, and whoever left would be
 * kept till then.
 */
export function readMessages(
  source: MessageSource,
  view: View,
  beginning: Beginning,
  leaving: AbortController,
  signal: AbortSignal | undefined,
): AsyncIterableIterator<ChannelMessage> {
  const isLeft = (): boolean => leaving.signal.aborted || signal?.aborted === true
  /** Waits for what is begun with `wake`, and no longer than until it is left. */
  const unlessLeft = (begin: (wake: () => void) => () => void): Promise<void> =>
    calledUnless((wake) => {
      const leave = (): void => leaving.abort()
      const forget = begin(wake)
      signal?.addEventListener('abort', leave)
      if (signal?.aborted) leave()
      return () => {
        forget()
        signal?.removeEventListener('abort', leave)
      }
    }, leaving.signal)
  const reached = async (reaching: Promise<void> | undefined): Promise<void> => {
    if (reaching)
      await unlessLeft((done) => {
        reaching.then(done)
        return () => {}
      })
  }
  async function* read(): AsyncGenerator<ChannelMessage, undefined> {
    await reached(beginning.load())
    const here: Place = { cursor: beginning.cursor() }
    // What was brought here may have been dropped again.
    while (here.cursor !== undefined && view.hasGap(here.cursor) && !isLeft()) {
      const reaching = beginning.load()
      if (!reaching) break
      await reached(reaching)
      here.cursor = beginning.cursor()
    }
    const leave = source.enter(here)
    try {
      yield* readFrom(here)
    } finally {
      leave()
    }
    return undefined
  }
  async function* readFrom(here: Place): AsyncGenerator<ChannelMessage, undefined> {
    const next = view.walk(here.cursor ?? 0)
    while (!isLeft()) {
      if (here.cursor !== undefined && view.hasGap(here.cursor)) {
        await reached(source.log.load?.(here.cursor, leaving.signal))
        if (isLeft()) break
      }
      if (here.cursor === undefined || view.hasGap(here.cursor))
        throw new TidingsError('ERR_SSE_GAP', 'Messages that were to be read are not kept any more; read faster, keep more history, or begin anew')
      const entry = next()
      if (entry) {
        here.cursor = entry.offset
        yield { event: entry.event, data: source.valueOf(entry), id: entry.id, topic: entry.topic }
      } else {
        here.cursor = source.log.tail.head
        if (source.isFinal) break
        await unlessLeft((done) => source.onNext(done))
      }
    }
    return undefined
  }
  const messages = read()
  return {
    next: () => messages.next(),
    return: () => {
      leaving.abort()
      return messages.return(undefined)
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
