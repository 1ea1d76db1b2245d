import { checkBounds, type HistoryBounds } from './history-bounds.ts'
import type { AppendOptions, LogEntry, LogFollower, LogMessage, LogPage, MessageLog } from './message-log.ts'
import { Tail } from './tail.ts'

const ID = /^([0-9a-f]{32})-(0|[1-9][0-9]{0,15})$/
// Keys are for a caller's own retries, which come soon.
const REMEMBERED_KEYS = 10_000

/** A log that a channel reads where it is, without pages. */
export interface TailedLog extends MessageLog {
  /** What is kept. */
  readonly tail: Tail
}

/**
 * A log in this process's memory: the default of a channel. Its ids are `<epoch>-<offset>`; the epoch is random, so that after a
 * restart the ids of before are unknown, and are said to be a gap.
 */
class MemoryLog implements TailedLog {
  readonly tail: Tail
  readonly #epoch: string = randomEpoch()
  readonly #followers = new Set<LogFollower>()
  readonly #idsByKey = new Map<string, string>()

  constructor(bounds: HistoryBounds) {
    this.tail = new Tail(bounds)
  }

  /** All is done when it returns: who reads the tail in the same turn finds the message there. */
  append(message: LogMessage, { idempotencyKey }: AppendOptions = {}): Promise<string> {
    this.#warnOfTrimming(message.block)
    const known = idempotencyKey === undefined ? undefined : this.#idsByKey.get(idempotencyKey)
    if (known !== undefined) return Promise.resolve(known)
    const offset = this.tail.head + 1
    const { block, event, data, isText, topic, key } = message
    // By name, not spread: an object that is made in one piece costs less to make, and to keep.
    const entry: LogEntry = { block, event, data, isText, topic, key, id: this.idOf(offset), offset, at: Date.now() }
    this.tail.add(entry)
    if (idempotencyKey !== undefined) this.#rememberKey(idempotencyKey, entry.id)
    for (const follower of this.#followers) follower.entry(entry)
    return Promise.resolve(entry.id)
  }

  async read(after: number, limit: number): Promise<LogPage> {
    const { tail } = this
    tail.trimAged(Date.now())
    const entries: LogEntry[] = []
    for (let offset = Math.max(after, tail.floor) + 1; offset <= tail.head && entries.length < limit; offset++) {
      entries.push(tail.at(offset) as LogEntry)
    }
    return { entries, floor: tail.floor }
  }

  follow(follower: LogFollower): () => void {
    this.#followers.add(follower)
    return () => this.#followers.delete(follower)
  }

  locate(id: string): number | undefined {
    const [, epoch, digits] = ID.exec(id) ?? []
    const offset = Number(digits)
    return epoch === this.#epoch && offset <= this.tail.head ? offset : undefined
  }

  idOf(offset: number): string {
    return `${this.#epoch}-${offset}`
  }

  async close(): Promise<void> {
    this.#followers.clear()
  }

  #warnOfTrimming(block: string): void {
    const upTo = this.tail.floorWith(block)
    if (upTo > this.tail.floor) for (const follower of this.#followers) follower.trimming?.(upTo)
  }

  #rememberKey(key: string, id: string): void {
    this.#idsByKey.set(key, id)
    if (this.#idsByKey.size > REMEMBERED_KEYS) for (const oldest of this.#idsByKey.keys()) return void this.#idsByKey.delete(oldest)
  }
}

function randomEpoch(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/**
 * A log in this process's memory, for channels that share one, or for bounds of its own: whichever is reached first drops the
 * oldest message.
 */
export function memoryLog(bounds: HistoryBounds = {}): TailedLog {
  checkBounds(bounds)
  return new MemoryLog(bounds)
}
