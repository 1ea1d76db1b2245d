import type { Message } from '@tidings/core'
import fc from 'fast-check'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { describeWith } from '../../../scripts/requirements.ts'
import { type Dispatched, eventsOf, eventsUntilGivenUp, LAST, launchChromium, protocolOf } from '../support/browser.ts'
import { type Framework, frameworks } from '../support/frameworks.ts'
import { type RunningProxy, startNginx } from '../support/proxy.ts'
import { makeCertificate, Site } from '../support/site.ts'

type Fields = Exclude<Message, string>

const seed = Number(process.env['TIDINGS_SEED'] ?? Date.now() % 2 ** 31)
const RETRY = 250

describeWith('chromium', 'nginx')('In Chromium', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser?.close())

  for (const framework of frameworks) {
    for (const protocol of ['http/1.1', 'h2'])
      describe(`${framework.name} over ${protocol}`, () => {
        let site: Site
        let origin: string
        let close: () => Promise<unknown>
        let context: BrowserContext
        let page: Page

        beforeAll(async () => {
          ;({ site, origin, close } = await (protocol === 'h2' ? serveHttp2(framework) : serveHttp1(framework)))
          context = await browser.newContext({ ignoreHTTPSErrors: true })
          page = await context.newPage()
          await page.goto(origin)
        })
        afterAll(async () => {
          await context?.close()
          await close?.()
        })
        afterEach(() => expect(site.errors).toEqual([]))

        it('W2 W3 W7 W8 dispatches exactly the messages that were sent', async () => {
          site.routes.set('/messages', () => async (stream) => {
            for (const [message] of CASES) await stream.send(message)
            await stream.comment('a comment\ndata: is no message')
            await stream.send({ event: LAST, data: '' })
          })

          const events = await eventsOf(page, '/messages', ['message', 'named', 'ünïcode 📰'])

          expect(events).toEqual(CASES.flatMap(([, dispatched]) => dispatched ?? []))
          expect(await protocolOf(page, '/messages')).toBe(protocol)
        })

        it(`W10 dispatches 300 random messages as sent (seed ${seed})`, async () => {
          const messages = fc.sample(anyMessage, { numRuns: 300, seed })
          site.routes.set('/random', () => async (stream) => {
            for (const message of messages) await stream.send(message)
            await stream.send({ event: LAST, data: '' })
          })

          const expected = dispatchedOf(messages)
          const events = await eventsOf(page, '/random', [...new Set(expected.map(({ type }) => type))])

          expect(events).toEqual(expected)
        })

        it('W7 W8 H6 reconnects after `retry` with the last id, and stops at 204', async () => {
          const visits: Array<{ lastEventId: string; after: number }> = []
          let closedAt = Number.NaN
          site.routes.set('/resume', ({ lastEventId }) => {
            visits.push({ lastEventId, after: performance.now() - closedAt })
            const script = SCRIPT[visits.length - 1]
            if (!script) return 204
            return async (stream) => {
              for (const message of script) await stream.send(message)
              closedAt = performance.now()
              stream.close()
            }
          })

          const events = await eventsUntilGivenUp(page, '/resume')

          expect(events).toEqual([
            { type: 'message', data: 'a', lastEventId: '1' },
            { type: 'message', data: 'b', lastEventId: '1' },
            { type: 'message', data: 'c', lastEventId: 'zwölf-→-📰' },
            { type: 'message', data: 'd', lastEventId: '' },
          ])
          expect(visits.map(({ lastEventId }) => lastEventId)).toEqual(['', '1', 'two', 'zwölf-→-📰', ''])
          for (const { after } of visits.slice(1)) {
            expect(after).toBeGreaterThan(RETRY - 10)
            expect(after).toBeLessThan(2_000) // Chromium's default reconnection time is 3 s.
          }
        })

        it('H5 gives up at 406', async () => {
          let visits = 0
          site.routes.set('/refused', () => {
            visits++
            return (stream) => stream.send('never sent')
          })
          const responses: number[] = []
          page.on('response', (response) => {
            if (response.url() === `${origin}/refused`) responses.push(response.status())
          })
          await page.route('**/refused', (route) => route.continue({ headers: { ...route.request().headers(), accept: 'application/json' } }))

          expect(await eventsUntilGivenUp(page, '/refused')).toEqual([])

          expect(responses).toEqual([406])
          expect(visits).toBe(1)
        })

        it('L2 closes the EventSource, and the server notices', async () => {
          site.handOver('/left')
          const opened = site.nextStream('/left')
          await page.evaluate((path) => {
            const source = new EventSource(path)
            source.onmessage = () => source.close()
          }, '/left')
          const { stream } = await opened
          const closed = new Promise<string | undefined>((resolve) => stream.onClose(({ reason }) => resolve(reason)))

          await stream.send('go')

          expect(await closed).toBe('peer')
        })
      })
  }
})

