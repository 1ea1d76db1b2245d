import { runOutside } from '../async-context.ts'
import { channelEnded, foreignEntry } from '../errors.ts'
import type { KeptTail } from '../log/kept-tail.ts'
import type { AppendOptions, LogEntry, LogFollower, LogMessage, LogPage, Tail, TailedLog } from '../log/message-log.ts'
import { ReadableTail } from '../log/readable-tail.ts'
import { now } from '../time-source.ts'
import { startTimer } from '../timer.ts'
import { calledUnless, settledUnless } from '../waiting.ts'
import { Appends, isCoded } from './appends.ts'
import { backOff } from './back-off.ts'
import { type Engine, type EnginePage, type EnginePosition, type EngineReceipt, type EngineSubscription, engineId, parseEngineId } from './engine.ts'
import { type EngineLogOptions, type ResolvedEngineLogOptions, resolveEngineLogOptions } from './engine-log-options.ts'
import { FollowedTail } from './followed-tail.ts'
import type { Mark } from './mark.ts'
import { packMessage } from './packed-message.ts'
import { PageReader } from './page-reader.ts'
import { ReadBack } from './read-back.ts'

// Milliseconds. So long after the last page was read back all of them are kept: the readers of one place seldom come
// in one moment.
const READ_BACK_KEPT = 60_000
// While the log finds out where it stands, so much news is kept; with more it just looks again.
const KEPT_NEWS = 1_000
const KEPT_NEWS_LENGTH = 4_194_304
// A look for what the news do not follow that finds nothing is no rarity. After some in a row the next ones wait, up
// to so many milliseconds.
const VAIN_LOOKS = 3
const LONGEST_WAIT = 500
// Milliseconds. What goes on is told again by then.
const FOREIGN_TOLD = 600_000
const GONE = -1

/**
 * A log on an engine: it follows the engine, finds out what it missed, and reaches back where somebody wants more
 * than it has here.
 */
class EngineLog implements TailedLog {
  readonly tail: Tail
  readonly #engine: Engine
  readonly #options: ResolvedEngineLogOptions
  readonly #appends: Appends
  readonly #followers = new Set<LogFollower>()
  readonly #followed: FollowedTail
  readonly #pages: PageReader
  readonly #back: ReadBack
  #subscription: EngineSubscription | undefined
  /** Whether what the engine says reaches this process. */
  #isFollowing = false
  /** Whether it has been found out where the log stands. */
  #isKnown = false
  #syncing: Promise<void> | undefined
  #readingBack: Promise<void> | undefined
  /** How many readers wait for what lies further back. */
  #waitingBack = 0
  /** What came while the log found out where it stands. */
  #news: EnginePage[] = []
  #newsLength = 0
  /** How many looks in a row found nothing of what the news seemed to follow. */
  #vainLooks = 0
  /** Until when nobody is told of what no log has written. */
  #foreignTold = Number.NEGATIVE_INFINITY
  /** Who waits for the engine. */
  readonly #waiting = new Set<() => void>()
  #check: ReturnType<typeof setTimeout> | undefined
  #hasNews = false
  /** How many checks found what no news had told of, since the last news. */
  #finds = 0
  #dropping: ReturnType<typeof setTimeout> | undefined
  #isOut = false
  /** Whether the engine has refused something since, which was told as well. */
  #isRefused = false
  #isEnding = false
  #isEnded = false
  #isClosed = false

