import type { ClientUnderTest } from './client-under-test.ts'
import { clientSuite } from './contract/client.ts'
import { describeSuite } from './describe-suite.ts'

/**
 * The contract of a client of event streams as a vitest suite. Call it in a test file with a client of your own. Each
 * test is named after the sentence that it proves, and fails with its text. A server on the loopback address plays a
 * script for each case.
 */
export function describeClient(subject: ClientUnderTest): void {
  describeSuite(clientSuite(subject))
}
