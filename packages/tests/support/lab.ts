import { EventEmitter, once } from 'node:events'
import type { StreamOptions } from '@tidings/core'
import type { Browser } from 'playwright-core'
import { type ClientHost, inChromium, inNode } from './client-host.ts'
import type { Client } from './clients.ts'
import type { Answer, Framework, Visit } from './frameworks.ts'
import { Reading, type Request } from './reading.ts'
import { Site } from './site.ts'

/** The visits to one route. */
export interface Visits {
  seen: Visit[]
  /** Resolves at the visit with this number, counted from 1. */
  until(count: number): Promise<void>
}

/** One client and the server of one framework. */
export class Lab {
  readonly site: Site
  readonly #client: Client
  readonly #host: ClientHost
  readonly #readings = new Set<Reading>()

  private constructor(client: Client, site: Site, host: ClientHost) {
    this.#client = client
    this.site = site
    this.#host = host
  }

  /** @param browser called only for a client that runs in a browser */
  static async open(client: Client, framework: Framework, options: StreamOptions, browser: () => Promise<Browser>): Promise<Lab> {
    const site = await Site.open(framework, options)
    return new Lab(client, site, client.runsIn === 'chromium' ? await inChromium(await browser(), `http://127.0.0.1:${site.port}`) : inNode)
  }

  get origin(): string {
    return `http://127.0.0.1:${this.site.port}`
  }

  async read(path: string, options: Partial<Request> = {}): Promise<Reading> {
    const reading = new Reading()
    reading.close = await this.#host.open(this.#client.module, { url: this.origin + path, names: ['message'], ...options }, reading.tell)
    this.#readings.add(reading)
    return reading
  }

  /** A route that answers each visit by its number, from 1. */
  visitsTo(path: string, answer: (count: number) => Answer): Visits {
    const arrivals = new EventEmitter()
    const seen: Visit[] = []
    this.site.routes.set(path, (visit) => {
      const count = seen.push(visit)
      arrivals.emit('visit')
      return answer(count)
    })
    return {
      seen,
      async until(count) {
        while (seen.length < count) await once(arrivals, 'visit')
      },
    }
  }

  /** Closes the clients, and keeps the site. */
  async rest(): Promise<void> {
    for (const reading of this.#readings) await reading.close()
    this.#readings.clear()
  }

  async close(): Promise<void> {
    await this.rest()
    await this.#host.close()
    await this.site.close()
  }
}
