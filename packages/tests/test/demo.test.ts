import { fileURLToPath } from 'node:url'
import type { Browser, Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeWith } from '../../../scripts/requirements.ts'
import { launchChromium } from '../support/browser.ts'
import { Child } from '../support/child.ts'

const SERVER = fileURLToPath(new URL('../../../examples/newsroom/server.js', import.meta.url))
const ARTIFACTS = fileURLToPath(new URL('../.artifacts/', import.meta.url))
const DESKS = ['express', 'koa', 'hono']

describeWith('chromium')('The newsroom', () => {
  let server: Child
  let browser: Browser
  let page: Page
  /** The errors and warnings of the page. */
  const complaints: string[] = []

  beforeAll(async () => {
    server = new Child(process.execPath, [SERVER], { env: { ...process.env, PORT: '0' } })
    const [address] = await server.says('stdout', /http:\/\/localhost:\d+/)
    browser = await launchChromium()
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
    })
    page.on('pageerror', (error) => complaints.push(String(error)))
    await page.goto(address)
  })
  afterAll(async () => {
    await browser?.close()
    await server?.end()
  })

  const live = (desk: string): Locator => page.locator(`#${desk}[data-state=open]`)
  const posted = (desk: string, text: string): Locator => page.locator(`#${desk} .headlines .posted`, { hasText: text })
  const show = (name: string): Promise<unknown> => page.screenshot({ path: `${ARTIFACTS}newsroom-${name}.png`, fullPage: true })

  it('is live in all columns', async () => {
    for (const desk of DESKS) await live(desk).waitFor()
    await page.locator('#express .headlines li').first().waitFor()
    await page.locator('#matches li').first().waitFor()
    await page.locator('#gauges svg').first().waitFor()
    // No headline was sent yet, so the first text still stands.
    expect(await page.locator('#outcome').textContent()).toMatch(/^It goes to Express/)
    await show('live')
  })

  it('shows a headline from the form in all columns', async () => {
    await post('Snow expected in all three departments')
    for (const desk of DESKS) await posted(desk, 'Snow expected').waitFor()
    await page.locator('#outcome', { hasText: /Express \d.*Koa \d.*Hono \d/ }).waitFor()
    await post('   ')
    expect(await page.locator('#text:invalid').count()).toBe(1)
    await show('posted')
  })

  it('C15 shows the headline that came while the page was hidden, once it has the current state alone', async () => {
    // The columns begin anew, with the state.
    await page.reload()
    for (const desk of DESKS) await posted(desk, 'Snow expected').waitFor()
    await hide(true)
    for (const desk of DESKS) await page.locator(`#${desk}[data-state=paused]`).waitFor()
    const response = await fetch(new URL('/headlines', page.url()), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ text: 'Read by nobody at first' }),
    })
    expect(response.status).toBe(201)
    await hide(false)
    for (const desk of DESKS) {
      await posted(desk, 'Read by nobody').waitFor()
      await page.locator(`#${desk} .log`, { hasText: /Back after [\d,]+ ms with Last-Event-ID [\w.~…-]+: \d+ missed/ }).waitFor()
      expect(await posted(desk, 'Read by nobody').count()).toBe(1)
      // Another state would show it twice.
      expect(await posted(desk, 'Snow expected').count()).toBeLessThan(2)
    }
  })

  it.each(DESKS)('shows the headline that the column of %s missed while it was cut', async (desk) => {
    const text = `News while ${desk} was away`
    await page.locator(`#${desk}`).getByRole('button', { name: 'Cut this connection' }).click()
    await page.locator(`#${desk}[data-state=waiting]`).waitFor()
    await post(text)
    await live(desk).waitFor()
    await page.locator(`#${desk} .log`, { hasText: /Back after [\d,]+ ms with Last-Event-ID [\w.~…-]+:/ }).waitFor()
    for (const each of DESKS) {
      await posted(each, text).waitFor()
      expect(await posted(each, text).count()).toBe(1)
    }
    await show(`${desk}-back`)
  })

  it('shows the headline that a column missed in ten seconds', async () => {
    await page.locator('#hono').getByRole('button', { name: 'Drop me for 10 s' }).click()
    await page.locator('#hono[data-state=waiting]').waitFor()
    await page.locator('#hono .status', { hasText: /^Next attempt at \d\d:\d\d:\d\d.*the server ended the stream$/ }).waitFor()
    await show('waiting')
    await post('News of a long absence')
    await posted('koa', 'long absence').waitFor()
    expect(await posted('hono', 'long absence').count()).toBe(0)
    await live('hono').waitFor()
    await page.locator('#hono .log', { hasText: /Back after 1\d,\d{3} ms with Last-Event-ID [\w.~…-]+: \d+ missed headlines? ha/ }).waitFor()
    expect(await posted('hono', 'long absence').count()).toBe(1)
    await show('ten-seconds')
  })

  it('skips outdated messages while it reads slowly', async () => {
    const koa = page.locator('#koa')
    const skipped = async (): Promise<number> => Number((await page.locator('#skipped').textContent())?.match(/(\d+) skipped/)?.[1] ?? 0)
    const before = await skipped()
    await koa.getByRole('button', { name: 'Be a slow reader' }).click()
    await expect.poll(skipped).toBeGreaterThan(before + 3)
    await show('slow')
    await koa.getByRole('button', { name: 'Read at full speed' }).click()
    await live('koa').waitFor()
  })

  it('tells all columns of a new epoch, and shows the current state', async () => {
    await page.getByRole('button', { name: 'Begin a new epoch' }).click()
    for (const desk of DESKS) await page.locator(`#${desk} .log`, { hasText: /Reset \(unknown\)/ }).waitFor()
    await post('First news of the new epoch')
    for (const desk of DESKS) await posted(desk, 'new epoch').waitFor()
    await show('new-epoch')
  })

  it('says why a column is closed', async () => {
    const other = await browser.newPage()
    await other.route('**/hono/events?*', (route) => route.fulfill({ status: 403, body: 'no' }))
    await other.goto(page.url())
    await other.locator('#hono[data-state=closed] .status', { hasText: /^Closed.*403/ }).waitFor()
    for (const desk of ['express', 'koa']) await other.locator(`#${desk}[data-state=open]`).waitFor()
    await other.screenshot({ path: `${ARTIFACTS}newsroom-closed.png` })
    await other.close()
  })

  it('fits a narrow screen', async () => {
    await page.emulateMedia({ colorScheme: 'dark' })
    await show('dark')
    await page.setViewportSize({ width: 390, height: 844 })
    await show('narrow')
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390)
  })

  it('causes no error in the page or the server, and ends at SIGTERM', async () => {
    expect(complaints).toEqual([])
    server.signal('SIGTERM')
    expect(await server.exited).toEqual({ code: 0, signal: null })
    expect(server.stderr).toBe('')
    for (const desk of DESKS) await page.locator(`#${desk}[data-state=waiting] .status`, { hasText: 'No response' }).waitFor()
    await show('no-server')
    // After the clean end the page reconnects, but the server is gone.
    expect(complaints.filter((text) => !text.includes('ERR_CONNECTION_REFUSED'))).toEqual([])
  })

  /** Hides the page, or shows it again, as far as its script can tell. */
  async function hide(isHidden: boolean): Promise<void> {
    await page.evaluate((hidden) => {
      Object.defineProperty(document, 'hidden', { value: hidden, configurable: true })
      document.dispatchEvent(new Event('visibilitychange'))
    }, isHidden)
  }

  async function post(text: string): Promise<void> {
    await page.locator('#text').fill(text)
    await page.getByRole('button', { name: 'Send to all three' }).click()
  }
})
