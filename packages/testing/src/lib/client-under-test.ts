/** A message as a client reports it. */
export interface ReportedMessage {
  event: string
  /** The text of the data, as it came. */
  data: string
  lastEventId: string
}

/** What the suite asks of a client. */
export interface ClientRequest {
  url: string
  /** Headers of each request. A client that cannot ask for them anew calls it once. */
  headers: () => Record<string, string>
  /** Milliseconds without a byte after which the client replaces a stream. */
  silence: number
  /** Called with each event named `message`. */
  onMessage: (message: ReportedMessage) => void
  /** Called once the client no longer reconnects, with the reason as far as the client tells it. */
  onStopped: (reason: unknown) => void
}

/** A client of event streams, as the contract sees it. */
export interface ClientUnderTest {
  /** Part of the tests' names. */
  name: string
  /** Opens a stream. Returns the function that closes it, and may return a promise, which is awaited. */
  open(request: ClientRequest): () => unknown
  /**
   * Cases that the client cannot pass, by their name (`'K2/503'`), each with the reason. Such a test fails once the
   * client passes it.
   * @default {}
   */
  cannot?: Readonly<Record<string, string>>
}
