import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { describeWith } from '../../../scripts/requirements.ts'
import { launchChromium } from '../support/browser.ts'
import { Child } from '../support/child.ts'

const SERVER = fileURLToPath(new URL('../../../examples/resumable-run/server.js', import.meta.url))
const MODEL = new URL('../../../examples/resumable-run/model.js', import.meta.url)
const PROMPT = 'What is a light for?'

describeWith('chromium')('A resumable run', () => {
  let server: Child
  let origin = ''
  let browser: Browser
  let page: Page
  /** The errors and warnings of the page. */
  let complaints: string[]

  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser?.close())
  beforeEach(async () => {
    server = new Child(process.execPath, [SERVER], { env: { ...process.env, PORT: '0', MOST_RUNS: '2' } })
    ;[origin] = await server.says('stdout', /http:\/\/localhost:\d+/)
    complaints = []
    page = await browser.newPage()
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
    })
    page.on('pageerror', (error) => complaints.push(String(error)))
    await page.goto(origin)
  })
  afterEach(async () => {
    await page.close()
    await server.end()
    expect(server.stderr).toBe('')
  })

  const text = async (): Promise<string> => (await page.locator('#text').textContent()) ?? ''
  const says = (words: RegExp): Promise<void> => page.locator('#state', { hasText: words }).waitFor()
  const ask = (): Promise<void> => page.getByRole('button', { name: 'Ask' }).click()

  it('shows the whole answer, each token once, over two reloads, and says where it resumed', async () => {
    const { answerTo }: { answerTo(prompt: string): string[] } = await import(MODEL.href)
    await ask()
    await says(/^From the start$/)
    for (const length of [40, 120]) {
      await expect.poll(async () => (await text()).length).toBeGreaterThan(length)
      await page.getByRole('button', { name: 'Reload the page' }).click()
      await says(/^Resumed after [\w.~-]+-\d+$/)
    }
    await says(/^The end$/)
    expect(await text()).toBe(answerTo(PROMPT).join(''))
    await page.reload()
    await says(/^The end$/)
    expect(await text()).toBe(answerTo(PROMPT).join(''))
    expect(complaints).toEqual([])
  })

  it('says when it tries again while there is no server', async () => {
    await ask()
    await expect.poll(async () => (await text()).length).toBeGreaterThan(20)
    server.signal('SIGTERM')
    await says(/^Next attempt at \d\d:\d\d:\d\d: No response/)
  })

  it('says that it is closed once the server has forgotten the run', async () => {
    await ask()
    await expect.poll(async () => (await text()).length).toBeGreaterThan(20)
    for (let other = 0; other < 2; other++) {
      const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ prompt: PROMPT }) }
      expect((await fetch(`${origin}/runs`, init)).status).toBe(201)
    }
    await page.reload()
    await says(/^Closed: .*404/)
  })
})
