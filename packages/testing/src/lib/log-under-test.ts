import type { MessageLog } from '@tidings/core'

/** A log that is to be proven. */
export interface LogUnderTest {
  /** Stands in the names of the tests. */
  name: string
  /**
   * Opens a log that is empty, and of an epoch of its own. It must keep at least `messages` messages, and may drop older ones; the suite
   * appends a few hundred. The suite closes it.
   */
  create(bounds: { messages: number }): MessageLog | Promise<MessageLog>
}
