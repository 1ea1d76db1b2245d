import { boundsOf } from '../log/history-bounds.ts'
import { KeptTail } from '../log/kept-tail.ts'
import { type Run, runAfter, runBefore } from './chain.ts'
import type { EnginePosition } from './engine.ts'
import type { ResolvedEngineLogOptions } from './engine-log-options.ts'
import type { FollowedTail } from './followed-tail.ts'
import { OlderPages } from './older-pages.ts'
import type { ReadPage } from './page-reader.ts'

// After this many pages without a message of the log, the next messages count as lost.
const FOREIGN_PAGES = 10

/**
 * Reads messages that are older than the tail, one page at a time, for the readers that wait for them. The pages that
 * it keeps are bounded, so an old id takes no more memory than a recent one.
 */
export class ReadBack {
  readonly #followed: FollowedTail
  readonly #options: ResolvedEngineLogOptions
  readonly #read: ReadPage
  readonly #sync: () => Promise<void>
  #pages: OlderPages | undefined
  /** The last place of an id that no message follows, as 'time-offset'. The reader that needed it asks again. */
  #vain = ''
  /** The state of the tail that the pages belong to. */
  #restarts = 0

  /** @param sync reads the newest messages of the engine into the tail */
  constructor(followed: FollowedTail, options: ResolvedEngineLogOptions, read: ReadPage, sync: () => Promise<void>) {
    this.#followed = followed
    this.#options = options
    this.#read = read
    this.#sync = sync
  }

  /** The offset before the oldest message that the engine may have, as far as this process knows. */
  get start(): number {
    const { engineFloor, tail } = this.#followed
    return Math.min(tail.floor, Math.max(engineFloor, tail.head - this.#options.history.messages))
  }

  /** The page with the message after an offset. */
  after(offset: number): KeptTail | undefined {
    return this.#present().after(offset)
  }

  /** When the message with this offset was appended; undefined where that is not known. */
  atOf(offset: number): number | undefined {
    return this.#followed.atOf(offset, undefined) ?? this.#present().atOf(offset)
  }

  /**
   * Whether no page need be read for the messages after an offset, or none has them. 0 stands for `start`.
   * @param at the time in an id
   */
  isHere(offset: number, at: number | undefined): boolean {
    const { start } = this
    const after = offset || start
    return after < start || after >= this.#followed.tail.floor || this.after(after) !== undefined || this.#vain === `${at}-${after}`
  }

  /** Drops all pages. */
  drop(): void {
    this.#pages?.drop()
  }

  /**
   * Reads the page after a place, or a page on the way to it.
   * @param at the time in an id. A client may send any time, so a page that is found by it proves nothing about the
   * log
   */
  async step(offset: number, at: number | undefined): Promise<void> {
    const { start } = this
    const { epoch, tail } = this.#followed
    const { restarts } = tail
    const after = offset || start
    const known = this.#present()
    known.addPlace({ offset: tail.floor, at: tail.floorAt })
    let place = known.nearest(after, start)
    const isSaid = at !== undefined && place.offset !== after
    if (isSaid) place = { offset: after, at }
    const isBack = place.offset > after
    let from: EnginePosition | undefined = isBack ? { offset: place.offset + 1, at: place.at } : place
    let run = runAfter(place, [])
    for (let pages = 0; from && run.messages.length === 0 && pages < FOREIGN_PAGES; pages++) {
      const page = await this.#read(isBack ? 'before' : 'after', from)
      // The engine may have gone back to an earlier state, before this page or after it. So only a page counts whose
      // newest message the tail has, too.
      const isOfTail = (): boolean => page.epoch === epoch && page.at === this.#followed.atOf(page.offset, undefined)
      if (!isOfTail()) await this.#sync()
      if (tail.restarts !== restarts || !isOfTail()) return
      run = (isBack ? runBefore : runAfter)(place, this.#followed.unpacked(page))
      from = page.entries.findLast((entry) => entry.offset >= 0)
    }
    const isFound = run.messages.length > 0
    const follows = isFound && (isBack || run.from.offset === place.offset)
    if (!follows && isSaid) this.#vain = `${at}-${after}`
    else this.#keep(run, follows ? 0 : isFound || isBack ? run.from.offset : tail.floor)
  }

  /** Keeps a page. The engine has no messages up to `engineFloor`. */
  #keep({ from, messages }: Run, engineFloor: number): void {
    const followed = this.#followed
    const { tail } = followed
    const page = new KeptTail({ messages: Infinity, bytes: Infinity, age: this.#options.history.age }, () => followed.clock.present)
    page.restartAt(from.offset, from.at)
    for (const { entry } of messages) if (entry.offset <= tail.floor) page.add(entry)
    page.trimAged()
    // A page that does not lead to the tail has a message that no log has written.
    const leads = (page.at(tail.floor)?.at ?? tail.floorAt) === tail.floorAt
    if (leads) this.#present().add(page)
    followed.engineFloor = Math.max(followed.engineFloor, leads ? engineFloor : tail.floor, page.floor > from.offset ? page.floor : 0)
  }

  /** The pages of the present state. */
  #present(): OlderPages {
    const { restarts } = this.#followed.tail
    if (restarts !== this.#restarts) this.#pages = undefined
    this.#restarts = restarts
    this.#pages ??= new OlderPages(boundsOf(this.#options.tail).bytes)
    return this.#pages
  }
}
