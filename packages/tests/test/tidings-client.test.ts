import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { type Channel, createChannel } from '@tidings/core'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { rolldown } from 'rolldown'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { describeWith } from '../../../scripts/requirements.ts'
import { launchChromium } from '../support/browser.ts'
import { Child } from '../support/child.ts'
import { type Framework, frameworks } from '../support/frameworks.ts'
import { Site } from '../support/site.ts'

const NEWEST = ['Express 5', 'Koa 3', 'Hono']
const newest = frameworks.filter(({ name }) => NEWEST.includes(name)).map((each) => [each.name, each] as const)
// Milliseconds. A heartbeat comes within 1.25 times its interval.
const HEARTBEAT = 100
const SILENCE = 1_500

/** What the page of a test has. */
interface PageGlobals {
  tidings: typeof import('@tidings/client')
  seen: unknown[]
  states: string[]
  persisted: boolean
}
declare const self: PageGlobals

/** A site with a channel at `/scores`. */
class Scores {
  readonly channel: Channel<{ count: number }> = createChannel()
  readonly site: Site
  opened = 0
  open = 0
  #next = 0

  private constructor(site: Site) {
    this.site = site
    site.routes.set('/away', () => '<!doctype html><link rel="icon" href="data:,">')
    site.routes.set('/scores', () => (stream) => {
      this.opened++
      this.open++
      stream.onClose(() => this.open--)
      this.channel.subscribe(stream)
    })
  }

  static async serve(framework: Framework): Promise<Scores> {
    return new Scores(await Site.open(framework, { retry: 10, heartbeat: HEARTBEAT }))
  }

  get origin(): string {
    return `http://127.0.0.1:${this.site.port}`
  }

  /** Publishes the next numbers, and returns all so far. */
  publish(count: number): number[] {
    for (let index = 0; index < count; index++) this.channel.publish({ event: 'count', data: this.#next++ })
    return Array.from({ length: this.#next }, (_, index) => index)
  }

  async close(): Promise<void> {
    this.channel.close()
    await this.site.close()
  }
}

describeWith('chromium')('@tidings/client in Chromium', () => {
  let browser: Browser
  let script: string
  let context: BrowserContext
  let page: Page
  let scores: Scores

  beforeAll(async () => {
    const bundle = await rolldown({ input: createRequire(import.meta.url).resolve('@tidings/client'), logLevel: 'warn' })
    const { output } = await bundle.generate({ format: 'iife', name: 'tidings' })
    script = output[0].code
    browser = await launchChromium(['--disable-back-forward-cache'])
  })
  afterAll(() => browser?.close())

  /** Opens the page and its connection. */
  async function connect(): Promise<void> {
    await page.goto(scores.origin)
    await page.addScriptTag({ content: script })
    await page.evaluate((silence) => {
      self.seen = []
      self.states = []
      self.persisted = false
      window.addEventListener('pageshow', (event) => {
        self.persisted = event.persisted
      })
      const connection = self.tidings.connect<{ count: number }>('/scores', { silence })
      connection.subscribe(({ state }) => self.states.push(state))
      connection.on('count', ({ data }) => self.seen.push(data))
      connection.on('reset', ({ data }) => self.seen.push(data))
    }, SILENCE)
    await expect.poll(() => page.evaluate(() => self.states.at(-1))).toBe('open')
  }
  const seen = (): Promise<unknown[]> => page.evaluate(() => self.seen)

  describe.each(newest)('from %s', (_, framework) => {
    beforeEach(async () => {
      scores = await Scores.serve(framework)
      context = await browser.newContext()
      page = await context.newPage()
      await connect()
    })
    afterEach(async () => {
      await context.close()
      await scores.close()
      expect(scores.site.errors).toEqual([])
    })

    it('K1 resumes at each cut: each message once and in order', async () => {
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

    it('K4 a thread that is blocked for longer than `silence` replaces nothing', async () => {
      for (let time = 0; time < 2; time++) {
        await page.evaluate((duration) => {
          const end = Date.now() + duration
          while (Date.now() < end);
        }, SILENCE + 1_500)
        const all = scores.publish(1)
        await expect.poll(seen).toEqual(all)
      }
      expect(scores.opened).toBe(1)
    })
  })
})

describe.each(newest)('@tidings/client in Node, from %s', (_, framework) => {
  it('K4 a process that was frozen three times for longer than `silence` replaces nothing', async () => {
    const scores = await Scores.serve(framework)
    const child = new Child(process.execPath, [
      fileURLToPath(new URL('../fixtures/client-process.mjs', import.meta.url)),
      `${scores.origin}/scores`,
      String(SILENCE),
    ])
    try {
      await child.says('stdout', /open/)
      for (let time = 0; time < 3; time++) {
        child.signal('SIGSTOP')
        await new Promise((resolve) => setTimeout(resolve, SILENCE + 1_500))
        child.signal('SIGCONT')
        const last = scores.publish(1).at(-1)
        await child.says('stdout', new RegExp(`count ${last}`))
      }
      expect(child.stdout).toBe('connecting\nopen\ncount 0\ncount 1\ncount 2\n')
      expect(scores.opened).toBe(1)
    } finally {
      await child.end()
      await scores.close()
    }
  })
})
