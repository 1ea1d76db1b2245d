/** A message as a channel gives it to its log. It is encoded, so that every process writes the same bytes. */
export interface LogMessage {
  /** Its block on the wire, without the id and the closing blank line. Each line ends with LF. */
  readonly block: string
  /** The name of its event; `'message'` where it has none. */
  readonly event: string
  /** The text of its `data`. */
  readonly data: string
  /** True where text or bytes were published. False where `data` is a serialised value. */
  readonly isText: boolean
  readonly topic: string | undefined
  /** Its topics beside `topic`, each once. Unset: none. */
  readonly moreTopics?: readonly string[] | undefined
  /** A newer message of the same key supersedes this one for readers that conflate. */
  readonly key: string | undefined
}

/** A message in a log. */
export interface LogEntry extends LogMessage {
  /** At most 80 characters of `[A-Za-z0-9._-]`. Only its log knows what they mean. */
  readonly id: string
  /** Its number in the log. The first message has 1, and no number is left out. */
  readonly offset: number
  /** The time when it was appended, in milliseconds of the log's clock. */
  readonly at: number
}

/** The options of `append`. */
export interface AppendOptions {
  /**
   * A second append with the same key adds nothing, and resolves to the id of the first. A log remembers keys for a
   * limited time.
   */
  idempotencyKey?: string | undefined
}

/**
 * How a log stands to its engine. `'live'`: it follows, and has all messages. `'catching up'`: it follows, and reads
 * the messages that it missed. `'away'`: it cannot follow at present. A log without an engine is always live.
 */
export type LogStatus = 'live' | 'catching up' | 'away'

/** A follower of a log: the calls that the log makes. */
export interface LogFollower {
  /** MUST be called once with each entry, in the order of offsets, also with entries that this process appended. */
  entry(entry: LogEntry): void
  /**
   * MUST be called with each message of `tell`, between the entries where it stands, and once. Its `id` is `''`, and
   * its `offset` that of the entry before it.
   */
  told?(message: LogEntry): void
  /**
   * MAY be called before an append drops the entries up to this offset, so that a follower can still read them. The
   * follower may append a message during the call.
   */
  trimming?(upTo: number): void
  /**
   * MUST be called before the entries after `upTo` change: they were lost on the way, or the engine lost them and goes
   * on from an earlier state. With -1, no entry is the same as before. In the same turn the log moves its tail to the
   * new state.
   */
  breaking?(upTo: number): void
  /** MUST be called once when the log has ended; at once where it has ended already. */
  finished?(): void
  /** MUST be called when the engine of the log is away. The log follows nothing until the engine is back. */
  failed?(error: unknown): void
  /** MUST be called when the status of the log has changed. */
  statusChanged?(status: LogStatus): void
  /** MUST be called with a problem of the log or its use that stops nothing, once for each cause. */
  warned?(error: unknown): void
}

/** A page of a log. */
export interface LogPage {
  /** Consecutive entries, oldest first. */
  readonly entries: readonly LogEntry[]
  /** The offset of the last entry before these that the log does not keep; 0 where it keeps all. */
  readonly floor: number
}

/**
 * Keeps a channel's messages, and gives them an order and ids. `describeLog` in `@tidings/testing` tests that an
 * implementation follows this contract.
 */
