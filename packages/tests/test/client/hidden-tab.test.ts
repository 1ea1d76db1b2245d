import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { describeWith } from '../../../../scripts/requirements.ts'
import { launchPlainChromium } from '../../support/browser.ts'
import { newestFrameworks } from '../../support/frameworks.ts'
import { connectPage, Scores, type ScoresPage, SILENCE } from '../../support/scores.ts'
import { clientScript } from '../../support/tidings-client.ts'

const newest = newestFrameworks.map((each) => [each.name, each] as const)

declare const self: ScoresPage & { gaps: number[] }

describeWith('chromium')('@tidings/client in a tab of Chromium that is behind another', () => {
  let browser: Browser
  let close: () => Promise<void>
  let script: string
  let page: Page
  let other: Page
  let scores: Scores

  beforeAll(async () => {
    script = await clientScript()
    ;({ browser, close } = await launchPlainChromium())
  })
  afterAll(() => close?.())

  describe.each(newest)('from %s', (_, framework) => {
    beforeEach(async () => {
      scores = await Scores.serve(framework)
      const [context] = browser.contexts()
      if (!context) throw new Error('the browser has no window')
      page = await context.newPage()
      await connectPage(page, scores, script)
      other = await context.newPage()
      await other.bringToFront()
      await expect.poll(() => page.evaluate(() => document.visibilityState)).toBe('hidden')
    })
    afterEach(async () => {
      await page.close()
      await other.close()
      await scores.close()
      expect(scores.site.errors).toEqual([])
    })
    const seen = (): Promise<unknown[]> => page.evaluate(() => self.seen)
    const states = (): Promise<string[]> => page.evaluate(() => self.states)

    it('K4 throttled timers replace nothing, and each message comes', async () => {
      await page.evaluate(() => {
        self.gaps = []
        let last = performance.now()
        setInterval(() => {
          self.gaps.push(performance.now() - last)
          last = performance.now()
        }, 10)
      })
      // Chromium lets timers of a hidden page run once a second.
      await expect.poll(() => page.evaluate(() => self.gaps.filter((gap) => gap > 900).length)).toBeGreaterThan((3 * SILENCE) / 1_000)
      const all = scores.publish(3)
      await expect.poll(seen).toEqual(all)
      await page.bringToFront()
      expect(await states()).toEqual(['connecting', 'open'])
      expect(scores.opened).toBe(1)
    })

    it('K4 `freeze` closes the stream, `resume` opens it, and nothing is missed', async () => {
      const before = scores.publish(2)
      await expect.poll(seen).toEqual(before)
      const session = await page.context().newCDPSession(page)
      for (const opened of [2, 3]) {
        await session.send('Page.setWebLifecycleState', { state: 'frozen' })
        await expect.poll(() => scores.open).toBe(0)
        const all = scores.publish(2)
        await session.send('Page.setWebLifecycleState', { state: 'active' })
        await expect.poll(seen).toEqual(all)
        expect(scores.opened).toBe(opened)
      }
      expect(await states()).toEqual(['connecting', 'open', 'paused', 'connecting', 'open', 'paused', 'connecting', 'open'])
    })

    it('K4 a frozen page that leaves by a click on its tab resumes at once', async () => {
      const session = await page.context().newCDPSession(page)
      await session.send('Page.setWebLifecycleState', { state: 'frozen' })
      await expect.poll(() => scores.open).toBe(0)
      const all = scores.publish(2)
      await page.bringToFront()
      await expect.poll(seen).toEqual(all)
      expect(scores.opened).toBe(2)
    })
  })
})
