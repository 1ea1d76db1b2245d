import type { ResolvedHistory } from './engine-log-options.ts'

/** A place in a log on an engine. */
export interface EnginePosition {
  /** Counts the messages without a hole, from 1; 0 before the first. */
  readonly offset: number
  /**
   * When the message was appended, in milliseconds of the engine's clock, never less than that of the one before.
   * Tells two messages apart that had the same offset, where an engine went on from an earlier state. 0 before the
   * first.
   */
  readonly at: number
}

/** A message as an engine keeps it. */
export interface EngineEntry extends EnginePosition {
  /** The `at` of the message before it: whoever has another one there has missed something. */
  readonly before: number
  /** One line of text, as `append` was given it; any other text for what no log has written. */
  readonly packed: string
}

/** How much one page may hold. Its first entry always fits. */
export interface PageLimit {
  readonly messages: number
  readonly bytes: number
}

/** Where a log stands, and some of what it has. */
export interface EnginePage extends EnginePosition {
  /** The 32 hexadecimal digits of this life of the log: random, and others once the engine has lost where it stood. */
  readonly epoch: string
  /** Whether nothing will follow. */
  readonly ended: boolean
  readonly entries: readonly EngineEntry[]
  /**
   * The engine's clock when it gave the page, in milliseconds, and never less than `at`: by it alone the age of
   * messages is judged. `read` MUST tell it; news need not.
   */
  readonly present?: number | undefined
}

/** Messages that go to an engine in one call. */
export interface EngineBatch {
  /** Who sends them: 32 random hexadecimal digits, one for each log object. */
  readonly writer: string
  /** Counts the batches of this writer, from 1. A batch that is sent again has the same. */
  readonly sequence: number
  readonly messages: readonly { readonly packed: string; readonly idempotencyKey: string | undefined }[]
  /** Whether the log ends with them. */
  readonly ends: boolean
  /** How much is to be kept from now on; somewhat more MAY be. */
  readonly history: ResolvedHistory
}

/** What an engine made of a batch. */
export interface EngineReceipt {
  readonly epoch: string
  /** The offset of the newest message that the log had then. */
  readonly offset: number
  /** One for each message, as `engineId` makes them; for a message whose key was known, that of the first. */
  readonly ids: readonly string[]
  /** What is wrong and stops nothing: told to `onError` of the channels. Once for each cause. */
  readonly warning?: unknown
  /** Whether all is kept, but no follower could be told. */
  readonly isUntold?: boolean
}

/** Who is told of what an engine gets. */
export interface EngineListener {
  /** Following works, for the first time or again. What came before that is for `read`. */
  restored(): void
  /** Something was appended: its entries, and where the log then stood. MAY come twice, late or never. */
  news(page: EnginePage): void
  /** Something was announced that is no news. @param what says what, for the app's developer */
  strange(what: string): void
  /** Following does not work at present. The engine goes on trying. */
  lost(error: unknown): void
}

/** What `follow` gives. */
export interface EngineSubscription {
  /** The engine has messages that nobody was told of: subscribe anew. */
  renew(): void
  /** Tells of nothing more, and lets go of what following took. */
  close(): void
}

/**
 * What a store has to do to keep a log: `engineLog` makes the rest, which is the same for all. Calls reject while the
 * store is away; those that take long are given up and made again.
 */
export interface Engine {
  /**
   * MUST append all of a batch or nothing, behind what is there, with offsets that follow without a hole, and MUST
   * have each follower told. A batch that it has had already MUST add nothing, give the same receipt, and have
   * followers look again; one of a lower sequence than it has had of that writer MUST reject. A message whose key is
   * known adds nothing. MUST reject with `ERR_SSE_CHANNEL_ENDED` where the log has ended, and with
   * `ERR_SSE_LOG_REFUSED` where trying again is in vain.
   */
  append(batch: EngineBatch): Promise<EngineReceipt>
  /**
   * MUST give entries that follow a position, oldest first, or come before it, newest first, of one state together
   * with where the log then stands, and none behind that. MUST give the first of them where `limit` allows a message,
   * no more messages than it allows, and stop once it has as many bytes; MUST NOT hold the engine for longer than
   * such a page takes. MUST make a log that does not exist, of a new epoch.
   */
  read(direction: 'after' | 'before', position: EnginePosition, limit: PageLimit): Promise<EnginePage>
  /** Tells of what is appended from when it says `restored`. */
  follow(listener: EngineListener): EngineSubscription
}

const ID = /^([0-9a-f]{32})-(0|[1-9][0-9]{0,15})-(0|[1-9][0-9]{0,15})$/

/** The id of a place in a log on an engine. */
export function engineId(epoch: string, { at, offset }: EnginePosition): string {
  return `${epoch}-${at}-${offset}`
}

/** What an id says, where it has the form of one. */
export function parseEngineId(id: string): (EnginePosition & { epoch: string }) | undefined {
  const [, epoch, at, offset] = ID.exec(id) ?? []
  return epoch === undefined ? undefined : { epoch, at: Number(at), offset: Number(offset) }
}
