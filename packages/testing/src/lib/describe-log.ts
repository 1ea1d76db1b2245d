import { logSuite } from './contract/log.ts'
import { describeSuite } from './describe-suite.ts'
import type { LogUnderTest } from './log-under-test.ts'

/**
 * The contract of a message log as a vitest suite. Call it in a test file with a log of your own. Each test is named
 * after the sentence that it proves, and fails with its text.
 *
 * @example
 * import { memoryLog } from '@tidings/core'
 * import { describeLog } from '@tidings/testing'
 *
 * describeLog({ name: 'memoryLog', create: (bounds) => memoryLog(bounds) })
 */
export function describeLog(subject: LogUnderTest): void {
  describeSuite(logSuite(subject))
}
