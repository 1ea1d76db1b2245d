import type { LogEntry, Tail } from '../log/message-log.ts'
import { Batch } from './batch.ts'
import { BatchCache } from './batch-cache.ts'

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
const PAGE = 64
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

  /** The first entry after `cursor` that belongs to the view. @throws what the filter throws */
  nextAfter(cursor: number): LogEntry | undefined {
    const { tail } = this.#source
    for (let offset = tail.nextAfter(cursor, this.topics); offset <= tail.head; offset = tail.nextAfter(offset, this.topics)) {
      const entry = tail.at(offset) as LogEntry
      if (!this.filter || this.#passes(entry)) return entry
    }
    return undefined
  }

  /** What follows `cursor`, up to the length of a batch. */
  batchAfter(cursor: number): Batch {
    return this.#upToDate(this.#batches).find(cursor, () => this.#makeBatch(cursor, () => true))
  }

  /** The same without the messages that a newer one of their key supersedes. */
  conflatedAfter(cursor: number): Batch {
    return this.#upToDate(this.#conflated).find(cursor, () => {
      const newest = new Map<string, number>()
      for (let entry = this.nextAfter(cursor); entry; entry = this.nextAfter(entry.offset)) {
        if (entry.key !== undefined) newest.set(entry.key, entry.offset)
      }
      return this.#makeBatch(cursor, ({ key, offset }) => key === undefined || newest.get(key) === offset)
    })
  }

  #upToDate(batches: BatchCache): BatchCache {
    const { head } = this.#source.tail
    if (head !== this.#head) {
      this.dropBatches()
      this.#head = head
    }
    return batches
  }

  #makeBatch(cursor: number, isWanted: (entry: LogEntry) => boolean): Batch {
    const { tail } = this.#source
    const { floor } = tail
    let text = ''
    let messages = 0
    let last = cursor
    // A filter may publish, and so have trimmed what was to be read next: the batch ends there, and its reader finds the gap.
    const isCut = (): boolean => tail.floor !== floor && this.hasGap(last)
    for (let entry = this.nextAfter(cursor); entry; entry = this.nextAfter(entry.offset)) {
      if (isCut()) return new Batch(text, messages, last, last)
      if (!isWanted(entry)) continue
      if (text.length >= BATCH_LENGTH || (text !== '' && endsPage(last, tail.head))) return new Batch(text, messages, last, last)
      text += frameOf(entry)
      messages++
      last = entry.offset
    }
    return new Batch(text, messages, last, isCut() ? last : tail.head)
  }

  #passes(entry: LogEntry): boolean {
    const { event, id, topic } = entry
    return this.filter?.({ event, data: this.#source.valueOf(entry), id, topic }) ?? true
  }
}

/**
 * Whether a batch ends with this message, so that readers who come back from a thousand places share what is left of their way. Not near the
 * head, where they share it anyway.
 */
function endsPage(offset: number, head: number): boolean {
  return offset % PAGE === 0 && head - offset > FAR_BEHIND
}

/** A message of the log as it goes out. */
function frameOf(entry: LogEntry): string {
  return `${entry.block}id: ${entry.id}\n\n`
}
