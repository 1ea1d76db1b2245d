import { type ClientRequest, get, type IncomingMessage } from 'node:http'
import { createParser } from 'eventsource-parser'

/** A score as a machine sends it. */
export interface Score {
  number: number
  match: string
  minute: number
}

/** The process that serves a stream. */
export interface Served {
  name: string
  pid: number
}

/** One connection: who served it, and how it ended. */
export interface Connection extends Served {
  /** How long the server told the reader to stay away, whenever it did, in milliseconds. */
  retries: number[]
  /** `whole` where the response had its end, `cut` where it had none. */
  ended: 'not yet' | 'whole' | 'cut'
}

/** Stands in for a page: reads the scores, and reconnects with its last id whenever the stream ends. */
export class Reader {
  readonly scores: Score[] = []
  readonly ids: string[] = []
  /** The number of resets. */
  resets = 0
  readonly connections: Connection[] = []
  readonly #url: string
  #lastEventId = ''
  #request: ClientRequest | undefined
  #left = false

  constructor(origin: string) {
    this.#url = `${origin}/scores`
    this.#open()
  }

  /** Who serves it now. */
  get servedBy(): Served | undefined {
    const connection = this.connections.at(-1)
    return connection?.ended === 'not yet' ? connection : undefined
  }

  leave(): void {
    this.#left = true
    this.#request?.destroy()
  }

  #open(): void {
    if (this.#left) return
    const headers = this.#lastEventId === '' ? {} : { 'last-event-id': this.#lastEventId }
    const request = get(this.#url, { headers, agent: false })
    this.#request = request
    request.on('response', (response) => this.#read(response))
    request.on('error', () => {})
    // Sooner than `retry` says, so that the tests see many reconnects.
    request.on('close', () => setTimeout(() => this.#open(), 20 + Math.random() * 80))
  }

  #read(response: IncomingMessage): void {
    response.on('error', () => {})
    // nginx answers 502 if no machine answers.
    if (response.statusCode !== 200) return void response.resume()
    const connection: Connection = { name: '', pid: 0, retries: [], ended: 'not yet' }
    const parser = createParser({
      onEvent: ({ event, data, id }) => {
        if (id !== undefined) this.#lastEventId = id
        if (event === 'machine') this.connections.push(Object.assign(connection, JSON.parse(data) as Served))
        else if (event === 'reset') this.resets++
        else if (event === 'score') {
          this.scores.push(JSON.parse(data) as Score)
          this.ids.push(id ?? '')
        }
      },
      onRetry: (retry) => connection.retries.push(retry),
    })
    response.setEncoding('utf8').on('data', (chunk: string) => parser.feed(chunk))
    response.on('close', () => {
      connection.ended = response.complete ? 'whole' : 'cut'
    })
  }
}
