import { readFileSync } from 'node:fs'
import { type Channel, createChannel } from '@tidings/core'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { describeWith } from '../../../../scripts/requirements.ts'
import { launchChromium } from '../../support/browser.ts'
import { newestFrameworks } from '../../support/frameworks.ts'
import { Site } from '../../support/site.ts'
import { bundled } from '../../support/tidings-client.ts'

const newest = newestFrameworks.map((each) => [each.name, each] as const)

/** The worker and the page of docs/client.md. */
const [worker = '', script = ''] = [
  ...readFileSync(new URL('../../../../docs/client.md', import.meta.url), 'utf8')
    .split('\n## ')
    .filter((section) => section.startsWith('One connection for all tabs'))
    .join()
    .matchAll(/```ts\n(.*?)```/gs),
].map(([, code]) => code)

/** What the page shows. */
interface Shown {
  news: string[]
  state?: string
}
declare const self: { shown: Shown[] }

describeWith('chromium')('docs/client.md: one connection for all tabs, in Chromium', () => {
  let browser: Browser
  let files: Record<string, string>
  beforeAll(async () => {
    files = {
      '/news-worker.js': await bundled(worker),
      '/page.js': `self.shown = []; const show = (told) => self.shown.push(told)\n${await bundled(script)}`,
    }
    browser = await launchChromium(['--disable-back-forward-cache'])
  })
  afterAll(() => browser?.close())

  describe.each(newest)('from %s', (_, framework) => {
    let channel: Channel<{ item: string }>
    let site: Site
    let context: BrowserContext
    let opened: number
    let open: number

    beforeEach(async () => {
      channel = createChannel()
      opened = open = 0
      site = await Site.open(framework, { retry: 10 })
      site.routes.set('/', () => '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>')
      site.routes.set('/away', () => '<!doctype html><link rel="icon" href="data:,">')
      for (const [path, body] of Object.entries(files)) site.routes.set(path, () => ({ status: 200, headers: { 'content-type': 'text/javascript' }, body }))
      site.routes.set('/news', () => (stream) => {
        opened++
        open++
        stream.onClose(() => open--)
        channel.subscribe(stream)
      })
      context = await browser.newContext()
    })
    afterEach(async () => {
      await context.close()
      channel.close()
      await site.close()
      expect(site.errors).toEqual([])
    })

    async function newTab(): Promise<Page> {
      const tab = await context.newPage()
      await tab.goto(`http://127.0.0.1:${site.port}/`)
      await expect.poll(() => tab.evaluate(() => self.shown.at(-1)?.state)).toBe('open')
      return tab
    }
    const publish = (...items: string[]): void => {
      for (const data of items) channel.publish({ event: 'item', data: JSON.stringify(data) })
    }
    const newsOf = (tab: Page): Promise<string[] | undefined> => tab.evaluate(() => self.shown.at(-1)?.news)

    it('K1 two tabs get each message once and in order over one stream, which goes on with one and ends with none', async () => {
      const first = await newTab()
      const second = await newTab()
      expect(opened).toBe(1)
      publish('a', 'b')
      for (const tab of [first, second]) await expect.poll(() => newsOf(tab)).toEqual(['a', 'b'])

      await first.close()
      publish('c')
      await expect.poll(() => newsOf(second)).toEqual(['a', 'b', 'c'])
      const third = await newTab()
      expect(await newsOf(third)).toEqual(['a', 'b', 'c'])
      await second.close()
      site.cut()
      publish('d')
      await expect.poll(() => newsOf(third)).toEqual(['a', 'b', 'c', 'd'])
      expect(opened).toBe(2)
      expect(open).toBe(1)

      await third.close()
      await expect.poll(() => open).toBe(0)
      expect(opened).toBe(2)
    })

    it('K1 a tab that was away has all when it is back', async () => {
      const tab = await newTab()
      const other = await newTab()
      publish('a')
      await expect.poll(() => newsOf(tab)).toEqual(['a'])
      await tab.goto(`http://127.0.0.1:${site.port}/away`)
      publish('b')
      await expect.poll(() => newsOf(other)).toEqual(['a', 'b'])
      await tab.goBack({ waitUntil: 'commit' })
      await expect.poll(() => newsOf(tab)).toEqual(['a', 'b'])
      publish('c')
      for (const each of [tab, other]) await expect.poll(() => newsOf(each)).toEqual(['a', 'b', 'c'])
      expect(opened).toBe(1)
    })
  })
})
