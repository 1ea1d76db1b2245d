import { channelEnded } from '../errors.ts'
import { boundsOf, checkBounds, type HistoryBounds } from './history-bounds.ts'
import { KeptEntry } from './kept-entry.ts'
import { KeptTail } from './kept-tail.ts'
import type { AppendOptions, LogFollower, LogMessage, LogPage, Tail, TailedLog } from './message-log.ts'
import { randomEpoch } from './random-epoch.ts'
import { ReadableTail } from './readable-tail.ts'
import { bytesOfKey, RememberedKeys } from './remembered-keys.ts'

const ID = /^([0-9a-f]{32})-(0|[1-9][0-9]{0,15})$/

/**
 * A log in the memory of this process: the default of a channel. Its ids are `<epoch>-<offset>`. The epoch is random,
 * so that after a restart of the process all earlier ids are unknown, and clients are told of a gap.
 */
class MemoryLog implements TailedLog {
  readonly tail: Tail
  readonly #kept: KeptTail
  #life: string | undefined
  readonly #followers = new Set<LogFollower>()
  readonly #keys: RememberedKeys
  #ended = false

  constructor(bounds: HistoryBounds) {
    this.#kept = new KeptTail(bounds)
    this.tail = new ReadableTail(this.#kept)
    this.#keys = new RememberedKeys(boundsOf(bounds).bytes)
  }

  /** Drawn at the first use, because Workers have no random bytes while modules load. */
  get #epoch(): string {
    this.#life ??= randomEpoch()
    return this.#life
  }

  /** The message is in the tail when the call returns. */
  append(message: LogMessage, { idempotencyKey }: AppendOptions = {}): Promise<string> {
    if (this.#ended) return Promise.reject(channelEnded())
    const expected = this.#entryOf(message)
    this.#warnOfTrimming(expected, idempotencyKey)
    const known = idempotencyKey === undefined ? undefined : this.#keys.offsetOf(idempotencyKey)
    if (known !== undefined) return Promise.resolve(this.idOf(known))
    // A follower may have published a message when it was warned.
    const entry = expected.offset === this.#kept.head + 1 ? expected : this.#entryOf(message)
    const { id } = entry
    if (idempotencyKey !== undefined) {
      this.#keys.remember(idempotencyKey, entry.offset)
      this.#kept.besides = this.#keys.bytes
    }
    this.#kept.add(entry)
    for (const follower of this.#followers) follower.entry(entry)
    return Promise.resolve(id)
  }

  tell(message: LogMessage): Promise<string> {
    if (this.#ended) return Promise.reject(channelEnded())
    const told = { ...message, id: '', offset: this.#kept.head, at: Date.now() }
    for (const follower of this.#followers) follower.told?.(told)
    return Promise.resolve('')
  }

  async read(after: number, limit: number): Promise<LogPage> {
    this.#kept.trimAged()
    return this.#kept.page(after, limit)
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
    return epoch === this.#epoch && offset <= this.#kept.head ? offset : undefined
  }

  idOf(offset: number): string {
    return `${this.#epoch}-${offset}`
  }

  async close(): Promise<void> {
    this.#followers.clear()
  }

  #entryOf(message: LogMessage): KeptEntry {
    return new KeptEntry(message, this.#kept.head + 1, Date.now(), this)
  }

  #warnOfTrimming(entry: KeptEntry, idempotencyKey: string | undefined): void {
    const upTo = this.#kept.floorWith(entry, idempotencyKey === undefined ? 0 : bytesOfKey(idempotencyKey))
    if (upTo > this.#kept.floor) for (const follower of this.#followers) follower.trimming?.(upTo)
  }
}

/**
 * Makes a log in the memory of this process. A channel makes such a log for itself. Call this if several channels
 * share one.
 *
 * @param bounds the bounds of the history. A message beyond one of them drops the oldest message
 * @throws `ERR_SSE_INVALID_OPTION`
 */
export function memoryLog(bounds: HistoryBounds = {}): TailedLog {
  checkBounds('history', bounds)
  return new MemoryLog(bounds)
}
