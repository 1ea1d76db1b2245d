import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { createChannel } from '@tidings/core'
import type { Browser } from 'playwright-core'
import { rolldown } from 'rolldown'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeWith } from '../../../../scripts/requirements.ts'
import { launchChromium } from '../../support/browser.ts'
import { type Framework, frameworks } from '../../support/frameworks.ts'
import { Site } from '../../support/site.ts'

// Messages a second, as many as the server publishes by its clock, in bursts.
const RATE = 5_000
const MESSAGES = 10_000
// Milliseconds.
const BURST = 10

declare const page: {
  version: string
  renders: number
  heard: number
  wrong: number[]
  mount(): void
  unmount(): void
}

/** Where each major of React is installed. */
const REACTS = { 19: import.meta.url, 18: new URL('../../../client/test/react-18/package.json', import.meta.url) }

async function bundled(major: keyof typeof REACTS): Promise<string> {
  const { resolve } = createRequire(REACTS[major])
  const alias = Object.fromEntries(['react-dom/client', 'react'].map((name) => [name, resolve(name)]))
  const bundle = await rolldown({
    input: fileURLToPath(new URL('../../fixtures/react-page.mjs', import.meta.url)),
    platform: 'browser',
    resolve: { alias },
    transform: { define: { 'process.env.NODE_ENV': '"development"' } },
    logLevel: 'warn',
  })
  const { output } = await bundle.generate({ format: 'iife' })
  await bundle.close()
  return output[0].code
}

describeWith('chromium')('@tidings/client/react in Chromium', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser?.close())

  it.each([19, 18] as const)('React %i folds 5,000 messages a second, each once, over one connection that it closes', async (major) => {
    const channel = createChannel<{ count: number }>()
    let opened = 0
    let open = 0
    const site = await Site.open(frameworks.find(({ name }) => name === 'Express 5') as Framework)
    site.routes.set('/scores', () => (stream) => {
      opened++
      open++
      stream.onClose(() => open--)
      channel.subscribe(stream)
    })
    const tab = await browser.newPage()
    await tab.goto(`http://127.0.0.1:${site.port}`)
    await tab.addScriptTag({ content: await bundled(major) })
    expect(await tab.evaluate(() => page.version)).toMatch(new RegExp(`^${major}\\.`))
    const text = (): Promise<string> => tab.evaluate(() => document.body.textContent ?? '')
    await tab.evaluate(() => page.mount())
    await expect.poll(text).toBe('0 open')

    const began = performance.now()
    for (let published = 0; published < MESSAGES; ) {
      const due = Math.min(MESSAGES, Math.ceil(((performance.now() - began) / 1_000) * RATE))
      while (published < due) channel.publish({ event: 'count', data: published++ })
      await new Promise((resolve) => setTimeout(resolve, BURST))
    }
    await expect.poll(text).toBe(`${MESSAGES} open`)
    expect(await tab.evaluate(() => [page.heard, page.wrong.length])).toEqual([MESSAGES, 0])
    // StrictMode renders each component twice.
    expect(await tab.evaluate(() => page.renders)).toBeLessThan((2 * MESSAGES) / 5)
    expect([opened, open]).toEqual([1, 1])

    await tab.evaluate(() => page.unmount())
    await expect.poll(() => open).toBe(0)
    expect(opened).toBe(1)
    expect(site.errors).toEqual([])
    await tab.close()
    channel.close()
    await site.close()
  })
})
