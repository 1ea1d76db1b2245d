import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeWith } from '../../../scripts/requirements.ts'
import { launchChromium } from '../support/browser.ts'
import { Child } from '../support/child.ts'

const SERVER = fileURLToPath(new URL('../../../examples/hypermedia/server.js', import.meta.url))
const LIBRARIES = ['htmx2', 'htmx4', 'turbo', 'datastar']

describeWith('chromium')('The harbour', () => {
  let browser: Browser
  let server: Child
  let origin = ''

  beforeAll(async () => {
    browser = await launchChromium()
    await start()
  })
  afterAll(async () => {
    await browser?.close()
    await server?.end()
  })

  describe.each(LIBRARIES)('on the page of %s', (library) => {
    let page: Page
    /** The errors and warnings of the page, and its requests to other origins. */
    const complaints: string[] = []

    beforeAll(async () => {
      page = await browser.newPage()
      page.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
      })
      page.on('pageerror', (error) => complaints.push(String(error)))
      page.on('request', (request) => {
        if (!/^data:/.test(request.url()) && !request.url().startsWith(origin)) complaints.push(`loads ${request.url()}`)
      })
      // Delays one script until the page is parsed and the other scripts have run.
      await page.route('**/libraries/*sse.js', async (route) => {
        await new Promise((resolve) => setTimeout(resolve, 300))
        await route.continue()
      })
    })
    afterAll(() => page?.close())

    it('shows the ships in the harbour, and each ship that arrives', async () => {
      await begin()
      await arrive('Albatros')
      await page.goto(`${origin}/${library}`)
      await shows('Albatros')
      await arrive('Götheborg 📰')
      await shows('Albatros', 'Götheborg 📰')
      await arrive('<b>Bold & "Fast"</b>')
      await shows('Albatros', 'Götheborg 📰', '<b>Bold & "Fast"</b>')
      for (const ship of ['Calypso', 'Dar Pomorza', 'Eendracht']) await arrive(ship)
      await shows('Götheborg 📰', '<b>Bold & "Fast"</b>', 'Calypso', 'Dar Pomorza', 'Eendracht')
      expect(complaints).toEqual([])
    })

    it('reconnects after a restart of the server', async () => {
      await begin()
      await shows()
      await arrive('Hikawa Maru')
      await shows('Hikawa Maru')
    })

    /** Expects the whole text of the board, with the spaces and line ends between its elements. */
    async function shows(...ships: string[]): Promise<void> {
      const lines = ships.map((ship) => `    ${ship}\n`).join('')
      await expect.poll(() => page.locator('#board').evaluate((board) => board.textContent)).toBe(`\n  In the harbour: ${ships.length}\n  \n${lines}  \n`)
      expect(await page.locator('#board').count()).toBe(1)
    }
  })

  async function start(port = '0'): Promise<void> {
    server = new Child(process.execPath, [SERVER], { env: { ...process.env, PACE: '0', PORT: port } })
    ;[origin] = await server.says('stdout', /http:\/\/localhost:\d+/)
  }

  /** Restarts the server at the same address. */
  async function begin(): Promise<void> {
    server.signal('SIGTERM')
    expect(await server.exited).toEqual({ code: 0, signal: null })
    expect(server.stderr).toBe('')
    await start(new URL(origin).port)
  }

  async function arrive(ship: string): Promise<void> {
    expect((await fetch(`${origin}/ships`, { method: 'POST', body: new URLSearchParams({ ship }) })).status).toBe(204)
  }
})
