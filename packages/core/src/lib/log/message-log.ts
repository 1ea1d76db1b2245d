/** A message as a channel hands it to its log: encoded, so that every process writes the same bytes. */
export interface LogMessage {
  /** Its block on the wire without the id and the closing blank line; each line ends with LF. */
  readonly block: string
  /** `'message'` where it has no name. */
  readonly event: string
  /** The text of its `data`. */
  readonly data: string
  /** Whether `data` is what was published; otherwise it is serialised. */
  readonly isText: boolean
  readonly topic: string | undefined
  /** Messages of one key supersede each other for readers that asked for it. */
  readonly key: string | undefined
}

/** A message in a log. */
export interface LogEntry extends LogMessage {
  /** In `[A-Za-z0-9._~-]`, at most 128 characters; opaque to all but its log. */
  readonly id: string
  /** Counts the messages of the log without a hole, from 1. */
  readonly offset: number
  /** When it was appended, in milliseconds of the log's clock. */
  readonly at: number
}

/** What `append` may be told of a message. */
export interface AppendOptions {
  /**
   * A second append with the same key adds nothing and returns the first one's id, for as long as the log remembers
   * keys.
   */
  idempotencyKey?: string | undefined
}

/** Who follows a log. */
export interface LogFollower {
  /** MUST be called with every entry once and in order of offsets, those appended by this process included. */
  entry(entry: LogEntry): void
  /**
   * MAY be called before an append drops the entries up to this offset, for whoever would lose by that what it has
   * not read yet. It may append in turn.
   */
  trimming?(upTo: number): void
  /**
   * MUST be called before what follows `upTo` becomes other than it was: lost on the way, or lost by an engine that
   * goes on from an earlier state. -1: nothing is as it was. In the same turn the log's tail goes on from where it
   * now stands.
   */
  breaking?(upTo: number): void
  /** MUST be called once when nothing will follow any more; at once where that is known already. */
  finished?(): void
  /** MUST be called when the log has lost its engine, and follows nothing until it has it back. */
  failed?(error: unknown): void
  /** MUST be called, once for each cause, with what is wrong with the log or its use and stops nothing. */
  warned?(error: unknown): void
}

/** Some entries of a log. */
export interface LogPage {
  readonly entries: readonly LogEntry[]
  /** The offset of the last entry that the log has lost before these; 0 when it has lost none. */
  readonly floor: number
}

/**
 * What keeps a channel's messages, and gives them their order and their ids. `describeLog` in `@tidings/testing`
 * proves that an implementation keeps to this.
 */
export interface MessageLog {
  /**
   * MUST resolve to the message's id once the log has it, and reject with `ERR_SSE_LOG_UNAVAILABLE` when it cannot
   * tell that it has. Ids MUST grow in the order of the calls.
   */
  append(message: LogMessage, options?: AppendOptions): Promise<string>
  /** MUST give at most `limit` entries that follow `after`, oldest first. */
  read(after: number, limit: number): Promise<LogPage>
  /**
   * Follows what is appended from now on; a log on an engine from when it has reached that, which a `read` waits for.
   * Returns a function that ends it.
   */
  follow(follower: LogFollower): () => void
  /**
   * MUST have all followers told that nothing will follow, once what was appended before is kept. From then on
   * `append` MUST reject with `ERR_SSE_CHANNEL_ENDED`. Idempotent; rejects as `append` does.
   */
  end(): Promise<void>
  /**
   * The offset of the entry that has, or had, this id. MUST be `undefined` for an id that this log never gave out,
   * one of another epoch among them; -1 for one of which it cannot tell any more what followed it. A log on an engine
   * knows what it has heard of: all that was there when a `read` was called that has resolved.
   */
  locate(id: string): number | undefined
  /** The id of a position: of the entry with this offset, or for 0 the one before the first. */
  idOf(offset: number): string
  /** Lets go of what the log itself opened, and of nothing that it was given. */
  close(): Promise<void>
}

/** Goes through entries of a log in order, while others are added and dropped. */
export interface Walk {
  /** The offset of the next one that is kept; `Infinity` where there is none yet. */
  next(): number
}

/** The newest end of a log, in the memory of this process. All that a channel reads, it reads here. */
export interface Tail {
  /** The offset of the newest entry, kept or not; 0 when there was none. */
  readonly head: number
  /**
   * The offset of the newest entry that is gone; 0 when none is. What follows it, up to the head, is kept without a
   * hole.
   */
  readonly floor: number
  /** The entry with this offset, where it is kept. */
  at(offset: number): LogEntry | undefined
  /** Goes through the kept entries above `after` that have one of the topics, or all where `topics` is undefined. */
  walk(after: number, topics: ReadonlySet<string> | undefined): Walk
  /**
   * Whether something with one of the topics, or anything where `topics` is undefined, may be gone that followed
   * `after`. MUST be true where it is; may be true where it is not.
   */
  hasGap(after: number, topics: ReadonlySet<string> | undefined): boolean
  /** The floor once what is too old by the log's clock is dropped. */
  agedFloor(): number
  /** Drops what is too old by the log's clock, which nothing else would do while nothing is appended. */
  trimAged(): void
}

/**
 * A log that a channel reads where it is, without pages: what `createChannel({ log })` takes. `memoryLog` and
 * `engineLog` make such.
 */
export interface TailedLog extends MessageLog {
  readonly tail: Tail
  /**
   * Where a reader begins that comes now: the id of a place before all that this process appends after the call, and
   * behind all whose append had resolved. MUST be `undefined` where that is the head. The promise MUST NOT reject,
   * and waits as that of `load` does. It resolves to `undefined` where something is gone that was appended after the
   * call, and to `''` where the log was closed, or the signal aborted.
   */
  now?(signal?: AbortSignal): Promise<string | undefined> | undefined
  /**
   * Brings the tail to where it holds what follows an id or an offset, or what of that the log still has: forward to
   * what this process has not heard of yet, and back to what it no longer keeps. `''`: to the head. MUST be
   * `undefined` where the tail is as far as it can be; the promise MUST NOT reject, and waits for as long as the log
   * has lost its engine. Once the signal is aborted it MUST resolve, and the log keep nothing of the call.
   */
  load?(after: string | number, signal?: AbortSignal): Promise<void> | undefined
}
