import { readFileSync } from 'node:fs'
import { createChannel } from '@tidings/core'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeWith } from '../../../scripts/requirements.ts'
import { launchChromium } from '../support/browser.ts'
import { type Framework, frameworks } from '../support/frameworks.ts'
import { makeCertificate, Site } from '../support/site.ts'

/** The scripts of the docs whose pages store an id. */
const PAGES = [
  { file: 'channels.md', has: "sessionStorage.setItem('scores'", path: '/scores', event: 'goal', key: 'scores' },
  { file: 'browsers.md', has: "sessionStorage.setItem('news'", path: '/news', event: 'message', key: 'news' },
]
const [SCORES] = PAGES
const WATCHDOG = { file: 'browsers.md', has: 'const SILENCE', path: '/news', event: 'message' }

/** The script of a page in the docs. */
function scriptOf({ file, has }: { file: string; has: string }): string {
  const text = readFileSync(new URL(`../../../docs/${file}`, import.meta.url), 'utf8')
  const script = [...text.matchAll(/```js\n(.*?)```/gs)].map(([, code = '']) => code).find((code) => code.includes(has))
  if (script === undefined) throw new Error(`${file} has no script with ${has}`)
  return script
}

/** Runs a script in the page, which shows its messages in `shown`. */
async function run(page: Page, script: string): Promise<void> {
  await page.evaluate(`window.shown = []; { const show = (data) => shown.push(data); ${script} }`)
}

async function shows(page: Page, expected: readonly string[]): Promise<void> {
  await expect.poll(() => page.evaluate('shown')).toEqual(expected)
}

describeWith('chromium')('In Chromium', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser?.close())

  /** Serves a channel with a snapshot of two messages, and opens a page there. */
  async function open(framework: Framework, isHttp2: boolean, { path, event }: { path: string; event: string }, options = {}) {
    const site = isHttp2 ? await Site.open(framework, { heartbeat: false }, await makeCertificate()) : await Site.open(framework, { heartbeat: false })
    const channel = createChannel(options)
    const visits: string[] = []
    let snapshots = 0
    const snapshot = () => {
      snapshots++
      return ['one', 'two'].map((data) => ({ event, data: JSON.stringify(data) }))
    }
    site.routes.set(path, ({ lastEventId }) => {
      visits.push(lastEventId)
      return (stream) => channel.subscribe(stream, { snapshot })
    })
    const context = await browser.newContext({ ignoreHTTPSErrors: true })
    const page = await context.newPage()
    await page.goto(`http${isHttp2 ? 's' : ''}://127.0.0.1:${site.port}`)
    const close = async (): Promise<void> => {
      await context.close()
      channel.close()
      await site.close()
      expect(site.errors).toEqual([])
    }
    return { page, visits, snapshots: () => snapshots, publish: (data: string) => channel.publish({ event, data: JSON.stringify(data) }), close }
  }

  for (const framework of frameworks)
    for (const protocol of framework.http2 ? ['http/1.1', 'h2'] : ['http/1.1'])
      for (const each of PAGES)
        it(`C15 the page of ${each.file} has an id after a snapshot alone, and misses nothing over a reload (${framework.name}, ${protocol})`, async () => {
          const { page, visits, snapshots, publish, close } = await open(framework, protocol === 'h2', each)
          try {
            const before = await publish('before')
            await run(page, scriptOf(each))
            await shows(page, ['one', 'two'])
            expect(await page.evaluate((key) => sessionStorage.getItem(key), each.key)).toBe(before)
            await page.reload()
            await publish('missed')
            await run(page, scriptOf(each))
            await shows(page, ['missed'])
            const live = await publish('live')
            await shows(page, ['missed', 'live'])
            expect(await page.evaluate((key) => sessionStorage.getItem(key), each.key)).toBe(live)
            expect([visits, snapshots()]).toEqual([['', before], 1])
          } finally {
            await close()
          }
        })

  it.each<[string, object]>([
    ['of a named channel', { name: 'scores' }],
    ["with position: 'message'", { position: 'message' }],
  ])('C13 C15 so does a page of a stream %s', async (_, options) => {
    const { page, visits, snapshots, publish, close } = await open(frameworks[0] as Framework, false, SCORES as (typeof PAGES)[0], options)
    try {
      await publish('before')
      await run(page, scriptOf(SCORES as (typeof PAGES)[0]))
      await shows(page, ['one', 'two'])
      await page.reload()
      await publish('missed')
      await run(page, scriptOf(SCORES as (typeof PAGES)[0]))
      await shows(page, ['missed'])
      expect([visits.length, snapshots()]).toEqual([2, 1])
    } finally {
      await close()
    }
  })

  it('C15 a page that opens another stream after a silence goes on from the id of a snapshot', async () => {
    const { page, visits, snapshots, publish, close } = await open(frameworks[0] as Framework, false, WATCHDOG)
    try {
      const before = await publish('before')
      await page.evaluate('window.setTimeout = (callback) => { window.fallSilent = callback }')
      await run(page, scriptOf(WATCHDOG))
      await shows(page, ['one', 'two'])
      await page.evaluate('fallSilent()')
      await publish('later')
      await shows(page, ['one', 'two', 'later'])
      expect([visits, snapshots()]).toEqual([['', before], 1])
    } finally {
      await close()
    }
  })
})
