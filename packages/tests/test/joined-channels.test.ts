import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { createChannel } from '@tidings/core'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeWith } from '../../../scripts/requirements.ts'
import { joinSockets } from '../../redis/test/support/joined-sockets.ts'
import { launchChromium } from '../support/browser.ts'
import { frameworks } from '../support/frameworks.ts'
import { Site } from '../support/site.ts'

const CUTS = 100
// Bytes. The head is shorter. Browsers do not reconnect after a response that was cut within its head.
const HEAD = 500
const NAMES = ['notices', 'room', 'jobs']

/** Passes connections on. From `begin` on it cuts each one after a random number of bytes, until it has cut enough. */
async function startCuttingProxy(port: number): Promise<{ port: number; begin(): void; cuts(): number; close(): void }> {
  const sockets = new Set<Socket>()
  let cuts = CUTS
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1')
    let left: number | undefined
    joinSockets(sockets, client, upstream)
    client.on('data', (bytes) => upstream.write(bytes))
    upstream.on('data', (bytes) => {
      if (left === undefined && cuts < CUTS) left = HEAD + Math.floor(Math.random() * 4_000)
      if (left === undefined || left > bytes.length) {
        if (left !== undefined) left -= bytes.length
        client.write(bytes)
        return
      }
      const passed = bytes.subarray(0, left)
      cuts++
      // Ends without the end of the response, once the browser has these bytes.
      client.end(passed, () => client.destroy())
      upstream.destroy()
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    begin: () => {
      cuts = 0
    },
    cuts: () => cuts,
    close: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

describeWith('chromium')('In Chromium', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser?.close())

  for (const framework of frameworks)
    it(`C13 three channels on one connection that is cut ${CUTS} times lose and repeat nothing (${framework.name})`, async () => {
      const channels = NAMES.map((name) => createChannel({ name, history: { messages: 1_000_000 } }))
      const site = await Site.open(framework, { retry: 1, heartbeat: false })
      let visits = 0
      site.routes.set('/feeds', () => async (stream) => {
        const first = visits++ % NAMES.length
        for (const channel of [...channels.slice(first), ...channels.slice(0, first)]) {
          channel.subscribe(stream, { after: 'start' })
          await delay(Math.random() * 4)
        }
      })
      const page = await browser.newPage()
      const proxy = await startCuttingProxy(site.port)
      try {
        await page.goto(`http://127.0.0.1:${proxy.port}`)
        proxy.begin()
        await page.evaluate((names) => {
          const seen: Record<string, string[]> = {}
          const source = new EventSource('/feeds')
          for (const name of [...names, 'reset']) {
            seen[name] = []
            source.addEventListener(name, ({ data }) => seen[name]?.push(data))
          }
          Object.assign(window, { seen, source })
        }, NAMES)
        const published: Record<string, string[]> = { reset: [], notices: [], room: [], jobs: [] }
        const publish = (index: number): void => {
          const event = NAMES[index] as string
          const own = published[event] as string[]
          const data = `${own.length + 1}`
          own.push(data)
          void channels[index]?.publish({ event, data })
        }
        while (proxy.cuts() < CUTS) {
          publish(Math.floor(Math.random() * NAMES.length))
          await delay(Math.random() * 3)
        }
        for (const index of NAMES.keys()) publish(index)
        const seenBy = () => page.evaluate(() => (window as unknown as { seen: Record<string, string[]> }).seen)
        const last = NAMES.map((name) => published[name]?.at(-1) as string)
        await page.waitForFunction(
          ({ names, last }) => names.every((name, index) => (window as unknown as { seen: Record<string, string[]> }).seen[name]?.at(-1) === last[index]),
          { names: NAMES, last },
        )
        expect(await seenBy()).toEqual(published)
        expect(proxy.cuts()).toBeGreaterThanOrEqual(CUTS)
        expect(visits).toBeGreaterThan(CUTS / 2)
      } finally {
        await page.close()
        proxy.close()
        for (const channel of channels) channel.close()
        await site.close()
      }
      expect(site.errors).toEqual([])
    })
})
