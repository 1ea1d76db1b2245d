import type { LogEntry, Tail, TailedLog } from '../log/message-log.ts'
import { topicsOfMessage } from '../log/topic-index.ts'
import type { AnyEvents } from '../message/message.ts'
import { Batch } from './batch.ts'
import { BatchCache } from './batch-cache.ts'
import { NewestOfKeys } from './newest-of-keys.ts'
import type { Told } from './told.ts'

interface ReadMessage<Name, Data> {
  /** The name of the event; `'message'` where it has none. */
  readonly event: Name
  /**
   * The published data, serialised and parsed back. It is frozen, and all readers of the channel share it. Its type is
   * that of the published data. A value that JSON does not have has become another one: a `Date` is a string.
   */
  readonly data: Data
  /** The id that `publish` resolved to; `''` for a message that is not kept. */
  readonly id: string
  /** The topic; the first one where the message has several. */
  readonly topic: string | undefined
}

/** A message as `messages()` and filters get it. `event` tells the type of its data. */
export type ChannelMessage<Events extends object = AnyEvents> = {
  [Name in keyof Events & string]: ReadMessage<Name, Events[Name]>
}[keyof Events & string]

/** Returns true for a message that a reader wants. All readers share the message, so its data is frozen. */
export type Filter<Events extends object = AnyEvents> = (message: ChannelMessage<Events>) => boolean

/** The parts of a channel that a view reads. */
export interface Source {
  readonly log: TailedLog
  readonly tail: Tail
  /** The parsed data of an entry. */
  valueOf(entry: LogEntry): unknown
}

// Characters in one write to one reader. A larger message makes a batch alone.
const BATCH_LENGTH = 65_536
// Messages. A reader further behind the head than this reads pages.
const FAR_BEHIND = 256

/** The messages of a channel for readers with the same topics and filter, and the batches that these readers share. */
export class View {
  readonly topics: ReadonlySet<string> | undefined
  readonly filter: Filter | undefined
  /** A name of the topics. It is unique among the views of one filter. */
  readonly name: string
  readonly #source: Source
  /** The batches for the present head. */
  readonly #batches = new BatchCache()
  readonly #conflated = new BatchCache()
  /** Set while readers that conflate are behind. */
  #newest: NewestOfKeys | undefined
  #head = -1

  constructor(source: Source, topics: ReadonlySet<string> | undefined, filter: Filter | undefined, name: string) {
    this.#source = source
    this.topics = topics
    this.filter = filter
    this.name = name
  }

  /** Forgets all batches, because the log's messages have changed. */
  forget(): void {
    this.#head = -1
    this.#newest?.clear()
  }

  /** Drops all batches. */
  dropBatches(): void {
    this.#batches.clear()
    this.#conflated.clear()
  }

  /** Whether a message has one of the view's topics. */
  hasTopicOf(message: LogEntry): boolean {
    return !this.topics || topicsOfMessage(message).some((topic) => this.topics?.has(topic))
  }

  /** Whether a message of the view after `cursor` may have been dropped from the tail. */
  hasGap(cursor: number): boolean {
    return this.#source.tail.hasGap(cursor, this.topics)
  }

  /** The part of the log that has the messages after `cursor`; undefined where they are not loaded, or gone. */
  partAfter(cursor: number): Tail | undefined {
    const { log, tail } = this.#source
    return this.hasGap(cursor) ? log.older?.(cursor) : tail
  }

