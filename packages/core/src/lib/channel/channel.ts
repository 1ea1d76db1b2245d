import { channelEnded, TidingsError } from '../errors.ts'
import type { EventStream } from '../event-stream.ts'
import type { Feedable, SharedWriter } from '../feed.ts'
import { memoryLog } from '../log/memory-log.ts'
import type { LogEntry, LogFollower, Tail, TailedLog } from '../log/message-log.ts'
import { type AnyEvents, describe, encodeMessage, type Message } from '../message.ts'
import { countFailed, counts } from '../metrics.ts'
import { checkedSignal, checkFunctions, checkNames, invalidOption } from '../option-checks.ts'
import { settledWithin } from '../timer.ts'
import { type ChannelErrorStage, type ChannelOptions, checkChannelOptions, type OwnEvents, type PublishedEvents } from './channel-options.ts'
import { type Flushable, flusher } from './flusher.ts'
import { type Beginning, type ChannelMessage, type MessageSource, type Place, readMessages } from './messages.ts'
import { ParsedValues, type PublishOptions, type ReservedEvents, toLogMessage } from './published.ts'
import { type Hub, type Lag, neededBy, Reader, type Snapshot, type SnapshotResult, type Start } from './reader.ts'
import { ResumeCount } from './resume-count.ts'
import type { Filter, Source, View } from './view.ts'
import { Views } from './views.ts'

/** How a stream is subscribed. */
export interface SubscribeOptions {
  /** Only messages of these topics. Unset: all messages, also those without a topic. */
  topics?: Iterable<string> | undefined
  /**
   * Only messages for which this is true. Give the same function to all subscriptions that share it: one made for each request
   * runs for each message and subscriber, and shares no bytes. A filter that throws cuts its own stream.
   */
  filter?: Filter | undefined
  /**
   * Where a client begins that comes without a last event id: after this id, or with all that is kept (`'start'`). Unset: with
   * what is published from now on.
   */
  after?: string | undefined
  /** The present state, for a client that begins without history or has lost some of it. */
  snapshot?: Snapshot | undefined
  /**
   * What happens to a connected client that falls behind what is kept: it is told by the reset event (`'reset'`), or its stream
   * ends (`'close'`); when it comes back, the reset event tells it. `'conflate'` lets it skip messages that a newer one of their key supersedes, so that it falls behind less.
   * @default 'reset'
   */
  lag?: Lag | undefined
}

/** A stream's place in a channel. It ends with the stream. */
export interface Subscription {
  /** Adds topics, from this subscription's present position on. @throws `ERR_SSE_INVALID_OPTION` where it has all topics */
  add(...topics: string[]): void
  /** Takes topics away. @throws `ERR_SSE_INVALID_OPTION` where it has all topics */
  remove(...topics: string[]): void
  /**
   * The id of its position: a client that came back with it would miss nothing and get nothing twice. `''` while its channel waits for
   * a log on an engine.
   */
  readonly lastEventId: string
  /** Ends the subscription. The stream stays open. */
  close(): void
}

/** How the messages of a channel are read in the process. */
export interface MessagesOptions {
  /** After this id, or all that is kept (`'start'`). Unset: from now on. */
  after?: string | undefined
  /** Only messages of these topics. Unset: all messages, also those without a topic. */
  topics?: Iterable<string> | undefined
  /** Ends the iteration. */
  signal?: AbortSignal | undefined
}

/** A bounded, ordered log of messages, and the streams that read it. */
export interface Channel<Events extends object = AnyEvents> {
  /**
   * Adds a message, encoded once for all who read it. Resolves to the id that it got; a rejection (`ERR_SSE_LOG_UNAVAILABLE`,
   * `ERR_SSE_CHANNEL_ENDED`) goes to `onError`, too, and is never unhandled.
   *
   * @throws at once, as `send` does; `ERR_SSE_ID_OWNED` for a message with an id, `ERR_SSE_RESERVED_EVENT` for the channel's own
   * events, `ERR_SSE_INVALID_OPTION`, `ERR_SSE_CHANNEL_ENDED` after `end()` or `close()`
   */
  publish(message: Message<Events>, options?: PublishOptions): Promise<string>
  /**
   * Has a stream get what is published, in order and each message once. A client that comes back with the last id that it has
   * dispatched gets what followed it, or is told by the reset event that something may be gone.
   *
   * @throws `ERR_SSE_ID_OWNED` for a stream that a channel feeds already, `ERR_SSE_INVALID_OPTION`
   */
  subscribe(stream: EventStream<never> | EventStream, options?: SubscribeOptions): Subscription
  /**
   * The messages themselves, for use in the process. Rejects with `ERR_SSE_GAP` when its reader was so slow, or came so late,
   * that something is gone.
   */
  messages(options?: MessagesOptions): AsyncIterableIterator<ChannelMessage>
  /**
   * Says that nothing will follow, to all who share the log: subscribers get the rest, their position, a `retry` and a clean end.
   * Idempotent.
   */
  end(): void
  /**
   * Whether nothing will ever follow this id. A route that asks before it opens its stream answers 204, which stops an
   * `EventSource`. A client without an id (`''`) has had all of an ended channel unless the route would begin at `after`. False where a
   * log on an engine cannot tell within two seconds: the client's stream then waits for it.
   */
  ended(lastEventId: string, options?: Pick<SubscribeOptions, 'after'>): Promise<boolean>
  /** Ends all subscriptions and their streams, at once and without a `retry`, and lets go of the log where the channel made it. Idempotent. */
  close(): void
  /** How many streams are subscribed. */
  readonly subscribers: number
}

