import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { describeWith } from '../../../scripts/requirements.ts'
import { freezePages, launchChromium } from './browser.ts'
import { Child } from './child.ts'
import type { Framework } from './frameworks.ts'
import { blockPage, connectPage, LONGER_THAN_SILENCE, Scores, type ScoresPage, SILENCE } from './scores.ts'
import { clientScript } from './tidings-client.ts'

declare const self: ScoresPage

/** What the client does in Chromium and in Node with the streams of one framework, beside its contract. */
export function describeTidingsClient(framework: Framework): void {
  describeWith('chromium')(`@tidings/client in Chromium, from ${framework.name}`, () => {
    let browser: Browser
    let script: string
    let context: BrowserContext
    let page: Page
    let scores: Scores

    beforeAll(async () => {
      script = await clientScript()
      browser = await launchChromium(['--disable-back-forward-cache'])
    })
    afterAll(() => browser?.close())

    const seen = (): Promise<unknown[]> => page.evaluate(() => self.seen)

    beforeEach(async () => {
      scores = await Scores.serve(framework)
      context = await browser.newContext()
      page = await context.newPage()
    })
    afterEach(async () => {
      await context.close()
      await scores.close()
      expect(scores.site.errors).toEqual([])
    })

    it('K1 resumes at each cut: each message once and in order', async () => {
      await connectPage(page, scores, script)
      for (let cut = 0; cut < 10; cut++) {
        scores.publish(7)
        if (cut % 2 === 0) await expect.poll(async () => (await seen()).length).toBeGreaterThan(cut * 7)
        scores.site.cut()
      }
      const all = scores.publish(7)
      await expect.poll(seen).toEqual(all)
      expect(scores.opened).toBeGreaterThan(1)
    })

    it('K4 the back/forward cache: nothing is open while the page is away, and nothing is missed when it is back', async () => {
      await connectPage(page, scores, script)
      const before = scores.publish(3)
      await expect.poll(seen).toEqual(before)
      await page.goto(`${scores.origin}/away`)
      await expect.poll(() => scores.open).toBe(0)
      const all = scores.publish(3)
      expect(scores.opened).toBe(1)
      await page.goBack({ waitUntil: 'commit' })
      await expect.poll(seen).toEqual(all)
      expect(await page.evaluate(() => self.persisted)).toBe(true)
      expect(scores.opened).toBe(2)
      expect(await page.evaluate(() => self.states)).toEqual(['connecting', 'open', 'paused', 'connecting', 'open'])
    })

    it('K2 a seventh connection to a host says why it waits, and opens when there is room', async () => {
      await connectPage(page, scores, script)
      const others = await page.evaluateHandle(() => Array.from({ length: 5 }, () => new EventSource('/scores')))
      await expect.poll(() => scores.open).toBe(6)
      await page.evaluate((others) => {
        const seventh = self.tidings.connect('/scores', { connectTimeout: 1_000 })
        seventh.subscribe((status) => {
          self.seen.push(status.state === 'waiting' && status.reason === 'failed' ? `${status.error.code} ${status.error.message}` : status.state)
          if (status.state === 'waiting') for (const other of others) other.close()
        })
      }, others)
      await expect.poll(async () => (await seen()).at(-1)).toBe('open')
      expect(await seen()).toEqual(['connecting', expect.stringMatching(/^ERR_SSE_CONNECT_TIMEOUT .*six connections/), 'connecting', 'open'])
    })

    it.each(['a page whose thread was blocked', 'a page whose process was frozen'])(
      'K4 %s three times for longer than `silence` replaces nothing',
      async (name) => {
        await connectPage(page, scores, script)
        for (let time = 0; time < 3; time++) {
          await blockPage(page, scores, name.includes('frozen') ? () => freezePages(browser) : undefined)
          const all = scores.publish(1)
          await expect.poll(seen).toEqual(all)
        }
        expect(await page.evaluate(() => self.states)).toEqual(['connecting', 'open'])
        expect(scores.opened).toBe(1)
      },
    )
  })

  describe(`@tidings/client in Node, from ${framework.name}`, () => {
    const HALTS: Record<string, (child: Child) => Promise<void>> = {
      async 'a process that was frozen'(child) {
        child.signal('SIGSTOP')
        await new Promise((resolve) => setTimeout(resolve, LONGER_THAN_SILENCE))
        child.signal('SIGCONT')
      },
      async 'a thread that was blocked'(child) {
        const before = child.stdout.length
        child.signal('SIGUSR2')
        await expect.poll(() => child.stdout.slice(before)).toContain('unblocked')
      },
    }

    it.each(Object.entries(HALTS))('K4 %s three times for longer than `silence` replaces nothing', async (_, halt) => {
      const scores = await Scores.serve(framework)
      const child = new Child(process.execPath, [
        fileURLToPath(new URL('../fixtures/client-process.mjs', import.meta.url)),
        `${scores.origin}/scores`,
        String(SILENCE),
        String(LONGER_THAN_SILENCE),
      ])
      try {
        await child.says('stdout', /open/)
        for (let time = 0; time < 3; time++) {
          await halt(child)
          const last = scores.publish(1).at(-1)
          await child.says('stdout', new RegExp(`count ${last}`))
        }
        expect(child.stdout.replaceAll('unblocked\n', '')).toBe('connecting\nopen\ncount 0\ncount 1\ncount 2\n')
        expect(scores.opened).toBe(1)
      } finally {
        await child.end()
        await scores.close()
      }
    })
  })
}
