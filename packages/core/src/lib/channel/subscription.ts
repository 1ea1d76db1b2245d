import type { Audiences } from '../delivery/audiences.ts'
import type { Lag, Reader } from '../delivery/reader.ts'
import type { Snapshot } from '../delivery/snapshot.ts'
import type { Filter } from '../delivery/view.ts'
import { describe } from '../describe.ts'
import { checkFunctions, checkNames, invalidOption } from '../option-checks.ts'
import { checkCount, topicsOf } from './topics.ts'

/** How a stream is subscribed. */
export interface SubscribeOptions {
  /** Only messages of these topics. Unset: all messages, also those without a topic. */
  topics?: Iterable<string> | undefined
  /**
   * Only messages for which this is true. Give the same function to all subscriptions that share it: one made for
   * each request runs for each message and subscriber, and shares no bytes. A filter that throws cuts its own stream.
   */
  filter?: Filter | undefined
  /**
   * Where a client begins that comes without a last event id: after this id, or with all that is kept (`'start'`).
   * Unset: with what is published from now on.
   */
  after?: string | undefined
  /**
   * The present state, for a client that begins without history or has lost some of it. It gets a `signal`, which is
   * aborted when nobody waits for it any more.
   */
  snapshot?: Snapshot | undefined
  /**
   * What happens to a connected client that falls behind what is kept: it is told by the reset event (`'reset'`), or
   * its stream ends (`'close'`); when it comes back, the reset event tells it. `'conflate'` lets it skip messages
   * that a newer one of their key supersedes, so that it falls behind less.
   * @default 'reset'
   */
  lag?: Lag | undefined
}

/** A stream's place in a channel. It ends with the stream. */
export interface Subscription {
  /**
   * Adds topics, from this subscription's present position on.
   * @throws `ERR_SSE_INVALID_OPTION` where it has all topics, or would have too many
   */
  add(...topics: string[]): void
  /** Takes topics away. @throws `ERR_SSE_INVALID_OPTION` where it has all topics */
  remove(...topics: string[]): void
  /**
   * The id of its position: a client that came back with it would miss nothing and get nothing twice. `''` while its
   * channel waits for a log on an engine.
   */
  readonly lastEventId: string
  /** Ends the subscription. The stream stays open. */
  close(): void
}

const NAMES = ['topics', 'filter', 'after', 'snapshot', 'lag']
const LAGS: readonly unknown[] = [undefined, 'reset', 'close', 'conflate']

/**
 * Checks the options but for `topics` and `after`, which are looked into where they are read.
 * @throws `ERR_SSE_INVALID_OPTION`
 */
export function checkSubscribeOptions(options: SubscribeOptions): void {
  checkNames('subscribe', options, NAMES)
  const { filter, snapshot, lag } = options
  if (!LAGS.includes(lag)) throw invalidOption(`lag must be 'reset', 'close' or 'conflate', got ${describe(lag)}`)
  checkFunctions({ filter, snapshot })
}

/** The subscription of a reader that may have so many topics. */
export function subscriptionOf(reader: Reader, audiences: Audiences, maxTopics: number): Subscription {
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
      return reader.lastEventId
    },
    close: () => reader.release(),
  }
}
