import { type Channel, createChannel } from '@tidings/core'
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import type { Framework } from './frameworks.ts'
import { Site } from './site.ts'

// Milliseconds. A heartbeat comes within 1.25 times its interval.
const HEARTBEAT = 100
/** Milliseconds. The `silence` of the clients. */
export const SILENCE = 1_500
/** Milliseconds. The time for which threads and processes stand still. */
export const LONGER_THAN_SILENCE = SILENCE + 1_500

/** What the page of a test has. */
export interface ScoresPage {
  tidings: typeof import('@tidings/client')
  seen: unknown[]
  states: string[]
  persisted: boolean
  /** Keeps the bytes of streams back for a little longer than `silence`. */
  hold(): void
}
declare const self: ScoresPage

/** A site with a channel at `/scores`. */
export class Scores {
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

/** Opens a page and its connection. */
export async function connectPage(page: Page, scores: Scores, script: string): Promise<void> {
  await page.goto(scores.origin)
  await page.addScriptTag({ content: script })
  await page.evaluate((silence) => {
    self.seen = []
    self.states = []
    self.persisted = false
    window.addEventListener('pageshow', (event) => {
      self.persisted = event.persisted
    })
    let held: Promise<void> | undefined
    self.hold = () => {
      held = new Promise((resolve) => setTimeout(resolve, silence + 100))
    }
    async function fetchHeld(url: string, init: RequestInit): Promise<Response> {
      const { body, headers } = await fetch(url, init)
      const gate = new TransformStream<Uint8Array, Uint8Array>({
        async transform(bytes, controller) {
          await held
          controller.enqueue(bytes)
        },
      })
      return new Response(body?.pipeThrough(gate) ?? null, { headers })
    }
    const connection = self.tidings.connect<{ count: number }>('/scores', { silence, fetch: fetchHeld })
    connection.subscribe(({ state }) => self.states.push(state))
    connection.on('count', ({ data }) => self.seen.push(data))
    connection.on('reset', ({ data }) => self.seen.push(data))
  }, SILENCE)
  await expect.poll(() => page.evaluate(() => self.states.at(-1))).toBe('open')
}

/**
 * Blocks the thread of a page for longer than `silence`. The bytes that came in that time are read after the timers
 * that are due, as they are when a computer wakes up before its network.
 *
 * @param halt is called with the thread blocked, and returns what ends that
 */
export async function blockPage(page: Page, scores: Scores, halt?: () => Promise<() => void>): Promise<void> {
  scores.site.handOver('/block')
  const opened = scores.site.nextStream('/block')
  const unblocked = page.evaluate(() => {
    self.hold()
    const request = new XMLHttpRequest()
    request.open('GET', '/block', false)
    request.send()
  })
  const { stream } = await opened
  const goOn = await halt?.()
  await new Promise((resolve) => setTimeout(resolve, LONGER_THAN_SILENCE))
  goOn?.()
  stream.close()
  await unblocked
}
