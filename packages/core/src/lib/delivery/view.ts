import type { LogEntry, Tail } from '../log/message-log.ts'
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

  /** Whether something that the view might show is gone, of what followed `cursor`. */
  hasGap(cursor: number): boolean {
    return this.#source.tail.hasGap(cursor, this.topics)
  }

  /**
   * Goes through the entries after `cursor` that belong to the view: each call of what it returns gives the next.
   *
   * @throws what the filter throws, from such a call
   */
  walk(cursor: number, until: number = Number.POSITIVE_INFINITY, shows?: (entry: LogEntry) => boolean): () => LogEntry | undefined {
    const { tail } = this.#source
    const walk = tail.walk(cursor, this.topics)
    return () => {
      for (let offset = walk.next(); offset <= tail.head && offset <= until; offset = walk.next()) {
        const entry = tail.at(offset)
        if (entry && (shows ? shows(entry) : this.#passes(entry))) return entry
      }
      return undefined
    }
  }

  /** What follows `cursor`, up to the length of a batch. */
  batchAfter(cursor: number): Batch {
    return this.#upToDate(this.#batches).find(cursor, () => this.#makeBatch(cursor, this.walk(cursor)))
  }

  /**
   * The same without the messages that a newer one of their key supersedes, for a reader that is behind until it has
   * `caughtUp`.
   */
  conflatedAfter(cursor: number, reader: object): Batch {
    this.#newest ??= new NewestOfKeys(
      this.#source.tail,
      (after, until) => this.walk(after, until, (entry) => entry.key !== undefined && this.#passes(entry)),
      () => {
        this.#newest = undefined
      },
    )
    const newest = this.#newest
    newest.hold(reader)
    return this.#upToDate(this.#conflated).find(cursor, () => {
      const until = newest.reach(cursor)
      // A filter may publish, and so have trimmed what was to be read.
      if (this.hasGap(cursor)) return new Batch('', 0, cursor, cursor)
      // The filter has been asked about those with a key.
      const next = this.walk(cursor, until, (entry) => newest.has(entry) || (entry.key === undefined && this.#passes(entry)))
      return this.#makeBatch(cursor, next, until)
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
  #makeBatch(cursor: number, next: () => LogEntry | undefined, until: number = Number.POSITIVE_INFINITY): Batch {
    const { tail } = this.#source
    let { floor } = tail
    let text = ''
    let messages = 0
    let last = cursor
    // A filter may publish, and so have trimmed what was to be read next: the batch ends there, and its reader finds
    // the gap.
    const isCut = (): boolean => {
      if (tail.floor === floor) return false
      floor = tail.floor
      return this.hasGap(last)
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
