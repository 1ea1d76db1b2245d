import { type IncomingMessage, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

/** What a test asks for. */
export interface Ask {
  method?: string
  headers?: Record<string, string>
  body?: string
  /** @default true */
  reads?: boolean
}

// As long as anything may take that comes at once.
const SOON = 2_000

/** One request over a connection of its own, as a reader that can also not read and leave. */
export class Peer {
  readonly response: IncomingMessage
  text = ''
  /** Whether the server has ended it whole. */
  ended = false
  /** Whether it is over, whole or cut. */
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
    // Whoever leaves has an error on its own side, which is nobody's business.
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

  /** Resolves when what was read contains `wanted`. */
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

/** Asks until it is so; what others do in processes of their own tells nobody when it is done. */
export async function eventually(isSo: () => unknown, what: () => string, milliseconds: number = SOON): Promise<void> {
  const from = performance.now()
  while (!(await isSo())) {
    if (performance.now() - from > milliseconds) throw new Error(`${what()} did not come within ${milliseconds} ms`)
    await sleep(10)
  }
}