export interface MessageLog {
  /**
   * MUST resolve to the message's id once the log has kept the message, and reject with `ERR_SSE_LOG_UNAVAILABLE`
   * where it cannot tell that it has. Ids MUST grow in the order of the calls.
   */
  append(message: LogMessage, options?: AppendOptions): Promise<string>
  /**
   * Gives a message to all followers that have had all entries before it, and does not keep it. It MUST stand after
   * all earlier appends of this log object, and before all later ones. MUST resolve to `''`, and MUST NOT send it
   * again. MUST reject at once with `ERR_SSE_LOG_UNAVAILABLE` while the engine is away. Unset where the log cannot.
   */
  tell?(message: LogMessage): Promise<string>
  /** MUST resolve to at most `limit` entries after the offset `after`, oldest first. */
  read(after: number, limit: number): Promise<LogPage>
  /**
   * Calls the follower with each entry that is appended from now on. A log on an engine follows once it has reached
   * the engine; a `read` waits for that. Returns a function that ends the following.
   */
  follow(follower: LogFollower): () => void
  /**
   * Ends the log. Once all earlier appends are kept, it MUST tell all followers that the log has ended. From then on
   * `append` MUST reject with `ERR_SSE_CHANNEL_ENDED`. Idempotent; rejects as `append` does.
   */
  end(): Promise<void>
  /**
   * The offset of the entry that has or had this id. MUST be `undefined` for an id that this log never gave out, also
   * for one of another epoch. MUST be -1 for an id where the log no longer knows which entries followed it. A log on
   * an engine knows at least all entries that were there when a resolved `read` was called.
   */
  locate(id: string): number | undefined
  /** The id of the position after the entry with this offset; for 0, of the position before the first entry. */
  idOf(offset: number): string
  /** Closes what the log itself has opened, and nothing that it was given. */
  close(): Promise<void>
}

/** Goes through the entries of a log in order. Entries may be added and dropped between the calls. */
export interface Walk {
  /** The offset of the next kept entry; `Infinity` where there is none yet. */
  next(): number
}

/** Entries of a log in the memory of this process: its newest ones, or a page further back. */
export interface Tail {
  /** The offset of the newest entry, even if it is not kept; 0 where there was no entry. */
  readonly head: number
  /** The offset of the newest dropped entry; 0 where none was dropped. All entries after it are kept. */
  readonly floor: number
  /** The present time by the log's clock, in milliseconds. */
  readonly present: number
  /** The entry with this offset, where it is kept. */
  at(offset: number): LogEntry | undefined
  /** Goes through the kept entries after the offset `after` that have one of the topics. Undefined: all entries. */
  walk(after: number, topics: ReadonlySet<string> | undefined): Walk
  /**
   * Whether an entry after the offset `after` that has one of the topics may be gone. Undefined: an entry of any kind.
   * MUST be true where one is gone, and may be true where none is.
   */
  hasGap(after: number, topics: ReadonlySet<string> | undefined): boolean
  /** The floor that `trimAged` would set. */
  agedFloor(): number
  /** Drops the entries that are too old by the log's clock. While nothing is appended, nothing else drops them. */
  trimAged(): void
}

/**
 * A log whose newest entries a channel reads from memory. `createChannel({ log })` takes one; `memoryLog` and
 * `engineLog` make one.
 */
export interface TailedLog extends MessageLog {
  /** The newest entries. */
  readonly tail: Tail
  /** Unset: the log is always live. */
  readonly status?: LogStatus
  /** The offset before the log's oldest entry, as far as this process knows. Unset: the floor of the tail. */
  readonly start?: number
  /**
   * The page that has the entry after an offset, where `load` has read it and the tail does not have it. The log MAY
   * drop the page in a later turn.
   */
  older?(after: number): Tail | undefined
  /**
   * The position where a reader begins that comes now. It lies before all messages that this process appends after the
   * call, and after all whose append had resolved. MUST return `undefined` where that is the head. Otherwise the
   * promise resolves to the id of the position. It resolves to `undefined` where a message that was appended after the
   * call is gone, and to `''` where the log was closed or the signal was aborted. It MUST NOT reject, and waits as
   * that of `load` does.
   */
  now?(signal?: AbortSignal): Promise<string | undefined> | undefined
  /**
   * Loads the entries after an id or an offset, or the first page of them. Newer ones that this process has not heard
   * of yet go to the tail, and older ones that it no longer keeps to `older`. `''` stands for the head, and 0 for
   * `start`. MUST return `undefined` where they are loaded, or the log does not have them. The promise MUST NOT
   * reject, and waits while the engine is away. When the signal is aborted, it MUST resolve, and the log MUST keep
   * nothing of the call.
   */
  load?(after: string | number, signal?: AbortSignal): Promise<void> | undefined
}
