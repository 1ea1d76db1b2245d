import type { EventStream } from '@tidings/core'

/** A message as a client reports it. */
export interface ReportedMessage {
  event: string
  /** The text of the data, as it came. */
  data: string
  lastEventId: string
}

/** A position with the data of all messages up to it. */
export interface StoredMessages {
  id: string
  state: readonly string[]
}

/** What the suite asks of a client. */
export interface ClientRequest {
  url: string
  /** Headers of each request. A client that cannot ask for them anew calls it once. */
  headers: () => Record<string, string>
  /** Milliseconds without a byte after which the client replaces a stream. */
  silence: number
  /** Whether the client gives its messages to a listener, or to a loop (`for await`). */
  by: 'listener' | 'loop'
  /** Whether a listener that throws `new Error('thrown')` comes first. */
  throws: boolean
  /**
   * Where the client keeps its position over a reload. The state is the data of all messages, as a list that begins
   * with the stored one. Where it is absent, the client keeps nothing.
   */
  store?: {
    /** Returns what was stored last. */
    get(): StoredMessages | undefined
    /** Stores a position with its messages in one step. */
    set(stored: StoredMessages): unknown
  }
  /** Called with each event named `message`. The listener or the loop awaits the promise that it may return. */
  onMessage: (message: ReportedMessage) => unknown
  /** Called once the client no longer reconnects, with the reason as far as the client tells it. */
  onStopped: (reason: unknown) => void
  /** Called with the text of each uncaught error, by a client that does not run in this process. */
  onUncaught: (text: string) => void
}

/** What a server does with one request: an answer without a stream, or what happens with its stream. */
export type ServedAnswer = { status: number; headers: Record<string, string>; body: string } | ((stream: ServedStream) => unknown)

/** The stream of a server, as far as the suite uses it. */
export type ServedStream = Pick<EventStream, 'send' | 'comment' | 'close' | 'onClose'>

/** A server for the cases, such as the app of a framework. */
export interface ServerForClients {
  /** Starts it on the loopback address. It asks for the answer to each request for its URL. */
  start(answer: (asked: { lastEventId: string; authorization: string }) => ServedAnswer): Promise<{
    /** Where a client asks. */
    url: string
    /** Stops the server. */
    close(): unknown
  }>
  /** Whether it speaks HTTP/1.1 without TLS, so that a proxy can cut its answers at any byte. */
  isPlain: boolean
}

/** A client of event streams, as the contract sees it. */
export interface ClientUnderTest {
  /** Part of the tests' names. */
  name: string
  /** Opens a stream. Returns the function that closes it. */
  open(request: ClientRequest): (() => unknown) | Promise<() => unknown>
  /**
   * The server that the client reads.
   * @default one on node:http that writes the bytes by itself
   */
  server?: ServerForClients
  /**
   * Cases that the client cannot pass, by their name (`'K2/503'`), each with the reason. Such a test fails once the
   * client passes it.
   * @default {}
   */
  cannot?: Readonly<Record<string, string>>
}
