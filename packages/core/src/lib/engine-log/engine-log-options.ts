import { checkBounds, checkedAge, type HistoryBounds } from '../log/history-bounds.ts'
import { checkedDelay, checkedInteger, checkedOneOf, checkNames } from '../option-checks.ts'

/** The options of a log on an engine. */
export interface EngineLogOptions {
  /**
   * The bounds of the history on the engine. An engine may keep somewhat more, because it drops messages in groups.
   * @default { messages: 10_000 }
   */
  history?: EngineHistory | undefined
  /**
   * The bounds of the newest messages that this process keeps in memory for its readers. Older messages are read from
   * the engine in pages of at most 1,000 messages and 1 MiB, which all clients share. The process keeps the pages that
   * were used last, within the same number of bytes again, until no page was read for a minute.
   * @default { messages: 1_000, bytes: 16_777_216 }
   */
  tail?: Pick<HistoryBounds, 'messages' | 'bytes'> | undefined
  /**
   * The longest time that a message may wait for the engine, in milliseconds. After it `publish` rejects.
   * @default 10_000
   */
  publishTimeout?: number | undefined
  /**
   * The number of bytes of messages that may wait for the engine. Beyond it `publish` rejects at once.
   * @default 8_388_608
   */
  maxPendingBytes?: number | undefined
  /**
   * The time between two checks of the engine's position while no messages come, in milliseconds. A check notices an
   * engine that was emptied.
   * @default 10_000
   */
  checkInterval?: number | undefined
  /**
   * Whether messages may have several topics. Processes of the first release know only the first topic of a message.
   * Set it when all processes on the log have a later version.
   * @default false
   */
  severalTopics?: boolean | undefined
}

/** The bounds of the history on an engine. The first bound that is reached drops the oldest message. */
export interface EngineHistory {
  /**
   * The number of messages that are kept.
   * @default 10_000
   */
  messages?: number | undefined
  /** The greatest age of a kept message, in milliseconds. Unset: no limit. */
  age?: number | undefined
}

/** The bounds of the history on an engine, with the defaults filled in. */
export interface ResolvedHistory {
  readonly messages: number
  /** Milliseconds. */
  readonly age: number | undefined
}

/** The options with the defaults filled in. */
export interface ResolvedEngineLogOptions {
  readonly history: ResolvedHistory
  readonly tail: HistoryBounds
  readonly publishTimeout: number
  readonly maxPendingBytes: number
  readonly checkInterval: number
  readonly severalTopics: boolean
}

/** The names of the options, for an engine that adds its own options. */
export const ENGINE_LOG_OPTIONS: readonly string[] = ['history', 'tail', 'publishTimeout', 'maxPendingBytes', 'checkInterval', 'severalTopics']

/** Checks the options and fills in the defaults. @throws `ERR_SSE_INVALID_OPTION` */
export function resolveEngineLogOptions(options: EngineLogOptions): ResolvedEngineLogOptions {
  const { history = {}, tail = {}, publishTimeout = 10_000, maxPendingBytes = 8_388_608, checkInterval = 10_000, severalTopics = false } = options
  checkNames('history', history, ['messages', 'age'])
  checkBounds('tail', tail, ['messages', 'bytes'])
  checkedOneOf('severalTopics', severalTopics, [true, false])
  const messages = checkedInteger('history.messages', history.messages ?? 10_000, 1)
  const age = history.age === undefined ? undefined : checkedAge('history.age', history.age)
  return {
    history: { messages, age },
    tail: { ...tail, messages: Math.min(tail.messages ?? 1_000, messages), age },
    publishTimeout: checkedDelay('publishTimeout', publishTimeout),
    maxPendingBytes: checkedInteger('maxPendingBytes', maxPendingBytes, 1),
    checkInterval: checkedDelay('checkInterval', checkInterval),
    severalTopics,
  }
}
