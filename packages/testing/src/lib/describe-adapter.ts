import { describe, test } from 'vitest'
import type { AdapterUnderTest } from './adapter-under-test.ts'
import { type AdapterPart, adapterParts, adapterTests } from './contract/adapter-contract.ts'
import type { Protocol } from './running-app.ts'

/** Which part of the contract a test file runs; all of it by default. */
export interface DescribedPart {
  protocols?: readonly Protocol[]
  /** `W` the wire, `H` HTTP, `L` lifetime, `B` slow peers, `C` channels. */
  parts?: readonly AdapterPart[]
}

/**
 * The contract of event streams (wire, HTTP, lifetime, slow peers, channels) as a vitest suite over real connections. Call it in a test
 * file with an adapter of your own. Each test is named after the sentence that it proves, and fails with its text.
 *
 * @param only a part of the contract, so that several files can run beside each other
 *
 * @example
 * import { type AppUnderTest, describeAdapter, type Listener } from '@tidings/testing'
 *
 * // Yours: an app of the framework with these options and routes.
 * declare function buildMyApp(app: AppUnderTest): Listener
 *
 * describeAdapter({ name: 'my framework', handlerErrors: 'framework', listener: buildMyApp })
 */
export function describeAdapter(adapter: AdapterUnderTest, only: DescribedPart = {}): void {
  for (const protocol of only.protocols ?? protocolsOf(adapter)) {
    describe(`${adapter.name} over ${protocol}`, () => {
      for (const part of only.parts ?? (Object.keys(adapterParts) as AdapterPart[])) {
        describe(`${part}: ${adapterParts[part].title}`, () => {
          for (const { name, run, timeout } of adapterTests({ adapter, protocol }, part)) test(name, run, timeout)
        })
      }
    })
  }
}

function protocolsOf({ http2 = false }: AdapterUnderTest): Protocol[] {
  return http2 ? ['HTTP/1.1', 'HTTP/2'] : ['HTTP/1.1']
}