const SUBSCRIBE_OPTIONS = ['topics', 'filter', 'after', 'snapshot', 'lag']
const MESSAGES_OPTIONS = ['after', 'topics', 'signal']
const LAGS: readonly unknown[] = [undefined, 'reset', 'close', 'conflate']
const POSITION_EVENT = 'position'
// Milliseconds. A route that asks whether its client has had all must answer, whatever its log's engine does.
const LONGEST_ASKING = 2_000

/**
 * Makes a channel. `Own` names the channel's own events, which `publish` takes no messages of: with a map of events, a `resetEvent`
 * of another name is given there too, and `position: 'message'` needs `'position'`.
 *
 * @throws `ERR_SSE_INVALID_OPTION`
 *
 * @example
 * import { createServer } from 'node:http'
 * import { createChannel } from '@tidings/core'
 * import { openEventStream } from '@tidings/core/node'
 *
 * const scores = createChannel<{ goal: { team: string } }>({ history: { messages: 10_000 } })
 * createServer((req, res) => {
 *   scores.subscribe(openEventStream(req, res), { topics: ['match/42'] })
 * }).listen(3000)
 * await scores.publish({ event: 'goal', data: { team: 'home' } }, { topic: 'match/42' })
 */
export function createChannel<Events extends object = AnyEvents, Own extends string = OwnEvents<Events>>(
  options?: ChannelOptions<Own>,
): Channel<PublishedEvents<Events, Own>>
export function createChannel(options: ChannelOptions = {}): Channel {
  checkChannelOptions(options)
  return new LogChannel(options)
}

class LogChannel implements Channel, Hub, Source, MessageSource, Flushable, LogFollower {
  readonly tail: Tail
  readonly resetEvent: string
  readonly #options: ChannelOptions
  readonly #log: TailedLog
  readonly #reserved: ReservedEvents
  readonly #values: ParsedValues
  readonly #views: Views
  /** Views that something has come for since they were last flushed. */
  #stirred: View[] = []
  /** The first of what has come for them. */
  #unreadFrom: number | undefined
  readonly #snapshots = new Map<Snapshot, { cursor: number; result: Promise<SnapshotResult> }>()
  readonly #resumes = new ResumeCount()
  /** Who reads in the process by `messages()`, and who of them waits. */
  readonly #places = new Set<Place>()
  readonly #waiting = new Set<() => void>()
  readonly #unfollow: () => void
  /** Settles when the log has been told that nothing will follow; there from then on, unless it could not be told. */
  #ending: Promise<void> | undefined
  /** Whether the channel has had its last message. */
  #ended = false
  #closed = false
  subscribers = 0

  constructor(options: ChannelOptions) {
    this.#options = options
    this.#log = options.log ?? memoryLog(options.history)
    this.tail = this.#log.tail
    this.resetEvent = options.resetEvent ?? 'reset'
    this.#reserved = new Set([this.resetEvent, ...(options.position === 'message' ? [POSITION_EVENT] : [])])
    this.#values = new ParsedValues(options.parse ?? JSON.parse)
    this.#views = new Views(this)
    this.#unfollow = this.#log.follow(this)
  }

