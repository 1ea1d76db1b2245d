import { dataOf, eventOf } from '../message/block.ts'
import { byteLength } from '../message/byte-length.ts'
import { ownText } from '../message/own-text.ts'
import type { LogEntry, LogMessage } from './message-log.ts'

/** Makes the ids of entries: a log. */
export interface EntryIds {
  /** @param time when the entry was appended, in milliseconds of the log's clock */
  idOf(offset: number, time: number): string
}

// The memory of an entry beside its texts: the object, the headers of its strings, its place in the log.
const ENTRY_BYTES = 150

/**
 * An entry that is kept in memory. Its event, data and id are worked out from its block and its offset at each read.
 * So it consists of few small objects, and costs the garbage collector little: in a process that publishes much, the
 * collector walks over the whole history again and again.
 */
export class KeptEntry implements LogEntry {
  readonly block: string
  readonly isText: boolean
  readonly topic: string | undefined
  readonly moreTopics: readonly string[] | undefined
  readonly key: string | undefined
  readonly offset: number
  readonly at: number
  /** The number of bytes that it counts in the bounds: its texts, and `ENTRY_BYTES`. */
  readonly bytes: number
  readonly #ids: EntryIds
  /** The data as it was published, where the block has other line ends. */
  readonly #data: string | undefined

  constructor({ block, data, isText, topic, moreTopics, key }: LogMessage, offset: number, time: number, ids: EntryIds) {
    this.block = block
    this.isText = isText
    this.topic = topic
    this.moreTopics = moreTopics
    this.key = key
    this.offset = offset
    this.at = time
    this.#ids = ids
    this.#data = data.includes('\r') ? ownText(data) : undefined
    this.bytes = ENTRY_BYTES + bytesOf(block, topic, key, this.#data, ...(moreTopics ?? []))
  }

  get event(): string {
    return eventOf(this.block)
  }

  get data(): string {
    return this.#data ?? dataOf(this.block)
  }

  get id(): string {
    return this.#ids.idOf(this.offset, this.at)
  }
}

function bytesOf(...texts: readonly (string | undefined)[]): number {
  let bytes = 0
  for (const text of texts) if (text !== undefined) bytes += byteLength(text)
  return bytes
}
