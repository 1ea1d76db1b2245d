import type { LogEntry, Tail, TailedLog } from '../log/message-log.ts'
import { Batch } from './batch.ts'
import { BatchCache } from './batch-cache.ts'
import { NewestOfKeys } from './newest-of-keys.ts'

/** A message as `messages()` and filters get it. */
export interface ChannelMessage {
  /** `'message'` where it has no name. */
  readonly event: string
  /** As it was published and parsed back; frozen, and shared with whoever else reads the channel. */
  readonly data: unknown
  /** What `publish` resolved to. */
  readonly id: string
  /** `undefined` where it has none. */
  readonly topic: string | undefined
}

/** Whether a reader wants a message. It gets the data as it was published and parsed back, frozen and shared. */
export type Filter = (message: ChannelMessage) => boolean

/** What is read of the channel. */
export interface Source {
  readonly log: TailedLog
  readonly tail: Tail
  /** The value of an entry's data, parsed back once. */
  valueOf(entry: LogEntry): unknown
}

// What one write to one reader may hold. A single larger message is a batch of its own.
const BATCH_LENGTH = 65_536
const FAR_BEHIND = 256

/** What readers with the same topics and the same filter see of a channel, and the bytes that they share. */
export class View {
  readonly topics: ReadonlySet<string> | undefined
  readonly filter: Filter | undefined
  /** Tells views of one filter apart. */
  readonly name: string
  readonly #source: Source
  /** Made since the head is where it is. */
  readonly #batches = new BatchCache()
  readonly #conflated = new BatchCache()
  /** While readers that conflate are behind. */
  #newest: NewestOfKeys | undefined
  #head = -1

  constructor(source: Source, topics: ReadonlySet<string> | undefined, filter: Filter | undefined, name: string) {
    this.#source = source
    this.topics = topics
    this.filter = filter
    this.name = name
  }

  /** The log has other messages now than those that the batches were made of. */
  forget(): void {
    this.#head = -1
    this.#newest?.clear()
  }

  /** Lets go of what was made for its readers to share. */
  dropBatches(): void {
    this.#batches.clear()
    this.#conflated.clear()
  }

  /** Whether something that the view might show is no longer in the tail, of what followed `cursor`. */
  hasGap(cursor: number): boolean {
    return this.#source.tail.hasGap(cursor, this.topics)
  }

  /** The part of the log that has what follows `cursor`. `undefined` where that is not here, or gone. */
  partAfter(cursor: number): Tail | undefined {
    const { log, tail } = this.#source
    return this.hasGap(cursor) ? log.older?.(cursor) : tail
  }

  /**
   * Goes through the entries of a part that follow `cursor` and belong to the view: each call of what it returns gives
   * the next.
   *
   * @throws what the filter throws, from such a call
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

  /** What follows `cursor` in a part, up to the length of a batch. */
  batchAfter(cursor: number, tail: Tail = this.#source.tail): Batch {
    return this.#upToDate(this.#batches).find(cursor, () => this.#makeBatch(cursor, tail, this.walk(cursor, tail)))
  }

  /**
   * The same without the messages that a newer one of their key supersedes, for a reader that is behind until it has
   * `caughtUp`.
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
      // A filter may publish, and so have trimmed what was to be read.
      if (part.hasGap(cursor, this.topics)) return new Batch('', 0, cursor, cursor)
      // The filter has been asked about those with a key.
      const shows = (entry: LogEntry): boolean => (entry.key === undefined ? this.#passes(entry) : newest.has(entry))
      return this.#makeBatch(cursor, part, this.walk(cursor, part, until, shows), until)
    })
  }

  /** A reader that conflates is behind no more, or reads something else. */
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

  /** @param until the offset that its reader will then have come to, if nothing is in the way; by default the head */
  #makeBatch(cursor: number, tail: Tail, next: () => LogEntry | undefined, until: number = Number.POSITIVE_INFINITY): Batch {
    let { floor } = tail
    let text = ''
    let messages = 0
    let last = cursor
    // A filter may publish, and so have trimmed what was to be read next: the batch ends there, and its reader finds
    // the gap.
    const isCut = (): boolean => {
      if (tail.floor === floor) return false
      floor = tail.floor
      return tail.hasGap(last, this.topics)
    }
    for (let entry = next(); entry; entry = next()) {
      if (isCut() || text.length >= BATCH_LENGTH || (text !== '' && endsPage(last, tail.head))) return new Batch(text, messages, last, last)
      text += frameOf(entry)
      messages++
      last = entry.offset
    }
    return new Batch(text, messages, last, isCut() ? last : Math.min(tail.head, until))
  }

  #passes(entry: LogEntry): boolean {
    if (!this.filter) return true
    const { event, id, topic } = entry
    return this.filter({ event, data: this.#source.valueOf(entry), id, topic })
  }
}

/**
 * Whether a batch ends with this message, so that readers who come back from a thousand places share what is left of
 * their way. Not near the head, where they share it anyway. One of 64 does, by a hash: the messages of a topic may
 * all have offsets of one remainder.
 */
function endsPage(offset: number, head: number): boolean {
  return Math.imul(offset, 0x9e3779b1) >>> 26 === 0 && head - offset > FAR_BEHIND
}

/** A message of the log as it goes out. */
function frameOf(entry: LogEntry): string {
  return `${entry.block}id: ${entry.id}\n\n`
}
