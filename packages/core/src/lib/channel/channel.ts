import { joinStream } from '../delivery/joined-channels.ts'
import { checkChannelName, JoinedId } from '../delivery/joined-id.ts'
import { Reader } from '../delivery/reader.ts'
import { isNow, neededBy, offsetOf, type Start, startOf } from '../delivery/reader-start.ts'
import type { ChannelMessage, View } from '../delivery/view.ts'
import { describe } from '../describe.ts'
import { channelEnded, type TidingsError } from '../errors.ts'
import type { LogStatus } from '../log/message-log.ts'
import type { AnyEvents, Message, PublishedMessage } from '../message/message.ts'
import { countFailed, counts } from '../metrics.ts'
import { checkedSignal, checkFunctions, checkNames, invalidOption } from '../option-checks.ts'
import { FEED, type Feedable } from '../stream/feeder.ts'
import { settledWithin } from '../timer.ts'
import { settledUnless } from '../waiting.ts'
import { ChannelHub } from './channel-hub.ts'
import { type ChannelOptions, checkChannelOptions, type OwnEvents, POSITION_EVENT, type PublishedEvents } from './channel-options.ts'
import { type PassingOptions, type PublishOptions, type ReservedEvents, toLogMessage } from './publish.ts'
import { type Beginning, type MessagesOptions, readMessages } from './read-messages.ts'
import { checkSubscribeOptions, type FeedableStream, type SubscribeOptions, type Subscription, subscriptionOf } from './subscription.ts'
import { topicsOf } from './topics.ts'

/** The events of a channel's messages, for a front end: `type Scores = EventsOf<typeof scores>`. */
export type EventsOf<Of> = Of extends Channel<infer Events> ? Events : never

/** A bounded, ordered log of messages, and the streams that read it. */
export interface Channel<Events extends object = AnyEvents> {
  /**
   * Publishes a message. It is encoded once for all readers. The promise resolves to the id of the message. An error
   * of the log (`ERR_SSE_LOG_UNAVAILABLE`, `ERR_SSE_CHANNEL_ENDED`) rejects it and goes to `onError`; the rejection is
   * never unhandled. With `keep: false` it resolves to `''`, and rejects at once while the log's engine is away.
   *
   * @throws the errors of `send`, at once; `ERR_SSE_ID_OWNED` for a message with an id, `ERR_SSE_RESERVED_EVENT` for
   * the channel's own events, `ERR_SSE_INVALID_OPTION`, `ERR_SSE_CHANNEL_ENDED` after `end()` or `close()`
   */
  publish<Name extends keyof Events & string>(message: PublishedMessage<Events, Name>, options?: PublishOptions | PassingOptions): Promise<string>
  /**
   * Sends published messages to a stream, in order and each message once. A client that reconnects with its last
   * event id gets the messages that it missed, or the reset event tells it that some may be gone.
   *
   * @throws `ERR_SSE_ID_OWNED` for a stream that a channel feeds already, unless both subscriptions have a `name`;
   * `ERR_SSE_INVALID_OPTION`
   */
  subscribe(stream: FeedableStream<Events>, options?: SubscribeOptions<Events>): Subscription
  /**
   * Iterates over the messages, for use in this process. The iterator rejects with `ERR_SSE_GAP` where a message is
   * gone before its reader got it.
   *
   * @throws `ERR_SSE_INVALID_OPTION`
   */
  messages(options?: MessagesOptions): AsyncIterableIterator<ChannelMessage<Events>>
  /**
   * Ends the channel, for all channels that share the log. Subscribers get the remaining messages, their position, a
   * `retry` and a clean end. Idempotent.
   */
  end(): void
  /**
   * Whether the channel has ended and the client has got all its messages. Give the same `topics`, `filter`,
   * `after` and `name` as to `subscribe`. A route that asks before it opens a stream can answer 204, which stops an
   * `EventSource`; a route with several channels asks them all. For a client without an id (`''`) and without `after`,
   * it is true once the channel has ended. It is false if the log's engine does not answer within two seconds. The
   * client's stream then waits for the engine.
   *
   * @throws `ERR_SSE_INVALID_OPTION`, as a rejection
   */
  ended(lastEventId: string, options?: Pick<SubscribeOptions<Events>, 'topics' | 'filter' | 'after' | 'name'>): Promise<boolean>
  /**
   * Ends all subscriptions and their streams, at once and without a `retry`. Closes the log where the channel made it.
   * Idempotent.
   */
  close(): void
  /** The number of streams that are subscribed. */
  readonly subscribers: number
  /**
   * How the channel stands to its log's engine. `'live'`: it follows, and has all messages. `'catching up'`: it
   * follows, and reads the messages that it missed. `'away'`: the engine cannot be reached, and streams stay open. A
   * channel in the memory of this process is always live.
   */
  readonly status: LogStatus
}

const MESSAGES_OPTIONS = ['after', 'topics', 'signal']
const ENDED_OPTIONS = ['topics', 'filter', 'after', 'name']
// Milliseconds. A route that calls `ended` must answer, even while the log's engine does not.
const LONGEST_ASKING = 2_000
const MOST_TOPICS = 256

/**
 * Makes a channel. `publish` refuses the channel's own events, and `Own` has their names. If you give `Events`, add
 * the name of a `resetEvent` other than `'reset'` to `Own`, and `'position'` if you set `position: 'message'`.
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

/** A channel as an app gets it, with its public names alone. Its log and its readers call the hub behind it. */
class LogChannel implements Channel {
  readonly #hub: ChannelHub
  readonly #options: ChannelOptions
  readonly #reserved: ReservedEvents
  readonly #maxTopics: number
  /** Set by `end()`. Settles when the log has ended, and is removed where the log could not be ended. */
  #ending: Promise<void> | undefined

