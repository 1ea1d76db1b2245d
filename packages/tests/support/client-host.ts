import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import type { Open, Request, Tell } from './reading.ts'

/**
 * The factor for the watchdog of a client in a page. The page and its server are two processes. On a busy machine the
 * comments of the server may be late.
 */
export const LATE = 2.5

/** The place where a client runs: this process or a page of a browser. */
export interface ClientHost {
  /** Opens the client of a module in fixtures/clients. Returns the function that closes it. */
  open(module: string, request: Request, tell: Tell): Promise<() => unknown>
  close(): Promise<void>
}

export const inNode: ClientHost = {
  async open(module, request, tell) {
    const { open }: { open: Open } = await import(new URL(`../fixtures/clients/${module}`, import.meta.url).href)
    return open(request, tell)
  },
  async close() {},
}

const HERE = fileURLToPath(new URL('..', import.meta.url))
// The paths of packages: a browser does not look into node_modules.
const IMPORTS = {
  '@microsoft/fetch-event-source': '/files/node_modules/@microsoft/fetch-event-source/lib/esm/index.js',
  '@tidings/client': '/files/node_modules/@tidings/client/dist/index.js',
  'eventsource-parser': '/files/node_modules/@tidings/client/node_modules/eventsource-parser/dist/index.js',
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
  headersFor(index: number): Promise<Record<string, string>>
}

/** Opens a page of the site that loads the clients' modules from this package. Its clients report to this process. */
export async function inChromium(browser: Browser, origin: string, onUncaught: (text: string) => void = () => {}): Promise<ClientHost> {
  const opened: { request: Request; tell: Tell }[] = []
  const page = await browser.newPage()
  page.on('pageerror', ({ message }) => onUncaught(message))
  const tell: PageGlobals['tell'] = (index, ...told) => opened[index]?.tell(...told)
  await page.exposeFunction('tell', tell)
  await page.exposeFunction('headersFor', (index: number) => opened[index]?.request.headers?.())
  await serveFiles(page, origin)
  await page.goto(`${origin}/clients`)
  return {
    async open(module, request, tell) {
      const { headers, ...given } = request
      const index = opened.push({ request, tell }) - 1
      const close = await page.evaluateHandle(
        ({ module, given, index, hasHeaders }) => {
          const { openClient, tell, headersFor } = window as unknown as PageGlobals
          return openClient(module, hasHeaders ? { ...given, headers: () => headersFor(index) } : given, (...told) => tell(index, ...told))
        },
        { module, given, index, hasHeaders: headers !== undefined },
      )
      return () => close.evaluate((close) => close())
    },
    close: () => page.close(),
  }
}

/** Answers for the page and the files of this package. Other requests go to the site. */
async function serveFiles(page: Page, origin: string): Promise<void> {
  await page.route(`${origin}/clients`, (route) => route.fulfill({ body: PAGE, contentType: 'text/html' }))
  await page.route(`${origin}/files/**`, (route) => {
    const path = HERE + new URL(route.request().url()).pathname.slice('/files/'.length)
    // Some packages are written for bundlers and import without an extension.
    return route.fulfill({ path: existsSync(path) ? path : `${path}.js`, contentType: 'text/javascript' })
  })
}