  constructor(engine: Engine, options: ResolvedEngineLogOptions) {
    this.#engine = engine
    this.#options = options
    this.#followed = new FollowedTail(options.tail, this.#followers, (what) => this.#tellOfForeign(what))
    this.tail = new ReadableTail(this.#followed.tail)
    this.#pages = new PageReader(engine, this.#followed.clock)
    this.#back = new ReadBack(this.#followed, options, this.#pages.read, () => this.#syncAnew())
    this.#appends = new Appends(engine, options, (receipt) => this.#onReceipt(receipt))
  }

  append(message: LogMessage, { idempotencyKey }: AppendOptions = {}): Promise<string> {
    if (this.#isEnding || this.#isEnded) return Promise.reject(channelEnded())
    return this.#appends.add(packMessage(message), idempotencyKey)
  }

  async end(): Promise<void> {
    if (this.#isEnding || this.#isEnded) return
    this.#isEnding = true
    try {
      await this.#appends.end()
      await this.#syncAnew()
    } catch (error) {
      this.#isEnding = false
      throw error
    }
  }

  async read(after: number, limit: number): Promise<LogPage> {
    await this.load('')
    this.#followed.tail.trimAged()
    const entries: LogEntry[] = []
    let from = after
    let part: KeptTail | undefined
    while (part !== this.#followed.tail && entries.length < limit) {
      await this.load(from)
      from = Math.max(from, this.start)
      part = this.#back.after(from) ?? this.#followed.tail
      entries.push(...part.page(from, limit - entries.length).entries)
      from = part.head
    }
    return { entries, floor: this.start }
  }

  follow(follower: LogFollower): () => void {
    this.#followers.add(follower)
    this.#open()
    if (this.#isEnded) follower.finished?.()
    return () => {
      this.#followers.delete(follower)
      if (this.#followers.size === 0) this.#shut()
    }
  }

  get start(): number {
    return this.#back.start
  }

  older(after: number): Tail | undefined {
    return this.#back.after(after)
  }

  locate(id: string): number | undefined {
    const place = parseEngineId(id)
    if (!place || place.epoch !== this.#followed.epoch || place.offset > this.#followed.tail.head) return undefined
    const at = this.#back.atOf(place.offset)
    if (at === undefined) return GONE
    // Of the same number, but of a state that the engine has lost: other messages followed it.
    return place.at === at ? place.offset : undefined
  }

  idOf(offset: number): string {
    const { epoch } = this.#followed
    const at = this.#back.atOf(offset)
    return epoch === undefined || at === undefined ? '' : engineId(epoch, { offset, at })
  }

  now(signal?: AbortSignal): Promise<string | undefined> | undefined {
    const reaching = this.load('', signal)
    return reaching && this.#begin(reaching, this.#appends.mark(), signal)
  }

  load(after: string | number, signal?: AbortSignal): Promise<void> | undefined {
    this.#open()
    return this.#isClosed || this.#isHere(after) ? undefined : this.#bring(after, signal)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#followers.clear()
    this.#appends.close()
    this.#shut()
  }

  // Following.

  #open(): void {
    if (this.#isClosed) return
    this.#subscription ??= runOutside(() => this.#follow())
    if (!this.#check) this.#checkLater()
  }

  #follow(): EngineSubscription {
    return this.#engine.follow({
      restored: () => {
        this.#isFollowing = true
        this.#sync()
      },
      news: (page) => this.#receive(page),
      strange: (what) => this.#tellOfForeign(what),
      lost: (error) => {
        this.#isFollowing = false
        this.#tellOut(error)
      },
    })
  }

  #shut(): void {
    this.#subscription?.close()
    this.#subscription = undefined
    this.#isFollowing = false
    clearTimeout(this.#check)
    this.#check = undefined
    clearTimeout(this.#dropping)
    this.#back.drop()
    this.#wake()
  }

  #receive(page: EnginePage): void {
    this.#hasNews = true
    this.#finds = 0
    if (this.#syncing || !this.#isFollowing) {
      // What is dropped shows as a hole later, and is looked for.
      if (this.#news.length === KEPT_NEWS || this.#newsLength > KEPT_NEWS_LENGTH) this.#dropNews()
      this.#news.push(page)
      for (const { packed } of page.entries) this.#newsLength += packed.length
    } else if (!this.#followed.take(page)) this.#look()
    // An end cannot be taken back, so the log itself is asked.
    else if (page.ended) this.#sync()
    else if (page.entries.length > 0) this.#vainLooks = 0
  }

  #dropNews(): EnginePage[] {
    const news = this.#news
    this.#news = []
    this.#newsLength = 0
    return news
  }

  /** The news do not follow: some are missing, or no log has published them. */
  async #look(): Promise<void> {
    const { head } = this.tail
    const { epoch } = this.#followed
    await this.#sync(this.#vainLooks < VAIN_LOOKS ? 0 : this.#vainLooks)
    if (this.tail.head > head || this.#followed.epoch !== epoch) this.#vainLooks = 0
    else if (++this.#vainLooks === VAIN_LOOKS) this.#tellOfForeign('news that do not follow it')
  }

  /**
   * Comes to where the engine's log stands; tries until it can.
   * @param attempt waits before it does, as before this attempt
   */
  #sync(attempt = 0): Promise<void> {
    this.#syncing ??= runOutside(() => this.#syncUntilDone(attempt)).finally(() => {
      this.#syncing = undefined
      for (const page of this.#dropNews()) this.#receive(page)
    })
    return this.#syncing
  }

  async #syncAnew(): Promise<void> {
    // One that runs already may have looked before.
    await this.#syncing
    if (this.#subscription) await this.#sync()
  }

  async #syncUntilDone(attempt: number): Promise<void> {
    if (attempt > 0) await backOff(attempt, LONGEST_WAIT)
    const page = await this.#untilDone(() => this.#followed.catchUp(this.#pages.read))
    if (page) this.#isKnown = true
    if (page?.ended) this.#finish()
    if (this.#isFollowing) this.#isOut = false
    this.#wake()
  }

  #finish(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    for (const follower of this.#followers) follower.finished?.()
  }

  #checkLater(): void {
    this.#hasNews = false
    this.#check = startTimer(() => this.#checkNow(), this.#options.checkInterval * (1 - Math.random() / 4))
  }

  async #checkNow(): Promise<void> {
    if (this.#isFollowing && !this.#hasNews) {
      const { head } = this.#followed.tail
      await this.#sync()
      // News of it may be on their way. If that happens again before any come, none will.
      if (this.#followed.tail.head > head && !this.#hasNews) this.#finds++
      if (this.#finds > 1) this.#subscription?.renew()
    }
    if (this.#subscription) this.#checkLater()
  }

  #onReceipt({ epoch, warning, isUntold }: EngineReceipt): void {
    if (warning !== undefined) for (const follower of this.#followers) follower.warned?.(warning)
    if ((isUntold || epoch !== this.#followed.epoch) && this.#isFollowing) this.#sync()
  }

  // Reaching.

  #isHere(after: string | number): boolean {
    const { epoch } = this.#followed
    const { head } = this.#followed.tail
    if (!this.#isKnown) return false
    if (after === '') return this.#isFollowing && !(this.#appends.newest.epoch === epoch && this.#appends.newest.offset > head)
    const place = this.#placeOf(after)
    // What is no id need not be waited for.
    return !place || (place.epoch === epoch && place.offset <= head && this.#back.isHere(place.offset, place.at))
  }

  async #bring(after: string | number, signal: AbortSignal | undefined): Promise<void> {
    const isMissing = (): boolean => this.#subscription !== undefined && !signal?.aborted && !this.#isHere(after)
    await this.#whenLive(signal)
    if (typeof after === 'string') {
      // One that runs already may have looked before the message was there.
      if (this.#syncing) await settledUnless(this.#syncing, signal)
      if (isMissing()) await settledUnless(this.#sync(), signal)
    }
    this.#waitingBack++
    while (isMissing()) {
      const place = this.#placeOf(after)
      // Of what another life or the future has, nothing lies further back.
      if (!place || place.epoch !== this.#followed.epoch || place.offset > this.#followed.tail.head) break
      this.#readingBack ??= runOutside(() => this.#readBack(place)).finally(() => {
        this.#readingBack = undefined
      })
      await settledUnless(this.#readingBack, signal)
    }
    this.#waitingBack--
  }

  /**
   * Where a reader begins that came at the mark: at the head, once that is here, or before the first message after
   * the mark.
   */
  async #begin(reaching: Promise<void>, mark: Mark, signal: AbortSignal | undefined): Promise<string | undefined> {
    await reaching
    const head = this.idOf(this.tail.head)
    const first = await mark.first(signal)
    if (first === undefined || isBefore(head, first)) return head
    // Once for all who came at the mark.
    mark.place ??= this.#before(first)
    await settledUnless(mark.place, signal)
    return signal?.aborted ? '' : mark.place
  }

  /** The id of the place before a message. `undefined`: the engine has it no more. */
  async #before(id: string): Promise<string | undefined> {
    const { epoch, offset, at } = parseEngineId(id) as EnginePosition & { epoch: string }
    const page = await this.#untilDone(() => this.#pages.read('before', { offset: offset + 1, at }, { messages: 1, bytes: 1 }))
    if (!page) return ''
    const [entry] = page.entries
    return page.epoch === epoch && entry?.offset === offset && entry.at === at ? engineId(epoch, { offset: offset - 1, at: entry.before }) : undefined
  }

  #placeOf(after: string | number): { epoch: string | undefined; offset: number; at?: number } | undefined {
    return typeof after === 'string' ? parseEngineId(after) : { epoch: this.#followed.epoch, offset: after }
  }

  /** Reads one page, as long as a reader waits for it. */
  #readBack({ offset, at }: { offset: number; at?: number }): Promise<void> {
    clearTimeout(this.#dropping)
    this.#dropping = startTimer(() => this.#back.drop(), READ_BACK_KEPT)
    return this.#untilDone(
      () => this.#back.step(offset, at),
      () => this.#waitingBack > 0,
    )
  }

  /** Waits until the log follows its engine and knows where it stands, or is closed. */
  async #whenLive(signal: AbortSignal | undefined): Promise<void> {
    while (this.#subscription && !signal?.aborted && !(this.#isFollowing && this.#isKnown)) {
      await calledUnless((wake) => {
        this.#waiting.add(wake)
        return () => this.#waiting.delete(wake)
      }, signal)
    }
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake()
  }

  // Calls.

  /** Does it again, ever less often, until it succeeds. `undefined` where nobody wants it any more. */
  async #untilDone<Result>(act: () => Promise<Result>, isWanted = () => true): Promise<Result | undefined> {
    for (let attempt = 1; this.#subscription && isWanted(); attempt++) {
      try {
        return await act()
      } catch (error) {
        this.#tellOut(error)
        await backOff(attempt)
      }
    }
    return undefined
  }

  #tellOfForeign(what: string): void {
    if (now() < this.#foreignTold) return
    this.#foreignTold = now() + FOREIGN_TOLD
    for (const follower of this.#followers) follower.warned?.(foreignEntry(what))
  }

  #tellOut(error: unknown): void {
    // That a connection was closed says little where the next one is refused.
    const isRefused = isCoded(error, 'ERR_SSE_LOG_REFUSED')
    if (this.#isOut && (!isRefused || this.#isRefused)) return
    this.#isOut = true
    this.#isRefused = isRefused
    for (const follower of this.#followers) follower.failed?.(error)
  }
}

/**
 * Makes a log of an engine: the part that all logs on engines share. It follows the engine, fills what it missed,
 * says what is lost, and holds what waits within bounds.
 *
 * @throws `ERR_SSE_INVALID_OPTION`
 */
export function engineLog(engine: Engine, options: EngineLogOptions = {}): TailedLog {
  return new EngineLog(engine, resolveEngineLogOptions(options))
}

/**
 * Whether one id of a log comes before another, in one state of it: later offsets have later times. Where they have
 * not, the engine went on from an earlier state between the two.
 */
function isBefore(id: string, other: string): boolean {
  const [place, otherPlace] = [parseEngineId(id), parseEngineId(other)]
  return place !== undefined && place.epoch === otherPlace?.epoch && place.offset < otherPlace.offset && place.at <= otherPlace.at
}
