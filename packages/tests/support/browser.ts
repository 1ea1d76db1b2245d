import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { BINARIES } from '../../../scripts/requirements.ts'
import { Child } from './child.ts'

/** An event that the page's `EventSource` dispatched. */
export interface Dispatched {
  type: string
  data: string
  lastEventId: string
}

/** @param enabled arguments with which Playwright turns something off, and which are left out */
export function launchChromium(enabled: string[] = []): Promise<Browser> {
  return chromium.launch({
    ignoreDefaultArgs: enabled,
    executablePath: BINARIES.chromium,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}

/** A browser whose pages are hidden behind other tabs, and whose timers are then throttled, as those of users are. */
export async function launchPlainChromium(): Promise<{ browser: Browser; close(): Promise<void> }> {
  const profile = await mkdtemp(join(tmpdir(), 'tidings-chromium-'))
  const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', '--remote-debugging-port=0', `--user-data-dir=${profile}`]
  const child = new Child(BINARIES.chromium, [...flags, 'about:blank'])
  const close = async (): Promise<void> => {
    await child.end()
    await rm(profile, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    const [, endpoint = ''] = await child.says('stderr', /DevTools listening on (ws:\S+)/)
    // With its defaults, Playwright makes each page believe that it is in front.
    const browser = await chromium.connectOverCDP(endpoint, { noDefaults: true })
    return {
      browser,
      async close() {
        await browser.close()
        await close()
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Stops the processes of all pages, as a computer that sleeps does. Returns what lets them go on. */
export async function freezePages(browser: Browser): Promise<() => void> {
  const session = await browser.newBrowserCDPSession()
  const { processInfo } = await session.send('SystemInfo.getProcessInfo')
  await session.detach()
  const pages = processInfo.filter(({ type }) => type === 'renderer')
  for (const { id } of pages) process.kill(id, 'SIGSTOP')
  return () => {
    for (const { id } of pages) process.kill(id, 'SIGCONT')
  }
}

/** The event at which {@link eventsOf} stops collecting. */
export const LAST = 'that was all'

/** Opens an `EventSource` in the page and collects its events of these names, until {@link LAST}. */
export function eventsOf(page: Page, path: string, names: readonly string[]): Promise<Dispatched[]> {
  return page.evaluate(
    ({ path, names, last }) =>
      new Promise<Dispatched[]>((resolve, reject) => {
        const source = new EventSource(path)
        const seen: Dispatched[] = []
        for (const name of names) {
          source.addEventListener(name, ({ type, data, lastEventId }) => seen.push({ type, data, lastEventId }))
        }
        source.addEventListener(last, () => {
          source.close()
          resolve(seen)
        })
        source.onerror = () => reject(new Error(`the stream ended after ${JSON.stringify(seen)}`))
      }),
    { path, names, last: LAST },
  )
}

/** Opens an `EventSource` and resolves with its events once it no longer reconnects. */
export function eventsUntilGivenUp(page: Page, path: string): Promise<Dispatched[]> {
  return page.evaluate(
    (path) =>
      new Promise<Dispatched[]>((resolve) => {
        const source = new EventSource(path)
        const seen: Dispatched[] = []
        source.onmessage = ({ type, data, lastEventId }) => seen.push({ type, data, lastEventId })
        // After a broken connection readyState is CONNECTING. CLOSED is final (WHATWG HTML 9.2.3).
        source.onerror = () => {
          if (source.readyState === EventSource.CLOSED) resolve(seen)
        }
      }),
    path,
  )
}

/**
 * The protocol by which the browser loaded a resource. Its performance entry comes once the resource has ended, so
 * this waits for it.
 */
export function protocolOf(page: Page, path: string): Promise<string> {
  return page.evaluate(
    (path) =>
      new Promise<string>((resolve) => {
        const observer = new PerformanceObserver((list) => {
          const entry = list.getEntriesByName(new URL(path, location.href).href)[0] as PerformanceResourceTiming | undefined
          if (!entry) return
          observer.disconnect()
          resolve(entry.nextHopProtocol)
        })
        observer.observe({ type: 'resource', buffered: true })
      }),
    path,
  )
}
