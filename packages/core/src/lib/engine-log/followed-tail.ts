import type { HistoryBounds } from '../log/history-bounds.ts'
import { type EntryIds, KeptEntry } from '../log/kept-entry.ts'
import { KeptTail } from '../log/kept-tail.ts'
import type { LogFollower } from '../log/message-log.ts'
import { isNext, type Run, runAfter, type Unpacked } from './chain.ts'
import { type EngineEntry, type EnginePage, type EnginePosition, engineId, type PageLimit } from './engine.ts'
import { EngineClock } from './engine-clock.ts'
import { unpackMessage } from './packed-message.ts'
import type { ReadPage } from './page-reader.ts'

const FIRST: EnginePosition = { offset: 0, at: 0 }
const NO_ENTRIES: PageLimit = { messages: 0, bytes: 0 }
const NOTHING = -1
// Milliseconds. What is dated so much later than now is looked for in the engine before it is believed.
const FUTURE = 5_000

/**
 * The newest end of a log on an engine, as this process has it: each of its messages follows the one before. What
 * does not is a gap, or another state of the log, and is said to be before anything else is told.
 */
export class FollowedTail {
  readonly tail: KeptTail
  readonly clock: EngineClock = new EngineClock()
  /** Of the life that the tail is of; `undefined` before the engine was first heard. */
  epoch: string | undefined
  /** Up to this offset the engine has nothing any more, as far as is known. */
  lostUpTo = 0
  readonly #followers: ReadonlySet<LogFollower>
  readonly #onForeign: (what: string) => void
  /** Gives entries the ids of this life, also once another one has begun. */
  #ids: EntryIds | undefined
  /** When the newest message was appended. */
  #headAt = 0

  /** @param onForeign told of what no log has written */
  constructor(bounds: HistoryBounds, followers: ReadonlySet<LogFollower>, onForeign: (what: string) => void) {
    this.tail = new KeptTail(bounds, () => this.clock.present)
    this.#followers = followers
    this.#onForeign = onForeign
  }

  /** When the message with this offset was appended, where that is known here. */
  atOf<Unknown>(offset: number, unknown: Unknown): number | Unknown {
    if (offset === 0) return 0
    if (offset === this.tail.head) return this.#headAt
    if (offset === this.tail.floor) return this.tail.floorAt
    return this.tail.at(offset)?.at ?? unknown
  }

  /** The messages of a page: of its entries those that a log has written, as far as can be told of each by itself. */
  unpacked({ entries, offset, at }: EnginePage): Unpacked[] {
    return entries.flatMap((packed) => {
      const entry = packed.offset > 0 && packed.offset <= offset && packed.before <= packed.at && packed.at <= at ? this.entryOf(packed) : undefined
      return entry ? [{ offset: entry.offset, at: entry.at, before: packed.before, entry }] : []
    })
  }

  /** A message as readers get it. `undefined` for what no Tidings has written. */
  entryOf({ offset, at, packed }: EngineEntry): KeptEntry | undefined {
    const message = unpackMessage(packed)
    return message && this.#ids && new KeptEntry(message, offset, at, this.#ids)
  }

