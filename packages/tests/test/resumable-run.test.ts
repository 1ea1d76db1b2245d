import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { describeWith } from '../../../scripts/requirements.ts'
import { launchChromium } from '../support/browser.ts'
import { Child } from '../support/child.ts'

const SERVER = fileURLToPath(new URL('../../../examples/resumable-run/server.js', import.meta.url))
const MODEL = new URL('../../../examples/resumable-run/model.js', import.meta.url)
const PROMPT = 'What is a light for?'
// Milliseconds for a token. The answer takes about a minute then.
const SLOW = 600

describeWith('chromium')('A resumable run', () => {
  let server: Child
  let origin = ''
  let browser: Browser
  let page: Page
  /** The errors and warnings of the page. */
  let complaints: string[]
  /** The ids of its requests for a run. */
  let resumedAfter: string[]

  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser?.close())
  beforeEach(async () => {
    complaints = []
    resumedAfter = []
    page = await browser.newPage()
    page.on('request', (request) => {
      if (/\/runs\/./.test(request.url())) resumedAfter.push(request.headers()['last-event-id'] ?? '')
    })
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
    })
    page.on('pageerror', (error) => complaints.push(String(error)))
  })
  afterEach(async () => {
    await page.close()
    await server.end()
    expect(server.stderr).toBe('')
  })

  /** @param pace milliseconds for a token of the model */
  async function open(pace: number): Promise<void> {
    server = new Child(process.execPath, [SERVER], { env: { ...process.env, PORT: '0', MOST_RUNS: '2', PACE: String(pace) } })
    ;[origin] = await server.says('stdout', /http:\/\/localhost:\d+/)
    await page.goto(origin)
  }
  const text = async (): Promise<string> => (await page.locator('#text').textContent()) ?? ''
  const says = (words: RegExp): Promise<void> => page.locator('#state', { hasText: words }).waitFor()
  const ask = (): Promise<void> => page.getByRole('button', { name: 'Ask' }).click()

  const begun = (length = 0): Promise<void> => expect.poll(async () => (await text()).length).toBeGreaterThan(length)

  it('shows the whole answer, each token once, over two reloads', async () => {
    const { answerTo }: { answerTo(prompt: string): string[] } = await import(MODEL.href)
    await open(50)
    await ask()
    for (const length of [40, 120]) {
      await begun(length)
      await page.getByRole('button', { name: 'Reload the page' }).click()
    }
    await says(/^The end$/)
    expect(await text()).toBe(answerTo(PROMPT).join(''))
    await page.reload()
    await says(/^The end$/)
    expect(await text()).toBe(answerTo(PROMPT).join(''))
    const [first, ...later] = resumedAfter
    expect(first).toBe('')
    expect(later.length).toBeGreaterThanOrEqual(3)
    for (const id of later) expect(id).toMatch(/-\d+$/)
    expect(complaints).toEqual([])
  })

  // The model is slow here, so that the answer does not end before the test has seen its middle.
  it('says where it began and resumed, and when it tries again while there is no server', async () => {
    await open(SLOW)
    await ask()
    await says(/^From the start$/)
    await begun()
    const before = await text()
    await page.reload()
    await says(/^Resumed after [\w.~-]+-\d+$/)
    await begun(before.length)
    expect((await text()).startsWith(before)).toBe(true)
    server.signal('SIGTERM')
    await says(/^Next attempt at \d\d:\d\d:\d\d: No response/)
  })

  it('says that it is closed once the server has forgotten the run', async () => {
    await open(SLOW)
    await ask()
    await begun()
    for (let other = 0; other < 2; other++) {
      const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ prompt: PROMPT }) }
      expect((await fetch(`${origin}/runs`, init)).status).toBe(201)
    }
    await page.reload()
    await says(/^Closed: .*404/)
  })
})
