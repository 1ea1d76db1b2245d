import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http'
import type { Readable } from 'node:stream'
import { constants, createGunzip } from 'node:zlib'

/** A client that collects the body as text, so that a test can wait for a part of it. */
export class Reader {
  text = ''
  /** Resolves with the response once its head has arrived. */
  readonly head: Promise<IncomingMessage>
  /** Resolves at a clean end of the body, and rejects when the body was cut. */
  readonly ended: Promise<void>
  readonly #request: ClientRequest
  #wake = (): void => {}

  constructor(url: string, headers: OutgoingHttpHeaders = {}) {
    this.#request = request(url, { agent: false, headers }).end()
    this.head = once(this.#request, 'response').then(([response]) => response)
    this.ended = this.head.then((response) => this.#read(response))
    this.head.catch(() => {})
    this.ended.catch(() => {})
  }

  /** Resolves as soon as the text ends with `suffix`. Rejects if the body ends before. */
  async endsWith(suffix: string): Promise<void> {
    const ended = this.ended.then(() => {
      if (!this.text.endsWith(suffix)) throw new Error(`ended without ${JSON.stringify(suffix)}: ${JSON.stringify(this.text)}`)
    })
    while (!this.text.endsWith(suffix)) {
      const arrived = new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      await Promise.race([arrived, ended])
    }
    ended.catch(() => {})
  }

  /** Destroys the connection. */
  leave(): void {
    this.#request.destroy()
  }

  async #read(response: IncomingMessage): Promise<void> {
    const body: Readable = response.headers['content-encoding'] === 'gzip' ? response.pipe(createGunzip({ finishFlush: constants.Z_SYNC_FLUSH })) : response
    response.on('error', (error) => body.destroy(error))
    body.setEncoding('utf8').on('data', (text: string) => {
      this.text += text
      this.#wake()
    })
    await once(body, 'end')
    if (!response.complete) throw new Error('the body was cut')
  }
}
