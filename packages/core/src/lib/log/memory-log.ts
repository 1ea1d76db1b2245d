import { channelEnded } from '../errors.ts'
import { checkBounds, type HistoryBounds } from './history-bounds.ts'
import { KeptEntry } from './kept-entry.ts'
import { KeptTail } from './kept-tail.ts'
import type { AppendOptions, LogFollower, LogMessage, LogPage, TailedLog } from './message-log.ts'
import { randomEpoch } from './random-epoch.ts'

const ID = /^([0-9a-f]{32})-(0|[1-9][0-9]{0,15})$/
// Keys are for a caller's own retries, which come soon.
const REMEMBERED_KEYS = 10_000

/**
 * A log in this process's memory: the default of a channel. Its ids are `<epoch>-<offset>`; the epoch is random, so that after a
 * restart the ids of before are unknown, and are said to be a gap.
 */
class MemoryLog implements TailedLog {
  readonly tail: KeptTail
  #life: string | undefined
  readonly #followers = new Set<LogFollower>()
  readonly #idsByKey = new Map<string, string>()
  #ended = false

  constructor(bounds: HistoryBounds) {
    this.tail = new KeptTail(bounds)
  }

  /** Drawn when it is first needed: while modules load, Workers have no random bytes. */
  get #epoch(): string {
    this.#life ??= randomEpoch()
    return this.#life
  }

  /** All is done when it returns: who reads the tail in the same turn finds the message there. */
  append(message: LogMessage, { idempotencyKey }: AppendOptions = {}): Promise<string> {
    if (this.#ended) return Promise.reject(channelEnded())
    this.#warnOfTrimming(message.block, Date.now())
    const known = idempotencyKey === undefined ? undefined : this.#idsByKey.get(idempotencyKey)
    if (known !== undefined) return Promise.resolve(known)
    const entry = new KeptEntry(message, this.tail.head + 1, Date.now(), this)
    const { id } = entry
    this.tail.add(entry)
    if (idempotencyKey !== undefined) this.#rememberKey(idempotencyKey, id)
    for (const follower of this.#followers) follower.entry(entry)
    return Promise.resolve(id)
  }

  async read(after: number, limit: number): Promise<LogPage> {
    this.tail.trimAged()
    return this.tail.page(after, limit)
  }

  follow(follower: LogFollower): () => void {
    this.#followers.add(follower)
    if (this.#ended) follower.finished?.()
    return () => this.#followers.delete(follower)
  }

  async end(): Promise<void> {
    if (this.#ended) return
    this.#ended = true
    for (const follower of this.#followers) follower.finished?.()
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

  #warnOfTrimming(block: string, at: number): void {
    const upTo = this.tail.floorWith(block, at)
    if (upTo > this.tail.floor) for (const follower of this.#followers) follower.trimming?.(upTo)
  }

  #rememberKey(key: string, id: string): void {
    this.#idsByKey.set(key, id)
    if (this.#idsByKey.size > REMEMBERED_KEYS) for (const oldest of this.#idsByKey.keys()) return void this.#idsByKey.delete(oldest)
  }
}

/**
 * A log in this process's memory, for channels that share one, or for bounds of its own: whichever is reached first drops the
 * oldest message.
 */
export function memoryLog(bounds: HistoryBounds = {}): TailedLog {
  checkBounds('history', bounds)
  return new MemoryLog(bounds)
}
