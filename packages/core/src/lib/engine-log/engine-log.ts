import { runOutside } from '../async-context.ts'
import { channelEnded, foreignEntry, notTold } from '../errors.ts'
import type { KeptTail } from '../log/kept-tail.ts'
import type { AppendOptions, LogEntry, LogFollower, LogMessage, LogPage, LogStatus, Tail, TailedLog } from '../log/message-log.ts'
import { ReadableTail } from '../log/readable-tail.ts'
import { invalidOption } from '../option-checks.ts'
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

// Milliseconds. Older pages are kept for this time after the last one was read, so that clients that reconnect share
// them.
const READ_BACK_KEPT = 60_000
// The news that are kept while the log reads from the engine. Beyond it they are dropped, and the log reads again.
const KEPT_NEWS = 1_000
const KEPT_NEWS_LENGTH = 4_194_304
// When this many looks in a row find nothing new, the next ones wait.
const VAIN_LOOKS = 3
// Milliseconds.
const LONGEST_WAIT = 500
// Milliseconds. Entries that no log has written are reported again after this time.
const FOREIGN_TOLD = 600_000
const GONE = -1

/**
 * A log on an engine. It follows the engine, reads the messages that it missed, and reads older messages for readers
 * that need them.
 */
class EngineLog implements TailedLog {
  readonly tail: Tail
  readonly tell?: (message: LogMessage) => Promise<string>
  readonly #engine: Engine
  readonly #options: ResolvedEngineLogOptions
  readonly #appends: Appends
  readonly #followers = new Set<LogFollower>()
  readonly #followed: FollowedTail
  readonly #pages: PageReader
  readonly #back: ReadBack
  #subscription: EngineSubscription | undefined
  #status: LogStatus = 'catching up'
  /** Whether news of the engine reach this process. */
  #isFollowing = false
  /** Whether the log has read the engine's position. */
  #isKnown = false
  #syncing: Promise<void> | undefined
  #readingBack: Promise<void> | undefined
  /** The number of readers that wait for older messages. */
  #waitingBack = 0
  /** The news that came while the log read from the engine. */
  #news: EnginePage[] = []
  #newsLength = 0
  /** The number of looks in a row that found nothing new. */
  #vainLooks = 0
  /** Until this time, no further entries of other programs are reported. */
  #foreignTold = Number.NEGATIVE_INFINITY
  /** Wakes the calls that wait for the engine. */
  readonly #waiting = new Set<() => void>()
  #check: ReturnType<typeof setTimeout> | undefined
  #hasNews = false
  /** The number of checks since the last news that found messages without news. */
  #finds = 0
  #dropping: ReturnType<typeof setTimeout> | undefined
  #isOut = false
  /** Whether the engine has refused a call since it is away. That is reported as well. */
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
    if (engine.tell) this.tell = (message) => this.#tell(message)
  }

  append(message: LogMessage, { idempotencyKey }: AppendOptions = {}): Promise<string> {
    if (message.moreTopics && !this.#options.severalTopics)
      throw invalidOption('this log takes one topic a message; set its severalTopics once all of its processes know the option')
    if (this.#isEnding || this.#isEnded) return Promise.reject(channelEnded())
    return this.#appends.add(packMessage(message), idempotencyKey)
  }

  #tell(message: LogMessage): Promise<string> {
    if (this.#isEnding || this.#isEnded) return Promise.reject(channelEnded())
    return this.#status === 'away' ? Promise.reject(notTold('it is away')) : this.#appends.tell(packMessage(message))
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

  get status(): LogStatus {
    return this.#status
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
    // An id with this offset and another time is of a state that the engine has lost. Other messages followed it.
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
        this.#setStatus('catching up')
        this.#syncAnew()
      },
      news: (page) => this.#receive(page),
      told: (told) => this.#followed.hear(told),
      strange: (what) => this.#tellOfForeign(what),
      lost: (error) => {
        this.#isFollowing = false
        this.#setStatus('away')
        this.#tellOut(error)
      },
    })
  }

  #shut(): void {
    this.#subscription?.close()
    this.#subscription = undefined
    this.#isFollowing = false
    this.#setStatus('catching up')
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
      // Dropped news leave a hole, which a later look fills.
      if (this.#news.length === KEPT_NEWS || this.#newsLength > KEPT_NEWS_LENGTH) this.#dropNews()
      this.#news.push(page)
      for (const { packed } of page.entries) this.#newsLength += packed.length
    } else if (!this.#followed.take(page)) this.#look()
    // An end cannot be undone, so it is read from the engine and not believed from news.
    else if (page.ended) this.#sync()
    else if (page.entries.length > 0) this.#vainLooks = 0
  }

  #dropNews(): EnginePage[] {
    const news = this.#news
    this.#news = []
    this.#newsLength = 0
    return news
  }

  /** Reads from the engine, because the news do not follow the head: some are missing, or no log has written them. */
  async #look(): Promise<void> {
    const { head } = this.tail
    const { epoch } = this.#followed
    await this.#sync(this.#vainLooks < VAIN_LOOKS ? 0 : this.#vainLooks)
    if (this.tail.head > head || this.#followed.epoch !== epoch) this.#vainLooks = 0
    else if (++this.#vainLooks === VAIN_LOOKS) this.#tellOfForeign('news that do not follow it')
  }

  /**
   * Reads the messages of the engine up to its newest one, and tries until it succeeds.
   * @param attempt waits first, as long as before this attempt
   */
  #sync(attempt = 0): Promise<void> {
    this.#syncing ??= runOutside(() => this.#syncUntilDone(attempt)).finally(() => {
      this.#syncing = undefined
      for (const page of this.#dropNews()) this.#receive(page)
    })
    return this.#syncing
  }

  async #syncAnew(): Promise<void> {
    // A call that runs already may have read before this moment.
    await this.#syncing
    if (this.#subscription) await this.#sync()
  }

  async #syncUntilDone(attempt: number): Promise<void> {
    if (attempt > 0) await backOff(attempt, LONGEST_WAIT)
    const follows = this.#isFollowing
    const page = await this.#untilDone(() => this.#followed.catchUp(this.#pages.read))
    if (page) this.#isKnown = true
    if (page?.ended) this.#finish()
    if (this.#isFollowing) this.#isOut = false
    if (page && follows && this.#isFollowing) this.#setStatus('live')
    this.#wake()
  }

  #setStatus(status: LogStatus): void {
    if (status === this.#status) return
    this.#status = status
    for (const follower of this.#followers) follower.statusChanged?.(status)
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
      // The news may be on their way. A second time without news means that none come.
      if (this.#followed.tail.head > head && !this.#hasNews) this.#finds++
      if (this.#finds > 1) this.#subscription?.renew()
    }
    if (this.#subscription) this.#checkLater()
  }

  #onReceipt({ epoch, warning, isUntold }: EngineReceipt): void {
    if (warning !== undefined) for (const follower of this.#followers) follower.warned?.(warning)
    if ((isUntold || epoch !== this.#followed.epoch) && this.#isFollowing) this.#sync()
  }

  // Loading.

  #isHere(after: string | number): boolean {
    const { epoch } = this.#followed
    const { head } = this.#followed.tail
    if (!this.#isKnown) return false
    if (after === '') return this.#isFollowing && !(this.#appends.newest.epoch === epoch && this.#appends.newest.offset > head)
    const place = this.#placeOf(after)
    // A text that is no id needs no wait.
    return !place || (place.epoch === epoch && place.offset <= head && this.#back.isHere(place.offset, place.at))
  }

  async #bring(after: string | number, signal: AbortSignal | undefined): Promise<void> {
    const isMissing = (): boolean => this.#subscription !== undefined && !signal?.aborted && !this.#isHere(after)
    await this.#whenLive(signal)
    if (typeof after === 'string') {
      // A call that runs already may have read before the message was there.
      if (this.#syncing) await settledUnless(this.#syncing, signal)
      if (isMissing()) await settledUnless(this.#sync(), signal)
    }
    this.#waitingBack++
    while (isMissing()) {
      const place = this.#placeOf(after)
      // Older pages have no messages of another epoch, or after the head.
      if (!place || place.epoch !== this.#followed.epoch || place.offset > this.#followed.tail.head) break
      this.#readingBack ??= runOutside(() => this.#readBack(place)).finally(() => {
        this.#readingBack = undefined
      })
      await settledUnless(this.#readingBack, signal)
    }
    this.#waitingBack--
  }

  /**
   * The id of the position for a reader that began at the mark: the head once it is loaded, or the position before the
   * first message after the mark.
   */
  async #begin(reaching: Promise<void>, mark: Mark, signal: AbortSignal | undefined): Promise<string | undefined> {
    await reaching
    const head = this.idOf(this.tail.head)
    const first = await mark.first(signal)
    if (first === undefined || isBefore(head, first)) return head
    // Found once for all readers of the mark.
    mark.place ??= this.#before(first)
    await settledUnless(mark.place, signal)
    return signal?.aborted ? '' : mark.place
  }

  /** The id of the position before a message; undefined where the engine no longer has the message. */
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

  /** Reads one page, unless no reader waits for it any more. */
  #readBack({ offset, at }: { offset: number; at?: number }): Promise<void> {
    clearTimeout(this.#dropping)
    this.#dropping = startTimer(() => this.#back.drop(), READ_BACK_KEPT)
    return this.#untilDone(
      () => this.#back.step(offset, at),
      () => this.#waitingBack > 0,
    )
  }

  /** Waits until the log follows its engine and has read its position, or is closed. */
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

  /** Tries until `act` succeeds, with growing waits. Resolves to undefined where the result is not wanted any more. */
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
    // After a connection broke, the error that refuses the next one tells the cause, so it is reported too.
    const isRefused = isCoded(error, 'ERR_SSE_LOG_REFUSED')
    if (this.#isOut && (!isRefused || this.#isRefused)) return
    this.#isOut = true
    this.#isRefused = isRefused
    for (const follower of this.#followers) follower.failed?.(error)
  }
}

/**
 * Makes a log on an engine. It follows the engine, reads the messages that it missed, tells its followers of lost
 * messages, and keeps waiting messages within bounds.
 *
 * @param engine the store; the log closes what the engine opens for it, and nothing else
 * @param options the bounds and time limits of the log
 * @throws `ERR_SSE_INVALID_OPTION`
 */
export function engineLog(engine: Engine, options: EngineLogOptions = {}): TailedLog {
  return new EngineLog(engine, resolveEngineLogOptions(options))
}

/**
 * Whether one id comes before another in one state of a log. In one state, a later offset has a later time. Otherwise
 * the engine went back to an earlier state between the two.
 */
function isBefore(id: string, other: string): boolean {
  const [place, otherPlace] = [parseEngineId(id), parseEngineId(other)]
  return place !== undefined && place.epoch === otherPlace?.epoch && place.offset < otherPlace.offset && place.at <= otherPlace.at
}
