import type { AdapterUnderTest } from './adapter-under-test.ts'
import { type AdapterSelection, adapterSuites } from './contract/adapter-contract.ts'
import { describeSuite } from './describe-suite.ts'

/**
 * The contract of event streams (wire, HTTP, lifetime, slow peers, channels) as vitest suites over real connections.
 * Call it in a test file with an adapter of your own. Each test is named after the sentence that it proves, and fails
 * with its text.
 *
 * @param only some of the protocols or parts, so that several files can run beside each other
 *
 * @example
 * import { type AppUnderTest, describeAdapter, type Listener } from '@tidings/testing'
 *
 * // Yours: an app of the framework with these options and routes.
 * declare function buildMyApp(app: AppUnderTest): Listener
 *
 * describeAdapter({ name: 'my framework', handlerErrors: 'framework', listener: buildMyApp })
 */
export function describeAdapter(adapter: AdapterUnderTest, only: AdapterSelection = {}): void {
  for (const suite of adapterSuites(adapter, only)) describeSuite(suite)
}
