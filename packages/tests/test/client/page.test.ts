import { EventEmitter, once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { type Channel, createChannel, type EventStream } from '@tidings/core'
import { sse } from '@tidings/express'
import express, { type Express } from 'express'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { blocksOf, blocksUnder } from '../../../../docs/test/blocks.ts'
import { describeWith } from '../../../../scripts/requirements.ts'
import { launchChromium } from '../../support/browser.ts'

const [first] = blocksOf('docs/client.md').filter(({ language }) => language === 'js')
const IMPORTS = {
  '@microsoft/fetch-event-source': '/fetch-event-source/index.js',
  '@tidings/client': '/client/index.js',
  'eventsource-parser': '/parser/index.js',
}
const FOLDERS = {
  client: '../../node_modules/@tidings/client/dist',
  'fetch-event-source': '../../node_modules/@microsoft/fetch-event-source/lib/esm',
  parser: '../../node_modules/@tidings/client/node_modules/eventsource-parser/dist',
}
// The functions that the page has of its own. It keeps all states that it had.
const OWN = `
  window.states = []
  const freshToken = async () => (await fetch('/token')).text()
  const render = (items, status) => {
    document.querySelector('#items').textContent = items.map(({ text }) => text).join(' ')
    states.push([status.state, status.reason, status.error?.code].join(' ').trim())
  }`
/** A page with a script of its own, and the code of a block as it stands. */
const pageWith = (own: string, code = ''): string => `<!doctype html><link rel="icon" href="data:,"><p id="items"></p>
<script type="importmap">${JSON.stringify({ imports: IMPORTS })}</script>
<script>${own}</script>
<script type="module">${code}</script>`
/** Serves the packages that the import map names. */
function serveModules(app: Express): void {
  for (const [name, path] of Object.entries(FOLDERS)) {
    // Some packages are written for bundlers and import without an extension.
    app.use(`/${name}`, express.static(fileURLToPath(new URL(path, import.meta.url)), { extensions: ['js'] }))
  }
}

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
    app.get('/', (_req, res) => void res.type('html').send(pageWith(OWN, first?.code)))
    serveModules(app)
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
  const hasBeen = (state: string): Promise<void> => expect.poll(() => page.evaluate(() => (window as unknown as { states: string[] }).states)).toContain(state)
  const visited = async (count: number): Promise<void> => {
    while (visits.length < count) await once(arrivals, 'visit')
  }

  it('K1 K2 asks with a new token after a 401, resumes with another after a cut, and gets each item once', async () => {
    refusals = [401]
    await load()
    await hasBeen('open')
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
    await hasBeen('open')
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
    await hasBeen('open')
    await hasBeen('waiting failed ERR_SSE_REFUSED')
    refusals = [403]
    visits.at(-1)?.stream?.close()
    await hasBeen('closed failed ERR_SSE_REFUSED')
    expect(visits).toHaveLength(3)
  })

  it('K4 replaces a stream that is silent for longer than 45 seconds', async () => {
    await page.clock.install()
    await load()
    await hasBeen('open')
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
    await hasBeen('open')
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

describeWith('chromium')('The other code of docs/client.md, in Chromium', () => {
  // Shows what it is given, line by line.
  const SHOW = `
    const token = 'secret'
    const shown = []
    const show = (item) => {
      shown.push(JSON.stringify(item))
      document.querySelector('#items').textContent = shown.join(' ')
    }`
  let browser: Browser
  let page: Page
  const servers: Server[] = []
  const channels: Channel[] = []

  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser?.close())
  beforeEach(async () => {
    page = await browser.newPage()
  })
  afterEach(async () => {
    await page.close()
    for (const channel of channels.splice(0)) channel.close()
    for (const server of servers.splice(0)) {
      server.closeAllConnections()
      server.close()
    }
  })

  async function serve(app: Express): Promise<string> {
    const server = createServer(app)
    servers.push(server)
    await once(server.listen(0, '127.0.0.1'), 'listening')
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }
  function newChannel(): Channel {
    const channel = createChannel()
    channels.push(channel)
    return channel
  }
  const shows = (items: string): Promise<unknown> => expect.poll(() => page.locator('#items').textContent()).toBe(items)

  const replaced = ['### From EventSource', '### From fetch-event-source'].flatMap((heading) =>
    blocksUnder('docs/client.md', heading).map(({ code }, index) => [`${heading.slice(9)}, ${index === 0 ? 'before' : 'after'}`, code] as const),
  )
  it('has the code before and after for two clients', () => {
    expect(replaced.map(([name]) => name)).toEqual(['EventSource, before', 'EventSource, after', 'fetch-event-source, before', 'fetch-event-source, after'])
  })

  it.each(replaced)('%s: shows each goal once, over a cut and, but for an EventSource, a 503', async (name, code) => {
    const channel = newChannel()
    const streams: EventStream[] = []
    const tokens = new Set<string | undefined>()
    let refusals = 0
    const app = express()
    app.use(sse({ retry: 10 }))
    app.get('/', (_req, res) => void res.type('html').send(pageWith(SHOW, code)))
    serveModules(app)
    app.get('/scores', (req, res) => {
      tokens.add(req.headers.authorization)
      if (refusals-- > 0) return void res.status(503).end()
      const stream = res.sse()
      streams.push(stream)
      channel.subscribe(stream)
    })
    await page.goto(await serve(app))
    await expect.poll(() => streams.length).toBe(1)
    await channel.publish({ event: 'goal', data: { team: 'a' } })
    await shows('{"team":"a"}')
    // An EventSource would stop at the 503.
    if (name !== 'EventSource, before') refusals = 1
    streams[0]?.close()
    await channel.publish({ event: 'goal', data: { team: 'b' } })
    await shows('{"team":"a"} {"team":"b"}')
    expect([...tokens]).toEqual([name.startsWith('fetch') ? 'Bearer secret' : undefined])
  })

  it('C5 a page that begins with a snapshot and stores nothing has all of it after a reload, and the changes after a cut', async () => {
    const [code] = blocksUnder('docs/client.md', '## Position and state').filter(({ language }) => language === 'js')
    const channel = newChannel()
    const streams: EventStream[] = []
    const prices = new Map([['gold', 1]])
    const asked: string[] = []
    const app = express()
    app.use(sse({ retry: 10 }))
    app.get('/', (_req, res) => void res.type('html').send(pageWith(SHOW.replace('shown.push(', 'shown.splice(0, 1, '), code?.code)))
    serveModules(app)
    app.get('/prices', (req, res) => {
      asked.push(String(req.headers['last-event-id'] ?? ''))
      const stream = res.sse()
      streams.push(stream)
      channel.subscribe(stream, { snapshot: () => [...prices].map(([name, value]) => ({ event: 'price', data: { [name]: value } })) })
    })
    const change = async (name: string, value: number): Promise<void> => {
      prices.set(name, value)
      await channel.publish({ event: 'price', data: { [name]: value } })
    }
    const origin = await serve(app)
    await page.goto(origin)
    await shows('{"gold":1}')
    await change('silver', 2)
    await shows('{"gold":1,"silver":2}')
    streams[0]?.close()
    await change('gold', 3)
    await shows('{"gold":3,"silver":2}')
    await page.reload()
    await shows('{"gold":3,"silver":2}')
    expect(asked.map((id) => id !== '')).toEqual([false, true, false])
  })

  it.each(['query', 'header'] as const)('a stream of another origin gets the token, the position in the %s, and tells Retry-After', async (resumeBy) => {
    const [cors] = blocksUnder('docs/client.md', '## Tokens and CORS')
    const channel = newChannel()
    const streams: EventStream[] = []
    const visits: string[] = []
    const answers = [401, 200, 503]
    const pages = express()
    const own = `
      window.open = async () => {
        const { connect } = await import('@tidings/client')
        let token = 0
        const news = connect(window.api + '/news', { headers: () => ({ authorization: String(++token) }), resumeBy: window.resumeBy })
        window.seen = []
        news.subscribe((status) => window.seen.push({ ...status, in: status.until - Date.now() }))
        news.on('item', ({ data }) => window.seen.push(data))
      }`
    pages.get('/', (_req, res) => void res.type('html').send(pageWith(own)))
    serveModules(pages)
    const origin = await serve(pages)
    const app = express()
    new Function('app', cors?.code.replace('https://app.example.com', origin) ?? '')(app)
    app.use(sse({ retry: 10 }))
    app.get('/news', (req, res) => {
      const id = req.headers['last-event-id'] ? 'header' : req.query['lastEventId'] ? 'query' : 'none'
      visits.push(`${req.headers.authorization} ${id}`)
      const status = answers.shift() ?? 200
      if (status !== 200) return void res.status(status).set('Retry-After', '7').end()
      const stream = res.sse()
      streams.push(stream)
      channel.subscribe(stream)
    })
    const api = await serve(app)
    await page.goto(origin)
    await page.evaluate(([api, resumeBy]) => Object.assign(window, { api, resumeBy }), [api, resumeBy])
    await page.evaluate(() => (window as unknown as { open(): Promise<void> }).open())
    const seen = (): Promise<Array<{ state?: string; in?: number }>> => page.evaluate(() => (window as unknown as { seen: [] }).seen)
    await expect.poll(async () => (await seen()).at(-1)).toMatchObject({ state: 'open' })
    await channel.publish({ event: 'item', data: { text: 'b' } })
    await expect.poll(async () => (await seen()).at(-1)).toEqual({ text: 'b' })
    streams[0]?.close()
    await expect.poll(async () => (await seen()).filter(({ state }) => state === 'waiting')).toHaveLength(2)
    const [, refused] = (await seen()).filter(({ state }) => state === 'waiting')
    // Its own wait would be some milliseconds.
    expect(refused?.in).toBeGreaterThan(5_000)
    expect(visits).toEqual(['1 none', '2 none', `3 ${resumeBy}`])
  })
})
