import type { HistoryBounds } from '../log/history-bounds.ts'
import { type EntryIds, KeptEntry } from '../log/kept-entry.ts'
import { KeptTail } from '../log/kept-tail.ts'
import type { LogFollower } from '../log/message-log.ts'
import { type EngineEntry, type EnginePage, type EnginePosition, engineId } from './engine.ts'
import { EngineClock } from './engine-clock.ts'
import { unpackMessage } from './packed-message.ts'

/** Reads from the engine: see `Engine.read`. */
export type ReadPage = (direction: 'after' | 'before', position: EnginePosition, limit: number) => Promise<EnginePage>

/** How many messages are read in one call. */
export const PAGE = 1_000
const FIRST: EnginePosition = { offset: 0, at: 0 }
const NOTHING = -1

/**
 * The newest end of a log on an engine, as this process has it: each of its messages follows the one before. What does not is a gap, or
 * another state of the log, and is said to be before anything else is told.
 */
export class FollowedTail {
  readonly tail: KeptTail
  readonly clock: EngineClock = new EngineClock()
  /** Of the life that the tail is of; `undefined` before the engine was first heard. */
  epoch: string | undefined
  /** Up to this offset the engine has nothing any more, as far as is known. */
  lostUpTo = 0
  readonly #followers: ReadonlySet<LogFollower>
  /** Gives entries the ids of this life, also once another one has begun. */
  #ids: EntryIds | undefined
  /** When the newest message was appended. */
  #headAt = 0

  constructor(bounds: HistoryBounds, followers: ReadonlySet<LogFollower>) {
    this.tail = new KeptTail(bounds, () => this.clock.present)
    this.#followers = followers
  }

  /** When the message with this offset was appended, where that is known here. */
  atOf<Unknown>(offset: number, unknown: Unknown): number | Unknown {
    if (offset === 0) return 0
    if (offset === this.tail.head) return this.#headAt
    if (offset === this.tail.floor) return this.tail.floorAt
    return this.tail.at(offset)?.at ?? unknown
  }

  /** A message as readers get it. `undefined` for what no Tidings has written. */
  entryOf({ offset, at, packed }: EngineEntry): KeptEntry | undefined {
    const message = unpackMessage(packed)
    return message && this.#ids && new KeptEntry(message, offset, at, this.#ids)
  }

  /** Adds what follows the head. Returns false at what does not, and is no repetition either. */
  take({ epoch, entries }: EnginePage): boolean {
    if (epoch !== this.epoch) return false
    for (const entry of entries) {
      if (this.#isNext(entry)) this.#add(entry)
      else if (entry.offset > this.tail.head || entry.at !== this.atOf(entry.offset, entry.at)) return false
    }
    return true
  }

  /** Comes to where the engine's log stands. Resolves to the page that it ended with. */
  async catchUp(read: ReadPage): Promise<EnginePage> {
    if (this.epoch === undefined) this.#begin(await read('before', FIRST, 0))
    for (;;) {
      const page = await read('after', { offset: this.tail.head, at: this.#headAt }, PAGE)
      if (page.epoch !== this.epoch) {
        this.#break(NOTHING)
        this.#begin(page)
      } else if (this.#isRewound(page)) await this.#rewind(page, read)
      else if (page.entries.length === 0 && page.offset > this.tail.head) this.#skipTo(page)
      else for (const entry of page.entries) this.#addOrSkip(entry)
      if (this.tail.head >= page.offset) return page
    }
  }

  #isNext({ offset, before }: EngineEntry): boolean {
    return offset === this.tail.head + 1 && before === this.#headAt
  }

  #has({ offset, at }: EnginePosition): boolean {
    return at === this.atOf(offset, undefined)
  }

  #add(next: EngineEntry): void {
    const entry = this.entryOf(next)
    if (!entry) {
      this.#skipTo(next)
      return
    }
    const upTo = this.tail.floorWith(entry)
    if (upTo > this.tail.floor) for (const follower of this.#followers) follower.trimming?.(upTo)
    this.tail.add(entry)
    this.#headAt = entry.at
    this.clock.hearOfEntry(entry.at)
    for (const follower of this.#followers) follower.entry(entry)
  }

  #addOrSkip(entry: EngineEntry): void {
    // The engine has lost what lies between.
    if (!this.#isNext(entry)) this.#skipTo({ offset: entry.offset - 1, at: entry.before })
    this.#add(entry)
  }

  /** What lies between the head and this place is lost. */
  #skipTo(position: EnginePosition): void {
    this.#break(this.tail.head)
    this.#goOnFrom(position)
    this.lostUpTo = position.offset
  }

  /** Begins a life of the log: nothing of another one holds. */
  #begin(page: EnginePage): void {
    const { epoch } = page
    this.epoch = epoch
    this.#ids = { idOf: (offset, at) => engineId(epoch, { offset, at }) }
    this.#goOnFrom(page)
  }

  /** Whether the engine has other messages than this process under the numbers that it has had. */
  #isRewound(page: EnginePage): boolean {
    const [first] = page.entries
    const { head } = this.tail
    if (first) return first.offset <= head || (first.offset === head + 1 && !this.#isNext(first))
    return page.offset < head || (page.offset === head && !this.#has(page))
  }

  /** The engine went on from an earlier state: goes back to the last message that both have. */
  async #rewind(state: EnginePage, read: ReadPage): Promise<void> {
    const common = await this.#lastCommon(state, read)
    this.#break(common?.offset ?? NOTHING)
    this.#goOnFrom(common ?? state)
  }

  async #lastCommon(state: EnginePosition, read: ReadPage): Promise<EnginePosition | undefined> {
    if (this.#has(state)) return state
    let from: EnginePosition = { offset: state.offset + 1, at: Number.MAX_SAFE_INTEGER }
    while (from.offset > this.tail.floor) {
      const { epoch, entries } = await read('before', from, PAGE)
      if (epoch !== this.epoch) return undefined
      const common = entries.find((entry) => this.#has(entry))
      if (common) return common
      const oldest = entries.at(-1)
      if (!oldest) return undefined
      from = oldest
    }
    return undefined
  }

  /** Only what lies up to this offset still holds. */
  #break(upTo: number): void {
    for (const follower of this.#followers) follower.breaking?.(upTo)
  }

  #goOnFrom({ offset, at }: EnginePosition): void {
    this.tail.restartAt(offset, at)
    this.#headAt = at
    this.lostUpTo = 0
  }
}