  publish(message: Message, options: PublishOptions = {}): Promise<string> {
    if (this.#ending || this.#ended || this.#closed) throw channelEnded()
    const kept = this.#log.append(toLogMessage(message, options, this.#options.serialize, this.#reserved), options)
    kept.then(
      () => counts.published++,
      (error) => {
        countFailed(error)
        this.report(error, 'publish')
      },
    )
    return kept
  }

  subscribe(stream: EventStream<never> | EventStream, options: SubscribeOptions = {}): Subscription {
    checkNames('subscribe', options, SUBSCRIBE_OPTIONS)
    const { filter, snapshot, lag = 'reset' } = options
    if (!LAGS.includes(lag)) throw invalidOption(`lag must be 'reset', 'close' or 'conflate', got ${describe(lag)}`)
    checkFunctions({ filter, snapshot })
    if (typeof (stream as unknown as Partial<Feedable> | undefined)?.['~feed'] !== 'function')
      throw invalidOption(`subscribe takes a stream that Tidings opened, got ${describe(stream)}; write channel.subscribe(res.sse())`)
    const topics = topicsOf(options.topics)
    const start = this.#startOf(stream.lastEventId, options.after)
    this.tail.trimAged(Date.now())
    const reader = new Reader(this, this.#views.find(topics, filter), snapshot, lag)
    const port = (stream as unknown as Feedable)['~feed'](reader)
    if (!stream.closed) {
      this.#views.add(reader)
      this.subscribers++
      counts.subscribers++
      reader.begin(port, start)
      if (this.#closed) reader.end()
    }
    const change = (edit: (topics: Set<string>) => void): void => {
      const { view } = reader
      if (!reader.isOpen) return
      if (!view.topics) throw invalidOption('this subscription gets all topics; subscribe with topics to change them')
      const next = new Set(view.topics)
      edit(next)
      this.#views.remove(reader)
      reader.changeView(this.#views.find(next, filter))
      if (reader.isOpen) this.#views.add(reader)
    }
    return {
      add: (...more) =>
        change((next) => {
          for (const topic of topicsOf(more) ?? []) next.add(topic)
        }),
      remove: (...less) =>
        change((next) => {
          for (const topic of less) next.delete(topic)
        }),
      get lastEventId() {
        return reader.lastEventId
      },
      close: () => reader.release(),
    }
  }

  messages(options: MessagesOptions = {}): AsyncIterableIterator<ChannelMessage> {
    checkNames('messages', options, MESSAGES_OPTIONS)
    this.tail.trimAged(Date.now())
    const start = this.#startOf('', options.after)
    const reaching = this.reach(neededBy(start))
    // From this call on and not from the first `next`, where the log can tell by now.
    const from: Start = start === 'now' && !reaching ? { id: this.idOf(this.head), comesBack: false } : start
    const beginning: Beginning = {
      reach: () => reaching ?? this.reach(neededBy(from)),
      cursor: () => this.#offsetOf(from),
    }
    return readMessages(this, this.#views.find(topicsOf(options.topics), undefined), beginning, checkedSignal(options.signal))
  }

  end(): void {
    if (this.#ended) return
    this.#ending ??= this.#log.end().catch((error) => {
      this.#ending = undefined
      this.report(error, 'publish')
    })
  }

  async ended(lastEventId: string, options: Pick<SubscribeOptions, 'after'> = {}): Promise<boolean> {
    checkNames('ended', options, ['after'])
    const start = this.#startOf(lastEventId, options.after)
    const waits = [this.reach(neededBy(start)), this.#ended ? undefined : this.#ending].filter((wait) => wait !== undefined)
    if (waits.length > 0) await settledWithin<unknown>(Promise.all(waits), LONGEST_ASKING, () => undefined)
    if (!this.#ended) return false
    return start === 'now' || this.#offsetOf(start) === this.head
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#unfollow()
    for (const [, audience] of [...this.#views.all()]) for (const reader of [...audience]) reader.end()
    this.#wakeReaders()
    if (!this.#options.log) this.#log.close()
  }

  // What the log says.

  entry({ topic, offset }: LogEntry): void {
    for (const view of this.#views.ofAll) this.#stir(view).expect(offset)
    for (const view of this.#views.ofTopic(topic)) this.#stir(view).expect(offset)
    if (this.#stirred.length > 0) {
      this.#unreadFrom ??= offset
      flusher.schedule(this)
    }
    if (this.#waiting.size > 0) this.#wakeReaders()
  }

  trimming(upTo: number): void {
    // A burst that is longer than the history would be gone before a turn is over.
    if (this.#unreadFrom !== undefined && upTo >= this.#unreadFrom) this.flush()
  }

  breaking(upTo: number): void {
    for (const [view, audience] of this.#views.all()) {
      audience.scatter()
      for (const reader of audience) reader.breakAt(upTo)
      view.forget()
    }
    for (const place of this.#places) if (place.cursor !== undefined && place.cursor > upTo) place.cursor = undefined
    this.#snapshots.clear()
    // Delivered in a later turn, when the tail is as it will be.
    this.#stirAll()
  }

  finished(): void {
    this.#ended = true
    this.#stirAll()
  }

  failed(error: unknown): void {
    this.report(error, 'follow')
  }

  flush(): void {
    for (const view of [...this.#stirred]) {
      const { head } = this
      this.#views.audienceOf(view)?.deliver()
      // What was published meanwhile, by a filter say, is told in the next turn.
      if (this.head !== head) continue
      view.calm()
    }
    this.#stirred = this.#stirred.filter(({ isStirred }) => isStirred)
    if (this.#stirred.length === 0) this.#unreadFrom = undefined
  }

  // What readers and views ask.

  get head(): number {
    return this.tail.head
  }

  get floor(): number {
    return this.tail.floor
  }

  get isOver(): boolean {
    return this.#ended
  }

  get isFinal(): boolean {
    return this.#ended || this.#closed
  }

  enter(place: Place): () => void {
    this.#places.add(place)
    return () => this.#places.delete(place)
  }

  onNext(wake: () => void): () => void {
    this.#waiting.add(wake)
    return () => this.#waiting.delete(wake)
  }

  idOf(offset: number): string {
    return this.#log.idOf(offset)
  }

  locate(id: string): number | undefined {
    return this.#log.locate(id)
  }

  reach(after: string | number): Promise<void> | undefined {
    return this.#log.reach?.(after)
  }

  resumed(isKnown: boolean): void {
    counts.resumed++
    const warning = this.#resumes.add(isKnown)
    if (warning) this.report(warning, 'resume')
  }

  valueOf(entry: LogEntry): unknown {
    return this.#values.of(entry)
  }

  positionBlock(offset: number): string {
    const { position = true } = this.#options
    if (position === false) return ''
    const id = `id: ${this.idOf(offset)}\n`
    return position === 'message' ? `\nevent: ${POSITION_EVENT}\ndata: \n${id}` : id
  }

  encode(message: Message): string {
    if (typeof message === 'object' && message?.id !== undefined)
      throw new TidingsError('ERR_SSE_ID_OWNED', 'Messages of a snapshot carry no id: the position follows the last of them')
    return encodeMessage(message, { serialize: this.#options.serialize })
  }

  snapshot(take: Snapshot, cursor: number): SnapshotResult | Promise<SnapshotResult> {
    const running = this.#snapshots.get(take)
    if (running?.cursor === cursor) return running.result
    const result = take()
    if (typeof result !== 'object' || !('then' in result)) return result
    const run = { cursor, result }
    this.#snapshots.set(take, run)
    const forget = (): void => {
      if (this.#snapshots.get(take) === run) this.#snapshots.delete(take)
    }
    result.then(forget, forget)
    return result
  }

  report(error: unknown, stage: ChannelErrorStage): void {
    const { onError = (failure: unknown) => console.error(failure) } = this.#options
    try {
      onError(error, { stage })
    } catch (thrown) {
      console.error(error, thrown)
    }
  }

  caughtUp(reader: Reader, cursor: number, writer: SharedWriter): void {
    this.#views.audienceOf(reader.view)?.join(reader, cursor, writer)
  }

  forget(reader: Reader): void {
    this.#views.remove(reader)
    this.subscribers--
    counts.subscribers--
  }

  #startOf(lastEventId: string, after: string | undefined): Start {
    if (after !== undefined && typeof after !== 'string') throw invalidOption(`after must be an id or 'start', got ${describe(after)}`)
    if (lastEventId !== '') return { id: lastEventId, comesBack: true }
    if (after === undefined || after === '') return 'now'
    return after === 'start' ? 'start' : { id: after, comesBack: false }
  }

  #offsetOf(start: Start): number | undefined {
    if (start === 'now') return this.head
    return start === 'start' ? this.floor : this.locate(start.id)
  }

  #stir(view: View): View {
    if (!view.isStirred) this.#stirred.push(view)
    view.isStirred = true
    return view
  }

  #stirAll(): void {
    for (const [view] of this.#views.all()) this.#stir(view)
    if (this.#stirred.length > 0) flusher.schedule(this)
    this.#wakeReaders()
  }

  #wakeReaders(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const wake of waiting) wake()
  }
}

function topicsOf(topics: Iterable<string> | undefined): ReadonlySet<string> | undefined {
  if (topics === undefined) return undefined
  const set = typeof topics === 'string' ? undefined : new Set(topics)
  if (!set || [...set].some((topic) => typeof topic !== 'string')) throw invalidOption(`topics must be a list of strings, got ${describe(topics)}`)
  return set
}
