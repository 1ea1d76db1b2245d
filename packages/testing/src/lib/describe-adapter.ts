import { describe } from 'vitest'
import type { AdapterUnderTest } from './adapter-under-test.ts'
import { describeChannels } from './contract/channels.ts'
import { contractFor } from './contract/holds.ts'
import { describeHttp } from './contract/http.ts'
import { describeLifetime } from './contract/lifetime.ts'
import { describeSlowPeers } from './contract/slow-peers.ts'
import { describeWire } from './contract/wire.ts'
import type { Protocol } from './running-app.ts'

/**
 * The contract of event streams (wire, HTTP, lifetime, slow peers, channels) as a vitest suite over real connections. Call it in a test
 * file with an adapter of your own; each test bears the id of the sentence that it proves.
 *
 * @example
 * import { type AppUnderTest, describeAdapter, type Listener } from '@tidings/testing'
 *
 * // Yours: an app of the framework with these options and routes.
 * declare function buildMyApp(app: AppUnderTest): Listener
 *
 * describeAdapter({ name: 'my framework', handlerErrors: 'framework', listener: buildMyApp })
 */
export function describeAdapter(adapter: AdapterUnderTest): void {
  const protocols: Protocol[] = adapter.http2 ? ['HTTP/1.1', 'HTTP/2'] : ['HTTP/1.1']
  for (const protocol of protocols) {
    describe(`${adapter.name} over ${protocol}`, () => {
      const contract = contractFor(adapter, protocol)
      describeWire(contract)
      describeHttp(contract)
      describeLifetime(contract)
      describeSlowPeers(contract)
      describeChannels(contract)
    })
  }
}
