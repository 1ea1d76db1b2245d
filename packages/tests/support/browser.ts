import { type Browser, chromium, type Page } from 'playwright-core'
import { BINARIES } from '../../../scripts/requirements.ts'

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
