import { lookBack, type Recent } from '../delivery/look-back.ts'
import type { After } from '../delivery/reader-start.ts'
import type { ChannelMessage, View } from '../delivery/view.ts'
import { TidingsError } from '../errors.ts'
import type { LogEntry, Tail, TailedLog } from '../log/message-log.ts'
import { calledUnless, settledUnless } from '../waiting.ts'
import type { Hearer, RecentTold } from './recent-told.ts'

/** The options of `messages`. */
export interface MessagesOptions {
  /**
   * Begins after the message with this id, with all kept messages (`'start'`), with the last kept messages of the
   * topics (`{ last: 50 }`), or with those of the last milliseconds (`{ within: 60_000 }`). Unset: with the next
   * message.
   */
  after?: After | undefined
  /** Only messages of these topics. Unset: all messages, also those without a topic. */
  topics?: Iterable<string> | undefined
  /** Ends the iteration when it is aborted. */
  signal?: AbortSignal | undefined
}

/** The position of a reader of `messages()`. */
export interface Place extends Hearer {
  /** The offset of the last message that it got. The channel sets it to `undefined` when the log has lost that. */
  cursor: number | undefined
}

/** The beginning of a reader of `messages()`. */
export interface Beginning {
  /** Loads the messages that follow, as `TailedLog.load` does. It was started by `messages()`. */
  load(): Promise<void> | undefined
  /** The offset of the beginning, after `load`; `undefined` where the log does not know it. */
  cursor(): number | undefined
  /** The recent messages before `cursor` that it begins with. */
  readonly recent: Recent | undefined
}

/** The parts of a channel that a reader of `messages()` needs. */
export interface MessageSource {
  readonly log: TailedLog
  /** The messages that the log does not keep. */
  readonly recent: RecentTold
  /** Keeps the place up to date when the log loses messages. Returns a function that ends this. */
  enter(place: Place): () => void
  /** Whether no further message will come to this reader. */
  readonly isFinal: boolean
  valueOf(entry: LogEntry): unknown
  /** Calls back once, at the next message or the channel's end. Returns a function that removes the callback. */
  onNext(wake: () => void): () => void
}

/**
 * Iterates over the messages of a view. `leaving` is aborted when the reader leaves.
 *
 * It does not return the generator itself. A generator's `return()` waits for its pending `next()`, so a reader that
 * left would stay in memory until the next message.
 */
export function readMessages(
  source: MessageSource,
  view: View,
  beginning: Beginning,
  leaving: AbortController,
  signal: AbortSignal | undefined,
): AsyncIterableIterator<ChannelMessage> {
  const isLeft = (): boolean => leaving.signal.aborted || signal?.aborted === true
  const reached = (reaching: Promise<void>): Promise<void> => settledUnless(reaching, leaving.signal, signal)
  async function* read(): AsyncGenerator<ChannelMessage, undefined> {
    let reaching = beginning.load()
    while (reaching && !isLeft()) {
      await reached(reaching)
      const cursor = beginning.cursor()
      // The loaded messages may have been dropped again.
      reaching = cursor === undefined || view.partAfter(cursor) ? undefined : beginning.load()
    }
    const here: Place = { cursor: beginning.cursor(), heard: source.recent.next }
    const leave = source.enter(here)
    try {
      if (beginning.recent) await goBack(here, beginning.recent)
      yield* readFrom(here)
    } finally {
      leave()
      leaving.abort()
    }
    return undefined
  }
  async function goBack(here: Place, recent: Recent): Promise<void> {
    const look = here.cursor === undefined ? undefined : lookBack(source.log, here.cursor, recent)
    while (look && here.cursor !== undefined && !isLeft()) {
      const { isFound, offset } = look(view.topics)
      const reaching = isFound ? undefined : source.log.load?.(offset, leaving.signal)
      if (isFound) here.cursor = offset
      if (!reaching) return
      await reached(reaching)
    }
  }
  const messageOf = (entry: LogEntry): ChannelMessage => ({ event: entry.event, data: source.valueOf(entry), id: entry.id, topic: entry.topic })
  async function* readFrom(here: Place): AsyncGenerator<ChannelMessage, undefined> {
    let part: Tail | undefined
    let next = (): LogEntry | undefined => undefined
    while (!isLeft()) {
      const present = here.cursor === undefined ? undefined : view.partAfter(here.cursor)
      if (!present) {
        const reaching = here.cursor === undefined ? undefined : source.log.load?.(here.cursor, leaving.signal)
        if (!reaching) throw new TidingsError('ERR_SSE_GAP', 'The next messages are not kept any more; read faster, keep more history, or begin again')
        await reached(reaching)
        continue
      }
      if (present !== part) next = view.walk(here.cursor as number, present)
      part = present
      const entry = next()
      const told = source.recent.take(here, entry?.offset ?? part.head + 1)
      if (told) {
        // The walk begins again, because it is past the entry.
        part = undefined
        if (told.offset >= (here.cursor as number) && view.hasTopicOf(told)) yield messageOf(told)
      } else if (entry) {
        here.cursor = entry.offset
        yield messageOf(entry)
      } else {
        here.cursor = part.head
        if (part !== source.log.tail) continue
        if (source.isFinal) break
        await calledUnless((wake) => source.onNext(wake), leaving.signal, signal)
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
