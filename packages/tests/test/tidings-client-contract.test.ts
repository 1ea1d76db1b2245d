import { describeClient } from '@tidings/testing'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe } from 'vitest'
import { describeWith } from '../../../scripts/requirements.ts'
import { launchChromium } from '../support/browser.ts'
import { frameworks } from '../support/frameworks.ts'
import { clientScript, inPageOf, inThisProcess, serverOf } from '../support/tidings-client.ts'

const NEWEST = ['Express 5', 'Koa 3', 'Hono']
const newest = frameworks.filter(({ name }) => NEWEST.includes(name))

describe('In Node', () => {
  for (const framework of newest)
    describeClient({ name: `@tidings/client, from ${framework.name},`, open: inThisProcess, server: serverOf(framework, 'HTTP/1.1') })
})

describeWith('chromium')('In Chromium', () => {
  let browser: Browser
  let script: string
  beforeAll(async () => {
    script = await clientScript()
    browser = await launchChromium()
  })
  afterAll(() => browser?.close())
  const open = inPageOf(
    () => browser,
    () => script,
  )

  describeClient({ name: '@tidings/client', open })
  for (const framework of newest)
    for (const protocol of framework.http2 ? (['HTTP/1.1', 'HTTP/2'] as const) : (['HTTP/1.1'] as const))
      describeClient({ name: `@tidings/client, from ${framework.name} over ${protocol},`, open, server: serverOf(framework, protocol) })
})
