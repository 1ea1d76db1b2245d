import { Audiences } from '../delivery/audiences.ts'
import { DueAudiences } from '../delivery/due-audiences.ts'
import { type Flushable, pacer } from '../delivery/pacer.ts'
import { ParsedValues } from '../delivery/parsed-values.ts'
import { type Hub, Reader } from '../delivery/reader.ts'
import { isNow, neededBy, offsetOf, startOf } from '../delivery/reader-start.ts'
import { ResumeCount } from '../delivery/resume-count.ts'
import { RunningSnapshots } from '../delivery/snapshot.ts'
import type { ChannelMessage, Source, View } from '../delivery/view.ts'
import { describe } from '../describe.ts'
import { channelEnded, TidingsError } from '../errors.ts'
import { memoryLog } from '../log/memory-log.ts'
import type { LogEntry, LogFollower, Tail, TailedLog } from '../log/message-log.ts'
import { type AnyEvents, encodeMessage, type Message } from '../message/message.ts'
import { countFailed, counts } from '../metrics.ts'
import { checkedSignal, checkFunctions, checkNames, invalidOption } from '../option-checks.ts'
import type { EventStream } from '../stream/event-stream.ts'
import { FEED, type Feedable } from '../stream/feeder.ts'
import { settledWithin } from '../timer.ts'
import { settledUnless } from '../waiting.ts'
import { type ChannelErrorStage, type ChannelOptions, checkChannelOptions, type OwnEvents, POSITION_EVENT, type PublishedEvents } from './channel-options.ts'
import { PublicChannel } from './public-channel.ts'
import { type PublishOptions, type ReservedEvents, toLogMessage } from './publish.ts'
import { type Beginning, type MessageSource, type MessagesOptions, type Place, readMessages } from './read-messages.ts'
import { checkSubscribeOptions, type SubscribeOptions, type Subscription, subscriptionOf } from './subscription.ts'
import { topicsOf } from './topics.ts'

/** A bounded, ordered log of messages, and the streams that read it. */
export interface Channel<Events extends object = AnyEvents> {
  /**
   * Publishes a message. It is encoded once for all readers. The promise resolves to the id of the message. An error
   * of the log (`ERR_SSE_LOG_UNAVAILABLE`, `ERR_SSE_CHANNEL_ENDED`) rejects it and goes to `onError`; the rejection is
   * never unhandled.
   *
   * @throws the errors of `send`, at once; `ERR_SSE_ID_OWNED` for a message with an id, `ERR_SSE_RESERVED_EVENT` for
   * the channel's own events, `ERR_SSE_INVALID_OPTION`, `ERR_SSE_CHANNEL_ENDED` after `end()` or `close()`
   */
  publish(message: Message<Events>, options?: PublishOptions): Promise<string>
  /**
   * Sends published messages to a stream, in order and each message once. A client that reconnects with its last
   * event id gets the messages that it missed, or the reset event tells it that some may be gone.
   *
   * @throws `ERR_SSE_ID_OWNED` for a stream that a channel feeds already, `ERR_SSE_INVALID_OPTION`
   */
  subscribe(stream: Omit<EventStream, 'send' | 'sendAll'>, options?: SubscribeOptions): Subscription
  /**
   * Iterates over the messages, for use in this process. The iterator rejects with `ERR_SSE_GAP` where a message is
   * gone before its reader got it.
   *
   * @throws `ERR_SSE_INVALID_OPTION`
   */
  messages(options?: MessagesOptions): AsyncIterableIterator<ChannelMessage>
  /**
   * Ends the channel, for all channels that share the log. Subscribers get the remaining messages, their position, a
   * `retry` and a clean end. Idempotent.
   */
  end(): void
  /**
   * Whether the channel has ended and the client has got all its messages. Give the same `topics`, `filter` and
   * `after` as to `subscribe`. A route that asks before it opens a stream can answer 204, which stops an
   * `EventSource`. A client without an id (`''`) has got all messages of an ended channel, unless `after` is given.
   * False where a log on an engine cannot tell within two seconds; the client's stream then waits for the engine.
   *
   * @throws `ERR_SSE_INVALID_OPTION`, as a rejection
   */
  ended(lastEventId: string, options?: Pick<SubscribeOptions, 'topics' | 'filter' | 'after'>): Promise<boolean>
  /**
   * Ends all subscriptions and their streams, at once and without a `retry`. Closes the log where the channel made it.
   * Idempotent.
   */
  close(): void
  /** The number of streams that are subscribed. */
  readonly subscribers: number
}

