import { checkBounds, checkedAge, type HistoryBounds } from '../log/history-bounds.ts'
import { checkedDelay, checkedInteger, checkNames } from '../option-checks.ts'

/** The options of a log on an engine. */
export interface EngineLogOptions {
  /**
   * How much the engine keeps. Engines drop in lots, and may keep somewhat more.
   * @default { messages: 10_000 }
   */
  history?: EngineHistory | undefined
  /**
   * How much of the log's newest end is kept in this process, where its channel reads it. Older messages are read from
   * the engine in pages of at most 1,000 messages and 1 MiB. All clients share the pages. The process keeps those that
   * were used last, in as many bytes once more, until none was read for a minute.
   * @default { messages: 1_000, bytes: 16_777_216 }
   */
  tail?: Pick<HistoryBounds, 'messages' | 'bytes'> | undefined
  /**
   * How long a message may wait for an engine that does not confirm it, in milliseconds; then its `publish` rejects.
   * @default 10_000
   */
  publishTimeout?: number | undefined
  /**
   * How many bytes of messages may wait for the engine; beyond that `publish` rejects at once.
   * @default 8_388_608
   */
  maxPendingBytes?: number | undefined
  /**
   * How often the log asks the engine where it stands while it hears nothing of it, in milliseconds: an engine that
   * was emptied says nothing.
   * @default 10_000
   */
  checkInterval?: number | undefined
}

/** How much an engine keeps: whichever bound is reached first drops the oldest. */
export interface EngineHistory {
  /**
   * How many messages are kept.
   * @default 10_000
   */
  messages?: number | undefined
  /** How old a kept message may be, in milliseconds. Unset: any age. */
  age?: number | undefined
}

/** How much an engine keeps, with the defaults. */
export interface ResolvedHistory {
  readonly messages: number
  /** Milliseconds. */
  readonly age: number | undefined
}

/** The options, with their defaults. */
export interface ResolvedEngineLogOptions {
  readonly history: ResolvedHistory
  readonly tail: HistoryBounds
  readonly publishTimeout: number
  readonly maxPendingBytes: number
  readonly checkInterval: number
}

/** The names of the options, for an engine that adds some of its own. */
export const ENGINE_LOG_OPTIONS: readonly string[] = ['history', 'tail', 'publishTimeout', 'maxPendingBytes', 'checkInterval']

/** Checks the options and adds the defaults. @throws `ERR_SSE_INVALID_OPTION` */
export function resolveEngineLogOptions(options: EngineLogOptions): ResolvedEngineLogOptions {
  const { history = {}, tail = {}, publishTimeout = 10_000, maxPendingBytes = 8_388_608, checkInterval = 10_000 } = options
  checkNames('history', history, ['messages', 'age'])
  checkBounds('tail', tail, ['messages', 'bytes'])
  const messages = checkedInteger('history.messages', history.messages ?? 10_000, 1)
  const age = history.age === undefined ? undefined : checkedAge('history.age', history.age)
  return {
    history: { messages, age },
    tail: { ...tail, messages: Math.min(tail.messages ?? 1_000, messages), age },
    publishTimeout: checkedDelay('publishTimeout', publishTimeout),
    maxPendingBytes: checkedInteger('maxPendingBytes', maxPendingBytes, 1),
    checkInterval: checkedDelay('checkInterval', checkInterval),
  }
}
