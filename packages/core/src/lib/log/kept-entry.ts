import { dataOf, eventOf } from '../message/block.ts'
import { byteLength } from '../message/byte-length.ts'
import { ownText } from '../message/own-text.ts'
import type { LogEntry, LogMessage } from './message-log.ts'

/** What gives entries their ids. */
export interface EntryIds {
  idOf(offset: number, at: number): string
}

// What an entry takes beside its texts: the object, the heads of its strings, its place in the log.
const ENTRY_BYTES = 150

/**
 * An entry that is kept in memory. What can be told from its block or its offset is told when someone asks: an entry
 * of few and small objects costs the garbage collector little, and a process that publishes much has it walk over all
 * that it keeps.
 */
export class KeptEntry implements LogEntry {
  readonly block: string
  readonly isText: boolean
  readonly topic: string | undefined
  readonly key: string | undefined
  readonly offset: number
  readonly at: number
  /** How many bytes it counts: its texts, and what it takes beside them. */
  readonly bytes: number
  readonly #ids: EntryIds
  /** Its data, where the block says its line ends otherwise. */
  readonly #data: string | undefined

  constructor({ block, data, isText, topic, key }: LogMessage, offset: number, at: number, ids: EntryIds) {
    this.block = block
    this.isText = isText
    this.topic = topic
    this.key = key
    this.offset = offset
    this.at = at
    this.#ids = ids
    this.#data = data.includes('\r') ? ownText(data) : undefined
    this.bytes = ENTRY_BYTES + bytesOf(block, topic, key, this.#data)
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
