import type { MessageLog } from '@tidings/core'

/** A log as the contract sees it. */
export interface LogUnderTest {
  /** Part of the tests' names. */
  name: string
  /**
   * Opens an empty log with a new epoch. It must keep at least `messages` messages. It may drop older ones, and those
   * older than `age` milliseconds. The suite appends a few hundred, and closes the log.
   */
  create(bounds: { messages: number; age?: number }): MessageLog | Promise<MessageLog>
  /**
   * Whether the log takes the time from its engine's clock instead of the process's.
   * @default false
   */
  hasOwnClock?: boolean
  /**
   * Changes that other programs may make to a log in the engine: foreign entries, a damaged state, false
   * announcements. Each key is part of a test's name. The suite uses the log after each change.
   * @default {}
   */
  foreign?: Readonly<Record<string, (log: MessageLog) => Promise<unknown>>>
  /**
   * Outages in which the engine answers nothing and loses nothing: frozen, stopped and started. Each key is part of a
   * test's name. The function begins the outage and returns a function that ends it.
   * @default {}
   */
  disturbances?: Readonly<Record<string, () => Promise<() => unknown>>>
  /** Opens the same log again, as another process would. The suite closes that one too. */
  again?(log: MessageLog): MessageLog
}