const MESSAGES_OPTIONS = ['after', 'topics', 'signal']
const ENDED_OPTIONS = ['topics', 'filter', 'after']
// Milliseconds. A route that calls `ended` must answer, even while the log's engine does not.
const LONGEST_ASKING = 2_000
const LATE = Symbol()
const MOST_TOPICS = 256
// Milliseconds.
const LONGEST_SNAPSHOT = 30_000

/**
 * Makes a channel. `Own` are the names of the channel's own events, which `publish` refuses. With a map of events,
 * name there a `resetEvent` other than `'reset'`, and `'position'` for `position: 'message'`.
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
  return new PublicChannel(new LogChannel(options))
}

class LogChannel implements Channel, Hub, Source, MessageSource, Flushable, LogFollower {
  readonly log: TailedLog
  readonly tail: Tail
  readonly resetEvent: string
  readonly snapshots: RunningSnapshots
  readonly #options: ChannelOptions
  readonly #reserved: ReservedEvents
  readonly #maxTopics: number
  readonly #values: ParsedValues
  readonly #audiences: Audiences
  readonly #due = new DueAudiences()
  readonly #resumes = new ResumeCount()
  /** The positions of the readers of `messages()`. */
  readonly #places = new Set<Place>()
  /** Wakes the readers of `messages()` that wait for the next message. */
  readonly #waiting = new Set<() => void>()
  readonly #unfollow: () => void
  /** Set by `end()`. Settles when the log has ended, and is removed where the log could not be ended. */
  #ending: Promise<void> | undefined
  /** Whether the log has ended. */
  #ended = false
  #closed = false
  subscribers = 0

  constructor(options: ChannelOptions) {
    this.#options = options
    this.log = options.log ?? memoryLog(options.history)
    this.tail = this.log.tail
    this.resetEvent = options.resetEvent ?? 'reset'
    this.snapshots = new RunningSnapshots(options.snapshotTimeout ?? LONGEST_SNAPSHOT)
    this.#reserved = new Set([this.resetEvent, ...(options.position === 'message' ? [POSITION_EVENT] : [])])
    this.#maxTopics = options.maxTopics ?? MOST_TOPICS
    this.#values = new ParsedValues(options.parse ?? JSON.parse)
    this.#audiences = new Audiences(this)
    this.#unfollow = this.log.follow(this)
  }

  publish(message: Message, options: PublishOptions = {}): Promise<string> {
    if (this.#ending || this.#ended || this.#closed) throw channelEnded()
    const kept = this.log.append(toLogMessage(message, options, this.#options.serialize, this.#reserved), options)
    kept.then(
      () => counts.published++,
      (error) => {
        countFailed(error)
        this.report(error, 'publish')
      },
    )
    return kept
  }

  subscribe(stream: Omit<EventStream, 'send' | 'sendAll'>, options: SubscribeOptions = {}): Subscription {
    checkSubscribeOptions(options)
    const { filter, snapshot, lag = 'reset' } = options
    if (typeof (stream as unknown as Partial<Feedable> | undefined)?.[FEED] !== 'function')
      throw invalidOption(`subscribe takes a stream that Tidings opened, got ${describe(stream)}; write channel.subscribe(res.sse())`)
    const topics = topicsOf(options.topics, this.#maxTopics)
    const start = startOf(stream.lastEventId, options.after)
    this.#trimAged()
    const reader = new Reader(this, this.#audiences.find(topics, filter), snapshot, lag)
    const port = (stream as unknown as Feedable)[FEED](reader)
    if (!stream.closed) {
      this.#audiences.add(reader)
      this.subscribers++
      counts.subscribers++
      reader.begin(port, start)
      if (this.#closed) reader.end()
    }
    return subscriptionOf(reader, this.#audiences, this.#maxTopics)
  }

  messages(options: MessagesOptions = {}): AsyncIterableIterator<ChannelMessage> {
    checkNames('messages', options, MESSAGES_OPTIONS)
    const { view } = this.#audiences.find(topicsOf(options.topics, this.#maxTopics), undefined)
    const signal = checkedSignal(options.signal)
    const start = startOf('', options.after)
    this.#trimAged()
    const leaving = new AbortController()
    const load = (after: string | number): Promise<void> | undefined => this.log.load?.(after, leaving.signal)
    let from = start
    // The position is fixed at this call, and not at the first `next`.
    const place = isNow(start) ? this.log.now?.(leaving.signal) : undefined
    let reaching = place?.then((now) => {
      from = { now }
      return load(neededBy(from))
    })
    reaching ??= load(neededBy(start))
    if (isNow(start) && !reaching) from = { now: this.log.idOf(this.tail.head) }
    const beginning: Beginning = {
      load: () => {
        const begun = reaching
        reaching = undefined
        return begun ?? load(neededBy(from))
      },
      cursor: () => offsetOf(from, this.log),
    }
    return readMessages(this, view, beginning, leaving, signal)
  }

  end(): void {
    if (this.#ended) return
    this.#ending ??= this.log.end().catch((error) => {
      this.#ending = undefined
      this.report(error, 'publish')
    })
  }

  async ended(lastEventId: string, options: Pick<SubscribeOptions, 'topics' | 'filter' | 'after'> = {}): Promise<boolean> {
    checkNames('ended', options, ENDED_OPTIONS)
    const { filter } = options
    checkFunctions({ filter })
    const { view } = this.#audiences.find(topicsOf(options.topics, this.#maxTopics), filter)
    const start = startOf(lastEventId, options.after)
    const leaving = new AbortController()
    const ending = this.#ended || !this.#ending ? undefined : settledUnless(this.#ending, leaving.signal)
    const waits = [this.log.load?.(neededBy(start), leaving.signal), ending].filter((wait) => wait !== undefined)
    const isKnown = waits.length === 0 || (await settledWithin<unknown>(Promise.all(waits), LONGEST_ASKING, () => LATE)) !== LATE
    leaving.abort()
    if (!this.#ended || !isKnown) return false
    return isNow(start) || this.#hasAll(view, offsetOf(start, this.log))
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#unfollow()
    for (const audience of [...this.#audiences]) for (const reader of [...audience]) reader.end()
    this.#wakeReaders()
    if (!this.#options.log) this.log.close()
  }

  // Calls of the log.

  entry({ topic, offset }: LogEntry): void {
    this.#due.markDue(this.#audiences.ofAllTopics, offset)
    this.#due.markDue(this.#audiences.ofTopic(topic), offset)
    if (!this.#due.isEmpty) pacer.schedule(this)
    if (this.#waiting.size > 0) this.#wakeReaders()
  }

  trimming(upTo: number): void {
    // A burst that is larger than the history would be dropped before the end of this turn.
    if (upTo >= this.#due.unreadFrom) this.flush()
  }

  breaking(upTo: number): void {
    for (const audience of this.#audiences) audience.breakAt(upTo)
    for (const place of this.#places) if (place.cursor !== undefined && place.cursor > upTo) place.cursor = undefined
    this.snapshots.clear()
    // Delivered in a later turn, when the log has moved its tail.
    this.#markAllDue()
  }

  finished(): void {
    this.#ended = true
    this.#markAllDue()
  }

  failed(error: unknown): void {
    this.report(error, 'follow')
  }

  warned(error: unknown): void {
    this.report(error, 'log')
  }

  flush(): void {
    this.#due.deliver((audience) => {
      const { head } = this.tail
      // A filter may publish a message, which is delivered in the next turn.
      return audience.deliver() && this.tail.head === head
    })
  }

  // Calls of readers and views.

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
    const id = `id: ${this.log.idOf(offset)}\n`
    return position === 'message' ? `\nevent: ${POSITION_EVENT}\ndata: \n${id}` : id
  }

  encode(message: Message): string {
    if (typeof message === 'object' && message?.id !== undefined)
      throw new TidingsError('ERR_SSE_ID_OWNED', 'Messages of a snapshot carry no id: the position follows the last of them')
    return encodeMessage(message, { serialize: this.#options.serialize })
  }

  report(error: unknown, stage: ChannelErrorStage): void {
    const { onError = (failure: unknown) => console.error(failure) } = this.#options
    try {
      onError(error, { stage })
    } catch (thrown) {
      console.error(error, thrown)
    }
  }

  forget(reader: Reader): void {
    this.#audiences.remove(reader)
    this.subscribers--
    counts.subscribers--
  }

  /** Whether no message of the view follows this offset, and none that followed it is gone. */
  #hasAll(view: View, offset: number | undefined): boolean {
    try {
      return offset !== undefined && !view.hasGap(offset) && !view.walk(offset)()
    } catch (error) {
      this.report(error, 'filter')
      return false
    }
  }

  /** Drops messages that are too old, after they were delivered. */
  #trimAged(): void {
    this.trimming(this.tail.agedFloor())
    this.tail.trimAged()
  }

  #markAllDue(): void {
    for (const audience of this.#audiences) this.#due.add(audience)
    if (!this.#due.isEmpty) pacer.schedule(this)
    this.#wakeReaders()
  }

  #wakeReaders(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const wake of waiting) wake()
  }
}