  /**
   * Walks over the view's messages after `cursor` in a part of the log. Each call of the result gives the next one.
   *
   * @throws errors of the filter, from such a call
   */
  walk(
    cursor: number,
    tail: Tail = this.#source.tail,
    until: number = Number.POSITIVE_INFINITY,
    shows?: (entry: LogEntry) => boolean,
  ): () => LogEntry | undefined {
    const walk = tail.walk(cursor, this.topics)
    return () => {
      for (let offset = walk.next(); offset <= tail.head && offset <= until; offset = walk.next()) {
        const entry = tail.at(offset)
        if (entry && (shows ? shows(entry) : this.#passes(entry))) return entry
      }
      return undefined
    }
  }

  /**
   * The batch of the messages after `cursor` in a part of the log.
   * @param told the messages that were told since the last flush. Only a batch of the tail has them
   */
  batchAfter(cursor: number, part: Tail = this.#source.tail, told?: Told): Batch {
    const tells = part === this.#source.tail ? told : undefined
    const batches = tells?.batches ?? this.#upToDate(this.#batches)
    return batches.find(cursor, () => this.#makeBatch(cursor, part, this.walk(cursor, part), undefined, tells))
  }

  /**
   * The batch after `cursor` without messages that a newer one of their key supersedes. The reader is behind until it
   * calls `caughtUp`.
   */
  conflatedAfter(cursor: number, reader: object, part: Tail = this.#source.tail): Batch {
    const { tail } = this.#source
    const keyed = (after: number, until?: number, of?: Tail) => this.walk(after, of, until, (entry) => entry.key !== undefined && this.#passes(entry))
    this.#newest ??= new NewestOfKeys(tail, keyed, () => {
      this.#newest = undefined
    })
    const newest = this.#newest
    newest.hold(reader)
    return this.#upToDate(this.#conflated).find(cursor, () => {
      const until = newest.reach(Math.max(cursor, tail.floor))
      // Of a page further back only the newest messages are new to it. Those between it and the tail are not here.
      if (part !== tail) newest.look(keyed(cursor, undefined, part))
      // A filter may publish a message, and so cause the next messages to be dropped.
      if (part.hasGap(cursor, this.topics)) return new Batch('', 0, cursor, cursor)
      // The filter was called already for messages with a key.
      const shows = (entry: LogEntry): boolean => (entry.key === undefined ? this.#passes(entry) : newest.has(entry))
      return this.#makeBatch(cursor, part, this.walk(cursor, part, until, shows), until)
    })
  }

  /** A reader that conflates is no longer behind, or has left the view. */
  caughtUp(reader: object): void {
    this.#newest?.release(reader)
  }

  #upToDate(batches: BatchCache): BatchCache {
    const { head } = this.#source.tail
    if (head !== this.#head) {
      this.dropBatches()
      this.#head = head
    }
    return batches
  }

  /** @param until the last offset that the batch may cover; by default the head */
  #makeBatch(cursor: number, tail: Tail, next: () => LogEntry | undefined, until: number = Number.POSITIVE_INFINITY, told?: Told): Batch {
    let { floor } = tail
    let text = ''
    let messages = 0
    let last = cursor
    let tellNext = 0
    const add = (entry: LogEntry): void => {
      text += frameOf(entry)
      messages++
    }
    const tellBefore = (end: number): void => {
      for (let message = told?.messages[tellNext]; message && message.offset < end; message = told?.messages[++tellNext])
        if (message.offset >= cursor && this.#passes(message)) add(message)
    }
    // A filter may publish a message, and so cause the next messages to be dropped. The batch then ends before them,
    // and its reader meets the gap.
    const isCut = (): boolean => {
      if (tail.floor === floor) return false
      floor = tail.floor
      return tail.hasGap(last, this.topics)
    }
    for (let entry = next(); entry; entry = next()) {
      // A reader that goes on from the same cursor would be told the same again.
      if (isCut() || (last > cursor && (text.length >= BATCH_LENGTH || endsPage(last, tail.head)))) return new Batch(text, messages, last, last)
      tellBefore(entry.offset)
      add(entry)
      last = entry.offset
    }
    const isWhole = !isCut()
    const to = isWhole ? Math.min(tail.head, until) : last
    if (isWhole) tellBefore(to + 1)
    return new Batch(text, messages, last > cursor ? last : undefined, to, isWhole && told !== undefined)
  }

  #passes(entry: LogEntry): boolean {
    if (!this.filter) return true
    const { event, id, topic } = entry
    return this.filter({ event, data: this.#source.valueOf(entry), id, topic })
  }
}

/**
 * Whether a batch far behind the head ends with this message. One of 64 messages does, so that clients that reconnect
 * at a thousand places come to the same cursors and share batches. A hash picks them, because the offsets of a topic
 * may all have the same remainder.
 */
function endsPage(offset: number, head: number): boolean {
  return Math.imul(offset, 0x9e3779b1) >>> 26 === 0 && head - offset > FAR_BEHIND
}

/** The frame of an entry. */
function frameOf({ block, id }: LogEntry): string {
  return id === '' ? `${block}\n` : `${block}id: ${id}\n\n`
}
