import { describeClient } from '@tidings/testing'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe } from 'vitest'
import { describeWith } from '../../../scripts/requirements.ts'
import { launchChromium } from './browser.ts'
import type { Framework } from './frameworks.ts'
import { clientScript, inPageOf, inThisProcess, serverOf } from './tidings-client.ts'

/** The contract of clients for `@tidings/client` in Node and in Chromium, with the streams of one framework. */
export function describeClientContract(framework: Framework): void {
  describe('In Node', () => {
    describeClient({ name: `@tidings/client, from ${framework.name},`, open: inThisProcess, server: serverOf(framework, 'HTTP/1.1') })
  })
  inChromium((open) => {
    // The suite's own server and Express speak HTTP/1.1.
    const protocol = framework.http2 ? 'HTTP/2' : 'HTTP/1.1'
    describeClient({ name: `@tidings/client, from ${framework.name} over ${protocol},`, open, server: serverOf(framework, protocol) })
  })
}

/** The contract of clients for `@tidings/client` in Chromium, with the suite's own server. */
export function describeClientContractAlone(): void {
  inChromium((open) => describeClient({ name: '@tidings/client', open }))
}

function inChromium(suites: (open: ReturnType<typeof inPageOf>) => void): void {
  describeWith('chromium')('In Chromium', () => {
    let browser: Browser
    let script: string
    beforeAll(async () => {
      script = await clientScript()
      browser = await launchChromium()
    })
    afterAll(() => browser?.close())
    suites(
      inPageOf(
        () => browser,
        () => script,
      ),
    )
  })
}
