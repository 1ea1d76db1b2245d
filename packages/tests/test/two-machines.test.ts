import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeWith } from '../../../scripts/requirements.ts'
import { launchChromium } from '../support/browser.ts'
import { Child } from '../support/child.ts'

const FOLDER = fileURLToPath(new URL('../../../examples/two-machines', import.meta.url))

describeWith(
  'chromium',
  'nginx',
  'redis-server',
)('The page of two machines', () => {
  let browser: Browser
  let example: Child
  let page: Page
  /** The uncaught errors of the page's scripts. */
  const failures: string[] = []

  beforeAll(async () => {
    browser = await launchChromium()
    example = new Child(process.execPath, ['start.js'], { cwd: FOLDER, env: { ...process.env, PORT: '0', PACE: '50', REDIS_URL: '' } })
    const [origin] = await example.says('stdout', /http:\S+/)
    page = await browser.newPage()
    page.on('pageerror', (error) => failures.push(String(error)))
    await page.goto(origin)
  })
  afterAll(async () => {
    await browser?.close()
    // It first ends its own child processes. end() would kill it after two seconds.
    example?.signal('SIGTERM')
    await example?.exited
    await example?.end()
  })

  const shows = async (id: string): Promise<string> => (await page.textContent(`#${id}`)) ?? ''
  const isServedBy = (name: string) => expect.poll(() => shows('machine')).toBe(name)

  async function hasMore(): Promise<void> {
    const enough = Number(await shows('received')) + 20
    await expect.poll(async () => Number(await shows('received'))).toBeGreaterThan(enough)
  }

  async function expectNothingLost(): Promise<void> {
    await hasMore()
    expect(await Promise.all(['skipped', 'repeated', 'resets'].map(shows))).toEqual(['0', '0', '0'])
    expect(failures).toEqual([])
  }

  it.each(['kill', 'restart'])('goes on from the other machine at %s', async (how) => {
    await hasMore()
    const name = await shows('machine')
    const before = example.stdout.length
    await page.click(`[data-path="${name}/${how}"]`)
    await isServedBy(name === 'express' ? 'hono' : 'express')
    await expect.poll(() => example.stdout.slice(before)).toMatch(new RegExp(`${name} serves on port`))
    await expectNothingLost()
  })

  it('goes on after both machines were gone, when an EventSource gives up', async () => {
    await hasMore()
    const refused = page.waitForResponse((response) => response.url().includes('/scores') && response.status() === 502)
    const before = await shows('connections')
    for (const name of ['express', 'hono']) await page.click(`[data-path="${name}/kill"]`)
    await refused
    await expect.poll(() => shows('connections')).not.toBe(before)
    await expectNothingLost()
  })
})