  /**
   * Adds what follows the head. Returns false at what does not, and is no repetition either, and where something is
   * missing then.
   */
  take({ epoch, entries, offset, at }: EnginePage): boolean {
    if (epoch !== this.epoch || at > this.clock.present + FUTURE) return false
    for (const next of entries) {
      if (isNext(this.#place, next)) {
        const entry = this.entryOf(next)
        if (!entry) this.#onForeign(`${describe(next)} was announced`)
        if (!entry) return false
        this.#add(entry)
      } else if (next.offset > this.tail.head || next.at !== this.atOf(next.offset, next.at)) return false
    }
    return offset <= this.tail.head
  }

  /** Comes to where the engine's log stands. Resolves to the page that it ended with. */
  async catchUp(read: ReadPage): Promise<EnginePage> {
    if (this.epoch === undefined) this.#begin(await read('before', FIRST, NO_ENTRIES))
    // Behind the head where all up to there was written by somebody else.
    let from = this.#place
    for (;;) {
      const isAtHead = from.offset === this.tail.head && from.at === this.#headAt
      const page = await read('after', from)
      if (page.epoch !== this.epoch) {
        this.#break(NOTHING)
        this.#begin(page)
      } else if (page.offset < this.tail.head || (page.offset === this.tail.head && !this.#has(page))) {
        this.#rewind(this.#has(page) ? page : await this.#lastCommon(read), page)
      } else if (page.entries.length === 0) {
        if (page.offset > this.tail.head) this.#skipTo(page)
      } else {
        const run = runAfter(this.#place, this.unpacked(page))
        const follows = run.messages.length > 0 && run.from.offset === this.tail.head
        if (follows || !isAtHead || !(await this.#hasRewound(page, read))) {
          this.#goOn(run, page)
          const last = page.entries.findLast(isPlace)
          if (run.messages.length === 0 && last) {
            from = last
            continue
          }
          if (run.messages.length === 0) this.#skipTo(page)
        }
      }
      from = this.#place
      if (this.tail.head >= page.offset) return page
    }
  }

  get #place(): EnginePosition {
    return { offset: this.tail.head, at: this.#headAt }
  }

  #has({ offset, at }: EnginePosition): boolean {
    return at === this.atOf(offset, undefined)
  }

  #add(entry: KeptEntry): void {
    const upTo = this.tail.floorWith(entry)
    if (upTo > this.tail.floor) for (const follower of this.#followers) follower.trimming?.(upTo)
    this.tail.add(entry)
    this.#headAt = entry.at
    this.clock.hearOfEntry(entry.at)
    for (const follower of this.#followers) follower.entry(entry)
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

  #goOn({ from, messages }: Run, { entries }: EnginePage): void {
    // Behind the last that follows another may still come.
    const last = messages.at(-1) ?? entries.at(-1)
    const foreign = entries.findIndex(({ offset, at }) => offset === last?.offset && at === last.at) + 1 - messages.length
    if (foreign > 0) this.#onForeign(`${foreign} of ${entries.length} entries, from ${describe(entries[0])} on`)
    if (from.offset > this.tail.head) this.#skipTo(from)
    for (const { entry } of messages) this.#add(entry)
  }

  /**
   * Whether the engine has lost the message that is the head here, and has others under its number or the next: then
   * goes on from where both agree.
   */
  async #hasRewound(page: EnginePage, read: ReadPage): Promise<boolean> {
    const common = await this.#lastCommon(read)
    const [first] = page.entries
    if (common?.offset === this.tail.head || (!common && first && first.offset > this.tail.head + 1)) return false
    this.#rewind(common, page)
    return true
  }

  /**
   * The engine went on from an earlier state: goes back to the last message that both have, or on from where it
   * stands.
   */
  #rewind(common: EnginePosition | undefined, stand: EnginePosition): void {
    this.#break(common?.offset ?? NOTHING)
    this.#goOnFrom(common ?? stand)
  }

  /** The newest message that the engine has as well. */
  async #lastCommon(read: ReadPage): Promise<EnginePosition | undefined> {
    if (this.tail.head === 0) return this.#place
    let from: EnginePosition = { offset: this.tail.head + 1, at: this.#headAt }
    for (;;) {
      const { epoch, entries } = await read('before', from)
      const common = epoch === this.epoch ? entries.find((entry) => this.#has(entry)) : undefined
      const oldest = entries.findLast(isPlace)
      if (common || epoch !== this.epoch || !oldest || oldest.at < this.tail.floorAt) return common
      from = oldest
    }
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

/** Whether it can be read on from. */
function isPlace({ offset }: EnginePosition): boolean {
  return offset >= 0
}

function describe({ offset, at, packed }: Partial<EngineEntry> = {}): string {
  return `${at}-${offset} ${JSON.stringify(packed?.slice(0, 100))}`
}
