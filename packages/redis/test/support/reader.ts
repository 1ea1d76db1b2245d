import { type ClientRequest, get, type IncomingMessage } from 'node:http'
import { createParser } from 'eventsource-parser'

/** The events of a page in order: a message with its id, or a reset. */
export type Seen = { readonly id: string; readonly data: string } | { readonly reset: string }

/** Stands in for a page: reads a stream, and reconnects with its last id whenever the stream ends. */
export class Reader {
  readonly seen: Seen[] = []
  /** The number of its connections. */
  opened = 0
  /** The number of connections that ended. */
  drops = 0
  heartbeats = 0
  /** The id of its position, or `''` before the first. */
  lastEventId = ''
  readonly #ports: () => readonly number[]
  readonly #path: string
  #request: ClientRequest | undefined
  #left = false

  /** @param ports where it may connect, one of them at random each time */
  constructor(ports: () => readonly number[], path = '/') {
    this.#ports = ports
    this.#path = path
    this.#open()
  }

  get messages(): { id: string; data: string }[] {
    return this.seen.flatMap((each) => ('id' in each ? [each] : []))
  }

  get resets(): string[] {
    return this.seen.flatMap((each) => ('reset' in each ? [each.reset] : []))
  }

  /** Cuts its connection at any byte. */
  drop(): void {
    this.#request?.destroy()
  }

  leave(): void {
    this.#left = true
    this.drop()
  }

  #open(): void {
    if (this.#left) return
    const ports = this.#ports()
    const port = ports[Math.floor(Math.random() * ports.length)] as number
    const headers = this.lastEventId === '' ? {} : { 'last-event-id': this.lastEventId }
    const request = get({ port, host: '127.0.0.1', path: this.#path, headers, agent: false })
    this.#request = request
    request.on('response', (response) => this.#read(response))
    request.on('error', () => {})
    request.on('close', () => {
      this.drops++
      setTimeout(() => this.#open(), 5 + Math.random() * 30)
    })
  }

  #read(response: IncomingMessage): void {
    this.opened++
    const parser = createParser({
      onEvent: ({ event, data, id }) => {
        if (id !== undefined) this.lastEventId = id
        if (event === 'reset') this.seen.push({ reset: (JSON.parse(data) as { reason: string }).reason })
        else this.seen.push({ id: id ?? '', data })
      },
      onComment: () => this.heartbeats++,
    })
    let text = ''
    response.setEncoding('utf8')
    response.on('data', (chunk: string) => {
      parser.feed(chunk)
      // Blocks of an id alone, which this parser passes over and a browser does not.
      text = (text + chunk).slice(-400)
      const position = /(?:^|\n\n)id: ([^\n]+)\n\n$/.exec(text)?.[1]
      if (position !== undefined) this.lastEventId = position
    })
    response.on('error', () => {})
  }
}

/** The epoch and the offset of an id. */
export function placeOf(id: string): { epoch: string; offset: number } {
  const [epoch = '', , offset] = id.split('-')
  return { epoch, offset: Number(offset) }
}

/**
 * What is wrong with what a page saw, given what was published under which id: a message that is not the next one,
 * unless a reset came between, or that is not what was published.
 */
export function faultsOf(seen: readonly Seen[], publishedById: ReadonlyMap<string, string>): string[] {
  const faults: string[] = []
  let before: { epoch: string; offset: number } | undefined
  for (const each of seen) {
    if ('reset' in each) {
      before = undefined
      continue
    }
    const place = placeOf(each.id)
    if (before && (place.epoch !== before.epoch || place.offset !== before.offset + 1))
      faults.push(`${before.epoch}-${before.offset} was followed by ${place.epoch}-${place.offset}`)
    const published = publishedById.get(each.id)
    if (published !== undefined && published !== each.data) faults.push(`${each.id} was published as ${published} and read as ${each.data}`)
    before = place
  }
  return faults
}

// Milliseconds. It only ends a test that hangs. It is shorter than the test's own limit, so that the failure says what
// is missing.
const LONGEST = 90_000

/** Waits until `holds` is true. Rejects after a time, in milliseconds, and says what was missing. */
export async function until(holds: () => boolean | Promise<boolean>, what: () => string, milliseconds = LONGEST): Promise<void> {
  const end = performance.now() + milliseconds
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not within ${milliseconds} ms: ${what()}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
