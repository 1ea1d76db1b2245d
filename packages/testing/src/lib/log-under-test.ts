import type { MessageLog } from '@tidings/core'

/** A log that is to be proven. */
export interface LogUnderTest {
  /** Stands in the names of the tests. */
  name: string
  /**
   * Opens a log that is empty, and of an epoch of its own. It must keep at least `messages` messages, and may drop
   * older ones, and such that are older than `age` milliseconds; the suite appends a few hundred. The suite closes
   * it.
   */
  create(bounds: { messages: number; age?: number }): MessageLog | Promise<MessageLog>
  /**
   * Whether the log tells the time by a clock of its engine's, and not by that of the process.
   * @default false
   */
  hasOwnClock?: boolean
  /**
   * What somebody else may do to what the engine has of a log: entries that no log has written, a damaged state,
   * announcements of nothing. Each stands in the names of the tests; the suite goes on to use the log.
   * @default {}
   */
  foreign?: Readonly<Record<string, (log: MessageLog) => Promise<unknown>>>
  /**
   * What may keep the engine from answering for a while, without losing anything: frozen, stopped and started. Each
   * stands in the names of the tests, begins it, and returns what ends it.
   * @default {}
   */
  disturbances?: Readonly<Record<string, () => Promise<() => unknown>>>
  /** Opens a log once more, as another process would. The suite closes that one, too. */
  again?(log: MessageLog): MessageLog
}
