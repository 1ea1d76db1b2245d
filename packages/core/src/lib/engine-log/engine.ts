import type { ResolvedHistory } from './engine-log-options.ts'

/** A position in a log on an engine: that of a message, or the one before the first message. */
export interface EnginePosition {
  /** The number of the message. The first has 1, and no number is left out. 0 before the first message. */
  readonly offset: number
  /**
   * The time when the message was appended, in milliseconds of the engine's clock; never less than that of the message
   * before it. It tells two messages with the same offset apart, where an engine went on from an earlier state. 0
   * before the first message.
   */
  readonly at: number
}

/** A message as an engine keeps it. */
export interface EngineEntry extends EnginePosition {
  /** The `at` of the message before it. A process that has another message there has missed some. */
  readonly before: number
  /** The line of text that `append` got. It may be any text where another program has written the entry. */
  readonly packed: string
}

/** The bounds of a page. Its first entry always fits. */
export interface PageLimit {
  readonly messages: number
  readonly bytes: number
}

/** A page of a log on an engine. As a position, it is that of the log's newest message. */
export interface EnginePage extends EnginePosition {
  /** The name of this life of the log: 32 random hexadecimal digits. It changes when the engine has lost the log. */
  readonly epoch: string
  /** Whether the log has ended. */
  readonly ended: boolean
  readonly entries: readonly EngineEntry[]
  /**
   * The engine's time when it made the page, in milliseconds; never less than `at`. The age of messages is measured by
   * it. A page of `read` MUST have it; news may leave it out.
   */
  readonly present?: number | undefined
}

/** Messages that go to an engine in one call. */
export interface EngineBatch {
  /** The name of the sender: 32 random hexadecimal digits, different for each log object. */
  readonly writer: string
  /** The number of the batch among those of this writer, from 1. A batch that is sent again has the same number. */
  readonly sequence: number
  readonly messages: readonly { readonly packed: string; readonly idempotencyKey: string | undefined }[]
  /** Whether the log ends with them. */
  readonly ends: boolean
  /** The bounds of the history from now on. The engine MAY keep somewhat more. */
  readonly history: ResolvedHistory
}

/** The answer of an engine to a batch. */
export interface EngineReceipt {
  readonly epoch: string
  /** The offset of the log's newest message after the batch. */
  readonly offset: number
  /** One id for each message, as `engineId` makes it. A message whose key was known has the id of the first. */
  readonly ids: readonly string[]
  /** A problem that stops nothing. It goes to `onError` of the channels. Give it once for each cause. */
  readonly warning?: unknown
  /** True where the batch is kept, but the followers could not be told. */
  readonly isUntold?: boolean
}

/** Messages that an engine gives to its followers in one call, and does not keep. */
export interface EngineTelling {
  /** The name of the sender: see `EngineBatch`. */
  readonly writer: string
  /** Its number among the batches and the calls of this kind of this writer. A call that comes twice has the same. */
  readonly sequence: number
  readonly packed: readonly string[]
}

/** The same as followers get it. As a position, it is that of the log's newest message at the call. */
export interface EngineTold extends EngineTelling, EnginePosition {
  readonly epoch: string
}

/** A listener to an engine: the calls that `follow` makes. */
export interface EngineListener {
  /** Following works, for the first time or again. Earlier messages are found by `read`. */
  restored(): void
  /** Messages were appended. The page has them, and the log's position after them. MAY come twice, late or never. */
  news(page: EnginePage): void
  /** Messages came that the engine does not keep. MAY come twice, late or never. Unset in the first release. */
  told?(told: EngineTold): void
  /** An announcement came that is no news. @param what describes it for the developer of the app */
  strange(what: string): void
  /** Following does not work at present. The engine keeps trying. */
  lost(error: unknown): void
}

/** The result of `follow`. */
export interface EngineSubscription {
  /** Subscribes again. Called when the engine has messages that were never announced. */
  renew(): void
  /** Ends the following, and closes what it has opened. */
  close(): void
}

/**
 * A store that keeps a log. `engineLog` makes a log of it, and does all that logs on engines have in common. Calls
 * reject while the store is away. Calls that take too long are given up and made again.
 */
export interface Engine {
  /**
   * MUST append all messages of a batch or none, after the newest one, with consecutive offsets, and MUST tell each
   * follower. A batch that it already has MUST add nothing, give the same receipt, and tell the followers to look
   * again. A batch with a lower sequence than another one of the same writer MUST be rejected. A message whose key is
   * known adds nothing. MUST reject with `ERR_SSE_CHANNEL_ENDED` where the log has ended, and with
   * `ERR_SSE_LOG_REFUSED` where another attempt would fail too.
   */
  append(batch: EngineBatch): Promise<EngineReceipt>
  /**
   * MUST give the entries after a position, oldest first, or those before it, newest first. Entries and the log's
   * position MUST be of one state of the log, and no entry MUST be after that position. MUST give the first entry
   * where `limit` allows a message, MUST NOT give more messages than it allows, and MUST stop once it has that many
   * bytes. MUST NOT block the engine for longer than such a page takes. MUST create a log that does not exist, with a
   * new epoch.
   */
  read(direction: 'after' | 'before', position: EnginePosition, limit: PageLimit): Promise<EnginePage>
  /**
   * MUST give the messages to each follower, in order with those of `append`, and keep nothing. MUST reject as
   * `append` does. Processes of an earlier version MUST NOT get them. Unset: channels cannot publish with
   * `keep: false`.
   */
  tell?(telling: EngineTelling): Promise<void>
  /** Tells a listener of all messages that are appended after it calls `restored`. */
  follow(listener: EngineListener): EngineSubscription
}

const ID = /^([0-9a-f]{32})-(0|[1-9][0-9]{0,15})-(0|[1-9][0-9]{0,15})$/

/** Makes the id of a position in a log on an engine. */
export function engineId(epoch: string, { at, offset }: EnginePosition): string {
  return `${epoch}-${at}-${offset}`
}

/** Reads an id; undefined for a text that is no id. */
export function parseEngineId(id: string): (EnginePosition & { epoch: string }) | undefined {
  const [, epoch, at, offset] = ID.exec(id) ?? []
  return epoch === undefined ? undefined : { epoch, at: Number(at), offset: Number(offset) }
}
