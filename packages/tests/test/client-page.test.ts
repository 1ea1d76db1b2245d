import { EventEmitter, once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { type Channel, createChannel, type EventStream } from '@tidings/core'
import { sse } from '@tidings/express'
import express from 'express'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { blocksOf } from '../../../docs/test/blocks.ts'
import { describeWith } from '../../../scripts/requirements.ts'
import { launchChromium } from '../support/browser.ts'

const [first] = blocksOf('docs/client.md').filter(({ language }) => language === 'js')
const IMPORTS = { '@tidings/client': '/client/index.js', 'eventsource-parser': '/parser/index.js' }
const FOLDERS = { client: '../node_modules/@tidings/client/dist', parser: '../node_modules/@tidings/client/node_modules/eventsource-parser/dist' }
// The functions that the page has of its own.
const OWN = `
  const freshToken = async () => (await fetch('/token')).text()
  const render = (items, status) => {
    document.querySelector('#items').textContent = items.map(({ text }) => text).join(' ')
    document.querySelector('#state').textContent = [status.state, status.reason, status.error?.code].join(' ').trim()
  }`
const PAGE = `<!doctype html><link rel="icon" href="data:,"><p id="items"></p><p id="state"></p>
<script type="importmap">${JSON.stringify({ imports: IMPORTS })}</script>
<script>${OWN}</script>
<script type="module">${first?.code}</script>`

/** A request of the page for its news. */
interface Visit {
  token: string
  lastEventId: string
  /** The stream, unless the request was refused. */
  stream?: EventStream
}

describeWith('chromium')('The first page of docs/client.md, in Chromium', () => {
  let browser: Browser
  let page: Page
  let server: Server
  let channel: Channel
  const arrivals = new EventEmitter()
  let visits: Visit[]
  /** The status with which the next requests are refused. */
  let refusals: number[]
  /** The number of tokens that the server has given. The newest is valid. */
  let tokens: number

  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser?.close())

  beforeEach(async () => {
    channel = createChannel()
    visits = []
    refusals = []
    tokens = 0
    const app = express()
    app.get('/', (_req, res) => void res.type('html').send(PAGE))
    for (const [name, path] of Object.entries(FOLDERS)) app.use(`/${name}`, express.static(fileURLToPath(new URL(path, import.meta.url))))
    app.get('/token', (_req, res) => void res.send(String(++tokens)))
    app.use(sse({ retry: 10 }))
    app.get('/news', (req, res) => {
      const visit: Visit = { token: String(req.headers.authorization), lastEventId: String(req.headers['last-event-id'] ?? '') }
      visits.push(visit)
      const status = refusals.shift()
      if (status) {
        res.status(status).end()
      } else {
        visit.stream = res.sse()
        channel.subscribe(visit.stream)
      }
      arrivals.emit('visit')
    })
    server = createServer(app)
    await once(server.listen(0, '127.0.0.1'), 'listening')
    page = await browser.newPage()
  })
  afterEach(async () => {
    await page.close()
    channel.close()
    server.closeAllConnections()
    server.close()
  })

  const load = (): Promise<unknown> => page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const publish = (text: string): Promise<string> => channel.publish({ event: 'item', data: { text } })
  const shows = (items: string): Promise<void> => page.locator('#items', { hasText: new RegExp(`^${items}$`) }).waitFor()
  const says = (state: string): Promise<void> => page.locator('#state', { hasText: new RegExp(`^${state}$`) }).waitFor()
  const visited = async (count: number): Promise<void> => {
    while (visits.length < count) await once(arrivals, 'visit')
  }

  it('K1 K2 asks with a new token after a 401, resumes with another after a cut, and gets each item once', async () => {
    refusals = [401]
    await load()
    await says('open')
    await publish('a')
    await shows('a')
    visits.at(-1)?.stream?.close()
    await publish('b')
    await shows('a b')
    expect(visits.map(({ token }) => token)).toEqual(['Bearer 1', 'Bearer 2', 'Bearer 3'])
    expect(visits.map(({ lastEventId }) => lastEventId !== '')).toEqual([false, false, true])
  })

  it('K6 has its items again after a reload, and gets those alone that it missed', async () => {
    await load()
    await says('open')
    await publish('a')
    const last = await publish('b')
    await shows('a b')
    await page.goto('about:blank')
    await publish('c')
    await load()
    await shows('a b c')
    expect(visits.map(({ lastEventId }) => lastEventId)).toEqual(['', last])
    // The next item comes once, too.
    await publish('d')
    await shows('a b c d')
  })

  it('K2 says why it waits after a 503, and comes back; says why it is closed after a 403', async () => {
    refusals = [503]
    await load()
    await says('waiting failed ERR_SSE_REFUSED')
    await says('open')
    refusals = [403]
    visits.at(-1)?.stream?.close()
    await says('closed failed ERR_SSE_REFUSED')
    expect(visits).toHaveLength(3)
  })

  it('K4 replaces a stream that is silent for longer than 45 seconds', async () => {
    await page.clock.install()
    await load()
    await says('open')
    await publish('a')
    await shows('a')
    await page.clock.runFor(40_000)
    expect(visits).toHaveLength(1)
    await page.clock.runFor(10_000)
    await visited(2)
    await publish('b')
    await shows('a b')
    expect(visits[1]?.lastEventId).not.toBe('')
  })

  it('drops the items that it has when messages are gone', async () => {
    await load()
    await says('open')
    await publish('a')
    await shows('a')
    await page.goto('about:blank')
    channel.close()
    channel = createChannel()
    await load()
    await shows('a')
    await visited(2)
    await publish('of another run')
    await shows('of another run')
  })
})
