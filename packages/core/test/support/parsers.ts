import { createParser } from 'eventsource-parser'

/** One event as a page's listener would see it. */
export interface Dispatched {
  type: string
  data: string
  lastEventId: string
}

/** The result of a client that has read the bytes of a stream. */
export interface Received {
  events: Dispatched[]
  /** The id that the client would return as `Last-Event-ID`. */
  lastEventId: string
  reconnectionTime: number | undefined
}

/**
 * "Parsing an event stream" and "Interpreting an event stream" of WHATWG HTML 9.2.6, step by step and for no other
 * aim than to be compared with the text. Takes bytes as they come, in pieces of any size.
 */
export class EventStreamParser implements Received {
  readonly events: Dispatched[] = []
  lastEventId = ''
  reconnectionTime: number | undefined

  /** "UTF-8 decode", which strips one leading BOM. */
  readonly #decoder = new TextDecoder('utf-8')
  #line = ''
  #endedByCarriageReturn = false
  #data = ''
  #eventType = ''
  #lastEventIdBuffer = ''

  feed(bytes: Uint8Array): void {
    for (const character of this.#decoder.decode(bytes, { stream: true })) {
      // A line ends with CRLF, LF or CR: an LF after a CR belongs to the line that has ended already.
      const secondHalf = character === '\n' && this.#endedByCarriageReturn
      this.#endedByCarriageReturn = character === '\r'
      if (secondHalf) continue
      if (character === '\r' || character === '\n') {
        const line = this.#line
        this.#line = ''
        this.#interpret(line)
      } else {
        this.#line += character
      }
    }
  }

  #interpret(line: string): void {
    const colon = line.indexOf(':')
    if (line === '') this.#dispatch()
    else if (colon === -1) this.#process(line, '')
    else if (colon > 0) {
      const value = line.slice(colon + 1)
      this.#process(line.slice(0, colon), value.startsWith(' ') ? value.slice(1) : value)
    }
  }

  #process(field: string, value: string): void {
    if (field === 'event') this.#eventType = value
    else if (field === 'data') this.#data += `${value}\n`
    else if (field === 'id') {
      if (!value.includes('\0')) this.#lastEventIdBuffer = value
    } else if (field === 'retry') {
      if (/^[0-9]+$/.test(value)) this.reconnectionTime = Number.parseInt(value, 10)
    }
  }

  #dispatch(): void {
    this.lastEventId = this.#lastEventIdBuffer
    const data = this.#data
    const type = this.#eventType || 'message'
    this.#data = ''
    this.#eventType = ''
    if (data === '') return
    this.events.push({ type, data: data.endsWith('\n') ? data.slice(0, -1) : data, lastEventId: this.lastEventId })
  }
}

/**
 * One event as `eventsource-parser` gives it: what its own block says, where a page sees what the stream has said so
 * far.
 */
export interface ParsedEvent {
  event: string | undefined
  data: string
  id: string | undefined
}

/** `eventsource-parser`, fed with bytes. */
export class PopularParser {
  readonly events: ParsedEvent[] = []
  /** What it found odd: fields that it does not know, a `retry` that is no number. */
  readonly complaints: string[] = []
  reconnectionTime: number | undefined

  readonly #decoder = new TextDecoder()
  readonly #parser = createParser({
    onEvent: ({ event, data, id }) => this.events.push({ event, data, id }),
    onRetry: (milliseconds) => {
      this.reconnectionTime = milliseconds
    },
    onError: ({ message }) => this.complaints.push(message),
  })

  feed(bytes: Uint8Array): void {
    this.#parser.feed(this.#decoder.decode(bytes, { stream: true }))
  }
}

const utf8 = new TextEncoder()

/** The events that a page sees of a whole stream. */
export function received(stream: string | Uint8Array): Received {
  const parser = new EventStreamParser()
  parser.feed(typeof stream === 'string' ? utf8.encode(stream) : stream)
  return { events: parser.events, lastEventId: parser.lastEventId, reconnectionTime: parser.reconnectionTime }
}
