import { describe } from '../describe.ts'
import { checkBounds, type HistoryBounds } from '../log/history-bounds.ts'
import type { TailedLog } from '../log/message-log.ts'
import { checkedEvent, type Serialize } from '../message/message.ts'
import { checkedDelay, checkedInteger, checkedOption, checkFunctions, checkNames, invalidOption } from '../option-checks.ts'

/** Where a channel failed where no caller can catch it. */
export type ChannelErrorStage =
  /** A subscription's filter threw; its stream is cut. */
  | 'filter'
  /** A subscription's snapshot threw, rejected, or took too long; its stream is cut. */
  | 'snapshot'
  /** A message or the channel's end could not be kept. The promise of its `publish` rejects, too. */
  | 'publish'
  /**
   * More than a tenth of the clients that came back had ids that this log never gave out. Said again, ever less
   * often, where it goes on.
   */
  | 'resume'
  /** The log has lost its engine. Streams stay open, and go on once it is back. */
  | 'follow'
  /**
   * Something is wrong with the log or its use that stops nothing, as two processes that keep other histories. Said
   * once for each cause.
   */
  | 'log'

/** The options of a channel whose own events have the names `Own`. */
export interface ChannelOptions<Own extends string = string> {
  /**
   * How much is kept in this process for those who come back. `createChannel` makes a memory log of it; a log of
   * one's own has its own bounds.
   * @default { messages: 1_000, bytes: 16_777_216 }
   */
  history?: HistoryBounds | undefined
  /** What keeps the messages. @default memoryLog(history) */
  log?: TailedLog | undefined
  /**
   * The event that tells a page that something it wanted may be gone, with `{ reason, lastEventId }` as its data.
   * @default 'reset'
   */
  resetEvent?: NoInfer<Own> | undefined
  /**
   * How a client is told its position when no message does: by a block of an id alone (`true`), by an event
   * `position` without data for clients that ignore such blocks (`'message'`), or not at all.
   * @default true
   */
  position?: boolean | ('position' extends Own ? 'message' : never) | undefined
  /**
   * How many topics one subscriber, or one reader of `messages()`, may name. Each takes about 250 bytes for as long
   * as it is subscribed.
   * @default 256
   */
  maxTopics?: number | undefined
  /**
   * How long a subscription's snapshot may take, in milliseconds. Then the streams that wait for it are cut, and
   * `onError` is told.
   * @default 30_000
   */
  snapshotTimeout?: number | undefined
  /**
   * Turns data that is neither text nor bytes into text, once for all subscribers.
   * @default JSON.stringify
   */
  serialize?: Serialize | undefined
  /**
   * Turns such text back into the value that filters and `messages()` see.
   * @default JSON.parse
   */
  parse?: ((text: string) => unknown) | undefined
  /**
   * Told of what fails where no caller can catch it.
   * @default console.error
   */
  onError?: ((error: unknown, context: { stage: ChannelErrorStage }) => void) | undefined
}

/**
 * The names of the channel's own events, which nobody else can publish: with a map of events, those of a channel that
 * sets neither name.
 */
export type OwnEvents<Events extends object> = string extends keyof Events ? string : 'reset'

/** What can be published: the map of events without the channel's own. */
export type PublishedEvents<Events extends object, Own extends string> = string extends keyof Events ? Events : Omit<Events, Own>

/** The name of the event that tells a client its position, where one does. */
export const POSITION_EVENT = 'position'
const NAMES = ['history', 'log', 'resetEvent', 'position', 'maxTopics', 'snapshotTimeout', 'serialize', 'parse', 'onError']

/** Checks the options of a channel. @throws `ERR_SSE_INVALID_OPTION` */
export function checkChannelOptions(options: ChannelOptions): void {
  checkNames('createChannel', options, NAMES)
  if (options.history !== undefined && options.log !== undefined) throw invalidOption('history is the bounds of the default log; give them to the log instead')
  if (options.history !== undefined) checkBounds('history', options.history)
  const { log, position, resetEvent, maxTopics, snapshotTimeout, serialize, parse, onError } = options
  if (log !== undefined && !('tail' in Object(log))) throw invalidOption(`log must be what memoryLog(), redisLog() or engineLog() makes, got ${describe(log)}`)
  if (position !== undefined && typeof position !== 'boolean' && position !== 'message')
    throw invalidOption(`position must be true, false or 'message', got ${describe(position)}`)
  if (maxTopics !== undefined) checkedInteger('maxTopics', maxTopics, 1)
  if (snapshotTimeout !== undefined) checkedDelay('snapshotTimeout', snapshotTimeout)
  const taken = ['', 'message', ...(position === 'message' ? [POSITION_EVENT] : [])]
  if (resetEvent !== undefined && taken.includes(checkedOption('resetEvent', () => checkedEvent(resetEvent))))
    throw invalidOption(`resetEvent must have a name of its own, got ${describe(resetEvent)}`)
  checkFunctions({ serialize, parse, onError })
}
