import type { HistoryBounds } from '../log/history-bounds.ts'
import { type EntryIds, KeptEntry } from '../log/kept-entry.ts'
import { KeptTail } from '../log/kept-tail.ts'
import type { LogFollower } from '../log/message-log.ts'
import { isNext, type Run, runAfter, type Unpacked } from './chain.ts'
import { type EngineEntry, type EnginePage, type EnginePosition, type EngineTold, engineId, type PageLimit } from './engine.ts'
import { EngineClock } from './engine-clock.ts'
import { unpackMessage } from './packed-message.ts'
import type { ReadPage } from './page-reader.ts'
import { ToldMessages } from './told-messages.ts'

const FIRST: EnginePosition = { offset: 0, at: 0 }
const NO_ENTRIES: PageLimit = { messages: 0, bytes: 0 }
const NOTHING = -1
// Milliseconds. News that are dated this much later than the present are checked in the engine first.
const FUTURE = 5_000

/**
 * The newest messages of a log on an engine, in the memory of this process. They are consecutive. A message that does
 * not follow the last one means a gap, or another state of the log; the followers are told of that first.
 */
export class FollowedTail {
  readonly tail: KeptTail
  readonly clock: EngineClock = new EngineClock()
  /** The epoch of the tail; `undefined` before the first page of the engine. */
  epoch: string | undefined
  /** As far as this process knows, the engine has no messages up to this offset. */
  engineFloor = 0
  readonly #followers: ReadonlySet<LogFollower>
  readonly #onForeign: (what: string) => void
  /** Makes the ids of the present epoch. Entries keep it when another epoch begins. */
  #ids: EntryIds | undefined
  /** When the newest message was appended, in milliseconds of the engine's clock. */
  #headAt = 0
  readonly #told = new ToldMessages()

  /** @param onForeign called with a description of entries that no log has written */
  constructor(bounds: HistoryBounds, followers: ReadonlySet<LogFollower>, onForeign: (what: string) => void) {
    this.tail = new KeptTail(bounds, () => this.clock.present)
    this.#followers = followers
    this.#onForeign = onForeign
  }

  /** When the message with this offset was appended, or `unknown`. */
  atOf<Unknown>(offset: number, unknown: Unknown): number | Unknown {
    if (offset === 0) return 0
    if (offset === this.tail.head) return this.#headAt
    if (offset === this.tail.floor) return this.tail.floorAt
    return this.tail.at(offset)?.at ?? unknown
  }

  /** The messages of a page: the entries that a log seems to have written, each judged by itself. */
  unpacked({ entries, offset, at }: EnginePage): Unpacked[] {
    return entries.flatMap((packed) => {
      const entry = packed.offset > 0 && packed.offset <= offset && packed.before <= packed.at && packed.at <= at ? this.entryOf(packed) : undefined
      return entry ? [{ offset: entry.offset, at: entry.at, before: packed.before, entry }] : []
    })
  }

  /** The entry for readers; `undefined` where no log has written it. */
  entryOf({ offset, at, packed }: EngineEntry): KeptEntry | undefined {
    const message = unpackMessage(packed)
    return message && this.#ids && new KeptEntry(message, offset, at, this.#ids)
  }

  /**
   * Adds the news that follow the head. Returns false where an entry neither follows nor repeats a message, or where
   * messages are missing after the last entry.
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

  /** Gives messages that the engine does not keep to the followers, once the tail is where they stand. */
  hear(told: EngineTold): void {
    this.#told.add(told)
    this.#tell()
  }

  /** Reads the messages of the engine up to its newest one. Resolves to the last page. */
  async catchUp(read: ReadPage): Promise<EnginePage> {
    if (this.epoch === undefined) this.#begin(await read('before', FIRST, NO_ENTRIES))
    // It goes past the head over entries that no log has written.
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
    this.#tell()
  }

  #tell(): void {
    for (const packed of this.#told.take(this.epoch, this.#place)) {
      const message = unpackMessage(packed)
      if (!message) this.#onForeign(`${JSON.stringify(packed.slice(0, 100))} was told`)
      else for (const follower of this.#followers) follower.told?.({ ...message, id: '', offset: this.tail.head, at: this.clock.present })
    }
  }

  /** Moves to a position. The messages between the head and the position are lost. */
  #skipTo(position: EnginePosition): void {
    this.#break(this.tail.head)
    this.#goOnFrom(position)
    this.engineFloor = position.offset
  }

  /** Begins a new epoch. No earlier message counts any more. */
  #begin(page: EnginePage): void {
    const { epoch } = page
    this.epoch = epoch
    this.#ids = { idOf: (offset, at) => engineId(epoch, { offset, at }) }
    this.engineFloor = 0
    this.#goOnFrom(page)
  }

  #goOn({ from, messages }: Run, { entries }: EnginePage): void {
    // Entries after the last consecutive message may still be part of the log.
    const last = messages.at(-1) ?? entries.at(-1)
    const foreign = entries.findIndex(({ offset, at }) => offset === last?.offset && at === last.at) + 1 - messages.length
    if (foreign > 0) this.#onForeign(`${foreign} of ${entries.length} entries, from ${describe(entries[0])} on`)
    if (from.offset > this.tail.head) this.#skipTo(from)
    for (const { entry } of messages) this.#add(entry)
  }

  /**
   * Whether the engine has lost the message at the head, and has another message at its offset or the next. If so,
   * goes back to the last message that both have.
   */
  async #hasRewound(page: EnginePage, read: ReadPage): Promise<boolean> {
    const common = await this.#lastCommon(read)
    const [first] = page.entries
    if (common?.offset === this.tail.head || (!common && first && first.offset > this.tail.head + 1)) return false
    this.#rewind(common, page)
    return true
  }

  /**
   * Follows an engine that went back to an earlier state: goes back to the last message that both have, or else on to
   * the engine's present position.
   */
  #rewind(common: EnginePosition | undefined, stand: EnginePosition): void {
    this.#break(common?.offset ?? NOTHING)
    // A reader that stands before the lost messages has yet to be told. Its place may be of another state.
    if (!common) this.engineFloor = 0
    this.#goOnFrom(common ?? stand)
  }

  /** The newest message that both the tail and the engine have. */
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

  /** Tells the followers that the entries after this offset are about to change. */
  #break(upTo: number): void {
    for (const follower of this.#followers) follower.breaking?.(upTo)
  }

  #goOnFrom({ offset, at }: EnginePosition): void {
    this.tail.restartAt(offset, at)
    this.#headAt = at
    this.#tell()
  }
}

/** Whether reading can go on from an entry. */
function isPlace({ offset }: EnginePosition): boolean {
  return offset >= 0
}

function describe({ offset, at, packed }: Partial<EngineEntry> = {}): string {
  return `${at}-${offset} ${JSON.stringify(packed?.slice(0, 100))}`
}
