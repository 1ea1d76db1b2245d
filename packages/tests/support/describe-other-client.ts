import { type ClientRequest, describeClient } from '@tidings/testing'
import type { Browser } from 'playwright-core'
import { afterAll } from 'vitest'
import { describeWith } from '../../../scripts/requirements.ts'
import { launchChromium } from './browser.ts'
import { type ChromiumClient, chromiumClients } from './chromium-clients.ts'
import { inChromium, LATE } from './client-host.ts'

let browser: Promise<Browser> | undefined
const launched = (): Promise<Browser> => (browser ??= launchChromium())
afterAll(async () => (await browser)?.close())

/** The contract of clients for a client of others, in Chromium. */
export function describeOtherClient(name: ChromiumClient['name']): void {
  const client = chromiumClients.find((each) => each.name === name)
  if (!client) throw new Error(`No client is named ${name}`)
  const { cannot } = client
  describeWith('chromium')('In Chromium', () => {
    describeClient({ name, open: (request) => openIn(client, request), ...(cannot && { cannot }) })
  })
}

/** Opens the client in a page of its own, of the origin that it reads from. */
function openIn(
  { module, showsComments }: ChromiumClient,
  { url, headers, silence, by, throws, store, onMessage, onStopped, onUncaught }: ClientRequest,
): () => Promise<void> {
  if (by === 'loop' || store) throw new Error('None of these clients has one')
  const host = launched().then((browser) => inChromium(browser, new URL(url).origin, onUncaught))
  const opened = host.then((host) =>
    host.open(module, { url, names: ['message'], headers: async () => headers(), silence: silence * LATE, throws }, (told, reason) => {
      if (told === 'stopped') onStopped(reason)
      else if (!showsComments || told.data !== '') onMessage({ event: told.type, data: told.data, lastEventId: told.lastEventId })
    }),
  )
  return async () => {
    await opened
    await (await host).close()
  }
}
