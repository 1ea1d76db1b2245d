import { type IncomingMessage, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

/** A request of a test. */
export interface Ask {
  method?: string
  headers?: Record<string, string>
  body?: string
  /** Whether the body is read. @default true */
  reads?: boolean
}

// The default limit, in milliseconds, of a wait for something that should come at once.
const SOON = 2_000

/** One request over its own connection: a reader that can leave, and that can refuse to read. */
export class Peer {
  readonly response: IncomingMessage
  text = ''
  /** Whether the body came to its clean end. */
  ended = false
  /** Whether the response has ended, cleanly or not. */
  closed = false

  static async ask(url: string, { method = 'GET', headers = {}, body, reads = true }: Ask = {}): Promise<Peer> {
    return new Promise((resolve, reject) => {
      const asking = request(url, { method, headers, agent: false }, (response) => resolve(new Peer(response, reads)))
      asking.once('error', reject)
      asking.setTimeout(10_000, () => asking.destroy(new Error(`${method} ${url} had no answer`)))
      asking.end(body)
    })
  }

  constructor(response: IncomingMessage, reads: boolean) {
    this.response = response
    // leave() causes an error on this side, which no test needs.
    response.on('error', () => {})
    response.once('end', () => {
      this.ended = true
    })
    response.once('close', () => {
      this.closed = true
    })
    if (reads) {
      response.setEncoding('utf8').on('data', (text: string) => {
        this.text += text
      })
    }
  }

  /** Resolves when the text that was read contains `wanted`. */
  async until(wanted: string, milliseconds?: number): Promise<void> {
    await eventually(
      () => this.text.includes(wanted),
      () => `${JSON.stringify(wanted)} in ${JSON.stringify(this.text.slice(-500))}`,
      milliseconds,
    )
  }

  async untilEnd(): Promise<string> {
    await eventually(
      () => this.ended,
      () => `the end after ${JSON.stringify(this.text.slice(-500))}`,
    )
    return this.text
  }

  leave(): void {
    this.response.destroy()
  }
}

/** Polls until `isSo` is true, since another process sends no event when its work is done. */
export async function eventually(isSo: () => unknown, what: () => string, milliseconds: number = SOON): Promise<void> {
  const from = performance.now()
  while (!(await isSo())) {
    if (performance.now() - from > milliseconds) throw new Error(`${what()} did not come within ${milliseconds} ms`)
    await sleep(10)
  }
}