/** Messages, each with the event that it is dispatched as, if any. */
const CASES: ReadonlyArray<readonly [message: Message, dispatched?: Dispatched]> = [
  ['unnamed', { type: 'message', data: 'unnamed', lastEventId: '' }],
  [
    { event: 'named', data: { json: true } },
    { type: 'named', data: '{"json":true}', lastEventId: '' },
  ],
  [
    { event: 'message', data: 'by its name' },
    { type: 'message', data: 'by its name', lastEventId: '' },
  ],
  [
    { event: 'ünïcode 📰', data: 'naïve — 東京 — 👩‍👩‍👧' },
    { type: 'ünïcode 📰', data: 'naïve — 東京 — 👩‍👩‍👧', lastEventId: '' },
  ],
  ['one\ntwo\r\nthree\rfour\n', { type: 'message', data: 'one\ntwo\nthree\nfour\n', lastEventId: '' }],
  ['\n', { type: 'message', data: '\n', lastEventId: '' }],
  ['a\u2028b\u2029c\u0085d\u000be\u000cf\u0000g\nh', { type: 'message', data: 'a\u2028b\u2029c\u0085d\u000be\u000cf\u0000g\nh', lastEventId: '' }],
  ['', { type: 'message', data: '', lastEventId: '' }],
  [
    { event: 'named', data: '' },
    { type: 'named', data: '', lastEventId: '' },
  ],
  [' one space', { type: 'message', data: ' one space', lastEventId: '' }],
  ['  two\n  and two', { type: 'message', data: '  two\n  and two', lastEventId: '' }],
  ['data: x\nid: 9\n\n: y', { type: 'message', data: 'data: x\nid: 9\n\n: y', lastEventId: '' }],
  ['\ufeffwith a byte order mark', { type: 'message', data: '\ufeffwith a byte order mark', lastEventId: '' }],
  ['half a pair: \ud83d', { type: 'message', data: 'half a pair: \ufffd', lastEventId: '' }],
  [
    { data: 'with an id', id: '1' },
    { type: 'message', data: 'with an id', lastEventId: '1' },
  ],
  ['the id stays', { type: 'message', data: 'the id stays', lastEventId: '1' }],
  [{ id: '2' }],
  ['an id alone counts', { type: 'message', data: 'an id alone counts', lastEventId: '2' }],
  [{ retry: 1_000 }],
  [{ comment: 'nothing\nto see' }],
  [
    { data: 'all of it', event: 'named', id: ' 3 ', retry: 2_000, comment: 'c' },
    { type: 'named', data: 'all of it', lastEventId: ' 3 ' },
  ],
  [
    { data: 'reset', id: '' },
    { type: 'message', data: 'reset', lastEventId: '' },
  ],
]

/** The messages of each connection in turn, before it is closed. The connection after the last gets 204. */
const SCRIPT: readonly Message[][] = [
  [{ retry: RETRY }, { data: 'a', id: '1' }, 'b'],
  [{ id: 'two' }],
  [{ data: 'c', id: 'zwölf-→-📰' }],
  [{ data: 'd', id: '' }],
]

const piece = fc.oneof(
  fc.constantFrom('\n', '\r', '\r\n', ' ', ':', 'data: ', 'id', '\u0000', '\u0085', '\u2028', '\u2029', '\ufeff', '\ud800', '\udfff'),
  fc.constantFrom('\ndata: ', '\rid: ', '\r\nevent: ', '\nretry: 9', '\n:', '\n\n'),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
)
const anyText = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''))
const anyId = anyText.map((text) => text.replace(/[\r\n\0]/g, ''))
// `open` and `error` are events of EventSource itself.
const anyName = anyText.map((text) => text.replace(/[\r\n]/g, '')).filter((name) => !['open', 'error', LAST].includes(name))
const anyMessage: fc.Arbitrary<Fields & { data: string }> = fc.record(
  { data: anyText, event: anyName, id: anyId, retry: fc.nat(), comment: anyText },
  { requiredKeys: ['data'] },
)

/** The events that a page gets for these messages by WHATWG HTML 9.2.6. */
function dispatchedOf(messages: ReadonlyArray<Fields & { data: string }>): Dispatched[] {
  let lastEventId = ''
  return messages.map(({ data, event, id }) => {
    lastEventId = wellFormed(id ?? lastEventId)
    return { type: wellFormed(event || 'message'), data: wellFormed(data.replace(/\r\n|\r/g, '\n')), lastEventId }
  })
}

/** Replaces lone surrogates by U+FFFD, as the encoding in UTF-8 does. */
function wellFormed(text: string): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(new TextEncoder().encode(text))
}

async function serveHttp1(framework: Framework): Promise<{ site: Site; origin: string; close(): Promise<unknown> }> {
  const site = await Site.open(framework)
  return { site, origin: `http://127.0.0.1:${site.port}`, close: () => site.close() }
}

/** Serves over TLS, without which browsers do not speak HTTP/2. */
async function serveHttp2(framework: Framework): Promise<{ site: Site; origin: string; close(): Promise<unknown> }> {
  const certificate = await makeCertificate()
  if (framework.http2) {
    const site = await Site.open(framework, {}, certificate)
    return { site, origin: `https://127.0.0.1:${site.port}`, close: () => site.close() }
  }
  const site = await Site.open(framework)
  let nginx: RunningProxy | undefined
  try {
    nginx = await startNginx(
      (port) => `
        listen 127.0.0.1:${port} ssl http2;
        ssl_certificate cert.pem;
        ssl_certificate_key key.pem;
        location / { proxy_pass http://127.0.0.1:${site.port}; }`,
      certificate,
    )
  } catch (error) {
    await site.close()
    throw error
  }
  return { site, origin: `https://127.0.0.1:${nginx.ports[0]}`, close: () => Promise.all([nginx.close(), site.close()]) }
}
