import type { Audiences } from '../delivery/audiences.ts'
import { checkChannelName } from '../delivery/joined-id.ts'
import type { Lag, Reader } from '../delivery/reader.ts'
import type { After } from '../delivery/reader-start.ts'
import type { Snapshot } from '../delivery/snapshot.ts'
import type { Filter } from '../delivery/view.ts'
import type { AnyEvents, Message } from '../message/message.ts'
import { checkedOneOf, checkFunctions, checkNames, invalidOption } from '../option-checks.ts'
import type { EventStream } from '../stream/event-stream.ts'
import type { Lane } from '../stream/feeder.ts'
import { checkCount, topicsOf } from './topics.ts'

/**
 * A stream that a channel can feed: its events include those of the channel. A channel without types feeds any stream.
 */
export type FeedableStream<Events extends object = AnyEvents> = Omit<EventStream, 'send' | 'sendAll'> &
  (string extends keyof Events
    ? unknown
    : {
        /** A property, and not a method, because TypeScript lets a method take fewer events. */
        send: (message: Message<Events>) => unknown
      })

/** The options of `subscribe`. */
export interface SubscribeOptions<Events extends object = AnyEvents> {
  /** Only messages of these topics. Unset: all messages, also those without a topic. */
  topics?: Iterable<string> | undefined
  /**
   * Only messages for which this function returns true. Subscriptions with the same function share encoded bytes. A
   * function that is made for each request runs once for each message and subscriber, and shares nothing. A filter
   * that throws cuts its own stream.
   */
  filter?: Filter<Events> | undefined
  /**
   * The beginning for a client without a last event id: after the message with this id, with all kept messages
   * (`'start'`), with the last kept messages of its topics (`{ last: 50 }`), or with those of the last milliseconds
   * (`{ within: 60_000 }`). Unset: with the next message.
   */
  after?: After | undefined
  /**
   * Makes the current state, for a client that begins without history or has lost a part of it. It gets a `signal`,
   * which is aborted when no client waits for the state any more.
   */
  snapshot?: Snapshot<Events> | undefined
  /**
   * What happens when a connected client is so slow that messages for it are dropped. `'reset'` tells it by the reset
   * event. `'close'` ends its stream, and the reset event follows when it reconnects. `'conflate'` lets a slow client
   * skip messages that a newer one of their key supersedes, and then does as `'reset'`.
   * @default 'reset'
   */
  lag?: Lag | undefined
  /**
   * The name of the channel on this stream, which lets up to eight named channels feed the stream. It is a part of the
   * ids that clients get, `name~id~name~id`: give it the same name in each version of the app. 1 to 32 characters of
   * `[A-Za-z0-9._-]`.
   * @default the channel's name
   */
  name?: string | undefined
}

/** The subscription of a stream to a channel. It ends with the stream. */
export interface Subscription {
  /**
   * Adds topics. Their messages count from the present position of the subscription.
   * @throws `ERR_SSE_INVALID_OPTION` where the subscription has all topics, or would have too many
   */
  add(...topics: string[]): void
  /** Removes topics. @throws `ERR_SSE_INVALID_OPTION` where the subscription has all topics */
  remove(...topics: string[]): void
  /**
   * The id of its position. A client that reconnects with it misses nothing and gets nothing twice. `''` while the
   * channel waits for a log on an engine, and while such a log does not know the position of a slow client. With a
   * `name`, it is the id that the client has of this channel: the one that it came with, or `''`, until it has the
   * snapshot.
   */
  readonly lastEventId: string
  /** Ends the subscription. The stream stays open. */
  close(): void
}

const NAMES = ['topics', 'filter', 'after', 'snapshot', 'lag', 'name']

/**
 * Checks the options, except `topics` and `after`, which are checked where they are read.
 * @throws `ERR_SSE_INVALID_OPTION`
 */
export function checkSubscribeOptions(options: SubscribeOptions): void {
  checkNames('subscribe', options, NAMES)
  const { filter, snapshot, lag = 'reset', name } = options
  checkedOneOf('lag', lag, ['reset', 'close', 'conflate'])
  checkFunctions({ filter, snapshot })
  checkChannelName(name)
}

/** Makes the subscription of a reader. `maxTopics` is the number of topics that it may have. */
export function subscriptionOf(reader: Reader, lane: Lane | undefined, audiences: Audiences, maxTopics: number): Subscription {
  const change = (edit: (topics: Set<string>) => void): void => {
    if (!reader.isOpen) return
    const { topics } = reader.audience.view
    if (!topics) throw invalidOption('this subscription gets all topics; subscribe with topics to change them')
    const next = new Set(topics)
    edit(next)
    audiences.move(reader, next)
  }
  return {
    add: (...more) =>
      change((next) => {
        for (const topic of topicsOf(more, maxTopics) ?? []) next.add(topic)
        checkCount(next, maxTopics)
      }),
    remove: (...less) =>
      change((next) => {
        for (const topic of less) next.delete(topic)
      }),
    get lastEventId() {
      return (lane ?? reader).lastEventId
    },
    close: () => reader.release(),
  }
}
