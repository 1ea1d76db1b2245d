import { dataOf } from '../message/block.ts'
import type { LogEntry, LogMessage, MessageLog } from './message-log.ts'

/**
 * An entry that is kept in memory. What can be told from its block or its offset is told when someone asks: an entry of few and small objects costs the garbage
 * collector little, and a process that publishes much has it walk over all that it keeps.
 */
export class KeptEntry implements LogEntry {
  readonly block: string
  readonly event: string
  readonly isText: boolean
  readonly topic: string | undefined
  readonly key: string | undefined
  readonly offset: number
  readonly at: number
  readonly #log: Pick<MessageLog, 'idOf'>
  /** Its data, where the block says it otherwise. */
  readonly #data: string | undefined

  constructor({ block, event, data, isText, topic, key }: LogMessage, offset: number, at: number, log: Pick<MessageLog, 'idOf'>) {
    this.block = block
    this.event = event
    this.isText = isText
    this.topic = topic
    this.key = key
    this.offset = offset
    this.at = at
    this.#log = log
    this.#data = data.includes('\r') ? data : undefined
  }

  get data(): string {
    return this.#data ?? dataOf(this.block)
  }

  get id(): string {
    return this.#log.idOf(this.offset)
  }
}
