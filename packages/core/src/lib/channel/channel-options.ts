import { checkChannelName } from '../delivery/joined-id.ts'
import type { HistoryBounds } from '../log/history-bounds.ts'
import type { LogStatus, TailedLog } from '../log/message-log.ts'
import { checkedEvent, type Serialize } from '../message/message.ts'
import { checkedDelay, checkedInteger, checkedOneOf, checkedOption, checkFunctions, checkNames, invalidOption, wrongOption } from '../option-checks.ts'

/** The place in a channel where an error happened that no caller could catch. */
export type ChannelErrorStage =
  /** The filter of a subscription threw. Its stream was cut. */
  | 'filter'
  /** The snapshot of a subscription threw, rejected, or took too long. Its stream was cut. */
  | 'snapshot'
  /** The log did not keep a message or the channel's end. The promise of `publish` rejects too. */
  | 'publish'
  /**
   * More than a tenth of the clients that reconnected had ids that this log never gave out. While this goes on, it is
   * reported again at growing intervals.
   */
  | 'resume'
  /** The log's engine is away. Streams stay open, and go on when the engine is back. */
  | 'follow'
  /**
   * The log has a problem that stops nothing, for example two processes with different histories. It is reported once
   * for each cause.
   */
  | 'log'
  /** `onStatus` threw. */
  | 'status'

/** The options of a channel. `Own` are the names of the channel's own events. */
export interface ChannelOptions<Own extends string = string> {
  /**
   * The bounds of the memory log that `createChannel` makes. Not allowed beside `log`, which has its own bounds.
   * @default { messages: 1_000, bytes: 16_777_216 }
   */
  history?: HistoryBounds | undefined
  /** The log that keeps the messages. @default memoryLog(history) */
  log?: TailedLog | undefined
  /**
   * The name of the channel on streams that several channels feed, where `subscribe` gives no `name`. 1 to 32
   * characters of `[A-Za-z0-9._-]`. Unset: the channel feeds a stream alone.
   */
  name?: string | undefined
  /**
   * The event that tells a page that messages for it may be gone. Its data is `{ reason, lastEventId }`, with
   * `channel` where the subscription has a name.
   * @default 'reset'
   */
  resetEvent?: NoInfer<Own> | undefined
  /**
   * How a client learns its position where no message carries it. `true` sends a block of an id alone. `'message'`
   * sends an event `position` without data, for clients that ignore such blocks. `false` sends nothing.
   * @default true
   */
  position?: boolean | ('position' extends Own ? 'message' : never) | undefined
  /**
   * The number of topics that one subscriber, or one reader of `messages()`, may name. Each topic takes about 250
   * bytes while it is subscribed.
   * @default 256
   */
  maxTopics?: number | undefined
  /**
   * The longest time that the snapshot of a subscription may take, in milliseconds. After it, the streams that wait
   * for the snapshot are cut, and `onError` is called.
   * @default 30_000
   */
  snapshotTimeout?: number | undefined
  /**
   * Turns data into text where it is neither text nor bytes, once for all subscribers.
   * @default JSON.stringify
   */
  serialize?: Serialize | undefined
  /**
   * `'json'`: strings are serialised too, so `'a'` is sent as `"a"`, for clients that parse all data as JSON. Bytes
   * are sent as text in any case.
   * @default 'text'
   */
  strings?: 'text' | 'json' | undefined
  /**
   * Turns serialised text back into the value that filters and `messages()` get.
   * @default JSON.parse
   */
  parse?: ((text: string) => unknown) | undefined
  /**
   * Called with each error that no caller can catch.
   * @default console.error
   */
  onError?: ((error: unknown, context: { stage: ChannelErrorStage }) => void) | undefined
  /** Called with the channel's `status` each time it has changed. */
  onStatus?: ((status: LogStatus) => void) | undefined
}

/**
 * The names of the channel's own events, which an app cannot publish. For a map of events it is `'reset'`, the name
 * without options.
 */
export type OwnEvents<Events extends object> = string extends keyof Events ? string : 'reset'

/** The events that an app can publish: its map of events without the channel's own. */
export type PublishedEvents<Events extends object, Own extends string> = string extends keyof Events ? Events : Omit<Events, Own>

/** The name of the event that tells a client its position, with `position: 'message'`. */
export const POSITION_EVENT = 'position'
const NAMES = ['history', 'log', 'name', 'resetEvent', 'position', 'maxTopics', 'snapshotTimeout', 'serialize', 'strings', 'parse', 'onError', 'onStatus']

/** Checks the options of a channel, except `history`, which `memoryLog` checks. @throws `ERR_SSE_INVALID_OPTION` */
export function checkChannelOptions(options: ChannelOptions): void {
  checkNames('createChannel', options, NAMES)
  if (options.history !== undefined && options.log !== undefined)
    throw invalidOption('history sets the bounds of the default log; give them to your log instead')
  const { log, name, position, resetEvent, maxTopics, snapshotTimeout, serialize, strings, parse, onError, onStatus } = options
  if (log !== undefined && !('tail' in Object(log))) throw wrongOption('log', 'what memoryLog(), redisLog() or engineLog() makes', log)
  checkChannelName(name)
  checkedOneOf('position', position, [undefined, true, false, 'message'])
  if (maxTopics !== undefined) checkedInteger('maxTopics', maxTopics, 1)
  if (snapshotTimeout !== undefined) checkedDelay('snapshotTimeout', snapshotTimeout)
  const taken = ['', 'message', ...(position === 'message' ? [POSITION_EVENT] : [])]
  if (resetEvent !== undefined && taken.includes(checkedOption('resetEvent', () => checkedEvent(resetEvent))))
    throw wrongOption('resetEvent', 'a name that no other event has', resetEvent)
  checkedOneOf('strings', strings, [undefined, 'text', 'json'])
  checkFunctions({ serialize, parse, onError, onStatus })
}