  constructor(options: ChannelOptions) {
    this.#options = options
    this.#hub = new ChannelHub(options)
    this.#reserved = new Set([this.#hub.resetEvent, ...(options.position === 'message' ? [POSITION_EVENT] : [])])
    this.#maxTopics = options.maxTopics ?? MOST_TOPICS
  }

  publish(message: Message, options: PublishOptions | PassingOptions = {}): Promise<string> {
    const hub = this.#hub
    const { log } = hub
    if (this.#ending || hub.isFinal) throw channelEnded()
    const logMessage = toLogMessage(message, options, this.#options, this.#reserved, this.#maxTopics)
    const published = options.keep === false ? log.tell?.(logMessage) : log.append(logMessage, options)
    if (!published) throw invalidOption("keep: false does not work with this channel's log; update the package that makes it, or use another log")
    published.then(
      () => counts.published++,
      (error) => {
        countFailed(error)
        hub.report(error, 'publish')
      },
    )
    return published
  }

  subscribe(stream: FeedableStream, options: SubscribeOptions = {}): Subscription {
    checkSubscribeOptions(options)
    const hub = this.#hub
    const { filter, snapshot, lag = 'reset', name = this.#options.name } = options
    if (typeof (stream as unknown as Partial<Feedable> | undefined)?.[FEED] !== 'function')
      throw invalidOption(`subscribe takes a stream that Tidings opened, got ${describe(stream)}; write channel.subscribe(res.sse())`)
    const topics = topicsOf(options.topics, this.#maxTopics)
    const start = startOf(stream.lastEventId, options.after)
    hub.trimAged()
    const reader = new Reader(hub, hub.audiences.find(topics, filter), snapshot, lag)
    const feedable = stream as unknown as Feedable & { lastEventId: string }
    const lane = name === undefined ? undefined : joinStream(feedable, name, reader, (id) => hub.log.locate(id) !== undefined)
    const fed = lane ?? feedable[FEED](reader)
    if (!stream.closed) {
      hub.add(reader)
      reader.begin(fed, lane ? startOf(lane.lastEventId, options.after) : start)
      if (hub.isClosed) reader.end()
    }
    return subscriptionOf(reader, lane, hub.audiences, this.#maxTopics)
  }

  messages(options: MessagesOptions = {}): AsyncIterableIterator<ChannelMessage> {
    checkNames('messages', options, MESSAGES_OPTIONS)
    const hub = this.#hub
    const { log } = hub
    const { view } = hub.audiences.find(topicsOf(options.topics, this.#maxTopics), undefined)
    const signal = checkedSignal(options.signal)
    const start = startOf('', options.after)
    const recent = isNow(start) ? start.recent : undefined
    hub.trimAged()
    const leaving = new AbortController()
    const load = (after: string | number): Promise<void> | undefined => log.load?.(after, leaving.signal)
    let from = start
    // The position is fixed at this call, and not at the first `next`.
    const place = isNow(start) ? log.now?.(leaving.signal) : undefined
    let reaching = place?.then((now) => {
      from = { now, recent }
      return load(neededBy(from))
    })
    reaching ??= load(neededBy(start))
    if (isNow(start) && !reaching) from = { now: log.idOf(hub.tail.head), recent }
    const beginning: Beginning = {
      load: () => {
        const begun = reaching
        reaching = undefined
        return begun ?? load(neededBy(from))
      },
      cursor: () => offsetOf(from, log),
      recent,
    }
    return readMessages(hub, view, beginning, leaving, signal)
  }

  end(): void {
    const hub = this.#hub
    if (hub.hasEnded) return
    this.#ending ??= hub.log.end().catch((error) => {
      this.#ending = undefined
      hub.report(error, 'publish')
    })
  }

  async ended(lastEventId: string, options: Pick<SubscribeOptions, 'topics' | 'filter' | 'after' | 'name'> = {}): Promise<boolean> {
    checkNames('ended', options, ENDED_OPTIONS)
    const { filter, name = this.#options.name } = options
    checkFunctions({ filter })
    checkChannelName(name)
    const hub = this.#hub
    const { view } = hub.audiences.find(topicsOf(options.topics, this.#maxTopics), filter)
    const start = startOf(name === undefined ? lastEventId : new JoinedId(lastEventId).of(name), options.after)
    const leaving = new AbortController()
    const hasAll = await settledWithin(this.#hasAll(view, start, leaving), LONGEST_ASKING, () => false)
    leaving.abort()
    return hasAll
  }

  close(): void {
    this.#hub.close()
  }

  get subscribers(): number {
    return this.#hub.subscribers
  }

  get status(): LogStatus {
    return this.#hub.log.status ?? 'live'
  }

  /** Whether the channel has ended, and no message of the view follows the start, nor is gone that followed it. */
  async #hasAll(view: View, start: Start, leaving: AbortController): Promise<boolean> {
    const hub = this.#hub
    const { log } = hub
    const load = (): Promise<void> | undefined => log.load?.(neededBy(start), leaving.signal)
    if (!hub.hasEnded && this.#ending) await settledUnless(this.#ending, leaving.signal)
    await load()
    const recent = isNow(start) ? start.recent : undefined
    if (!hub.hasEnded || (isNow(start) && !recent)) return hub.hasEnded
    try {
      for await (const _ of readMessages(hub, view, { load, cursor: () => offsetOf(start, log), recent }, leaving, undefined)) return false
      return true
    } catch (error) {
      if ((error as TidingsError).code !== 'ERR_SSE_GAP') hub.report(error, 'filter')
      return false
    }
  }
}
