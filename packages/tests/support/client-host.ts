import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import type { Client } from './clients.ts'
import { type Open, Reading, type Request, type Tell } from './reading.ts'
import type { Site } from './site.ts'

/** The place where a client runs: this process or a page of a browser. */
export interface ClientHost {
  read(client: Client, request: Request): Promise<Reading>
  close(): Promise<void>
}

export const inNode: ClientHost = {
  async read({ module }, request) {
    const { open }: { open: Open } = await import(new URL(`../fixtures/clients/${module}`, import.meta.url).href)
    const reading = new Reading()
    reading.close = open(request, reading.tell)
    return reading
  },
  async close() {},
}

const HERE = fileURLToPath(new URL('..', import.meta.url))
// The paths of packages: a browser does not look into node_modules.
const IMPORTS = {
  '@microsoft/fetch-event-source': '/files/node_modules/@microsoft/fetch-event-source/lib/esm/index.js',
  'reconnecting-eventsource': '/files/node_modules/reconnecting-eventsource/build/esm/reconnecting-eventsource.js',
  'sse.js': '/files/node_modules/sse.js/lib/sse.js',
}
const PAGE = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
<script type="importmap">${JSON.stringify({ imports: IMPORTS })}</script>
<script type="module" src="/files/fixtures/clients/page.mjs"></script>`

/** The functions by which the page and this process call each other. */
interface PageGlobals {
  openClient(module: string, request: Request, tell: Tell): Promise<() => void>
  tell(index: number, ...told: Parameters<Tell>): void
}

/** Opens a page of the site that loads the clients' modules from this package. Its clients report to this process. */
export async function inChromium(browser: Browser, site: Site): Promise<ClientHost> {
  const origin = `http://127.0.0.1:${site.port}`
  const readings: Reading[] = []
  site.routes.set('/clients', () => PAGE)
  const page = await browser.newPage()
  const tell: PageGlobals['tell'] = (index, told) => readings[index]?.tell(told)
  await page.exposeFunction('tell', tell)
  await serveFiles(page, origin)
  await page.goto(`${origin}/clients`)
  return {
    async read({ module }, request) {
      const reading = new Reading()
      const index = readings.push(reading) - 1
      const close = await page.evaluateHandle(
        ({ module, request, index }) => {
          const { openClient, tell } = window as unknown as PageGlobals
          return openClient(module, request, (told) => tell(index, told))
        },
        { module, request, index },
      )
      reading.close = () => close.evaluate((close) => close())
      return reading
    },
    close: () => page.close(),
  }
}

async function serveFiles(page: Page, origin: string): Promise<void> {
  await page.route(`${origin}/files/**`, (route) => {
    const path = HERE + new URL(route.request().url()).pathname.slice('/files/'.length)
    // Some packages are written for bundlers and import without an extension.
    return route.fulfill({ path: existsSync(path) ? path : `${path}.js`, contentType: 'text/javascript' })
  })
}
