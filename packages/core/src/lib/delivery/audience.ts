import { type AsyncContext, runIn } from '../async-context.ts'
import type { LogEntry, Tail } from '../log/message-log.ts'
import type { SharedWriter } from '../message/shared-frames.ts'
import { counts } from '../metrics.ts'
import { wholeMilliseconds } from '../time-source.ts'
import type { Batch } from './batch.ts'
import { Told } from './told.ts'
import type { View } from './view.ts'

/** The parts of a channel that an audience needs. */
export interface AudienceHub {
  readonly tail: Tail
  /** Whether the log has ended: no entry will follow its head. */
  readonly hasEnded: boolean
}

/** A reader, as its audience calls it. */
export interface AudienceMember {
  /** Its index among the readers that share a cursor. */
  seat: number
  /** The async context in which its filter and its snapshot were given. */
  readonly context: AsyncContext | undefined
  /** It shares the audience's cursor from now on. */
  share(seat: number): void
  /** It has its own cursor again, which begins at the shared one. */
  part(): void
  /** The batch was written to it, and waits for the peer. */
  fallBehind(batch: Batch): void
  /** Writes the messages after its cursor. Returns false where an outer call is doing so already. */
  deliver(told?: Told): boolean
  /** The entries after the offset `upTo` are about to change. */
  breakAt(upTo: number): void
  /** Ends its stream. */
  end(): void
}

/**
 * The readers of one view. Readers that are up to date share one cursor. A batch is written to all of them in one
 * loop, straight to their transports: no field of a reader or a stream is read or written. A reader whose transport
 * is full leaves the shared cursor, and comes back when it is up to date again.
 */
export class Audience {
  readonly view: View
  readonly #hub: AudienceHub
  /** The readers with their own cursors. */
  readonly #single = new Set<AudienceMember>()
  /** The readers that share a cursor. */
  readonly #together: AudienceMember[] = []
  /** The writers of these readers, in the same order. */
  readonly #writers: SharedWriter[] = []
  /** True while the shared cursor moves. A filter may publish a message, and so cause another call. */
  #delivers = false
  /** Whether messages have come for its readers. */
  isDue = false
  /** While it is due: the offset of the first of these messages. */
  #firstUnread: number | undefined
  /** The messages that were told since the last flush. */
  #told: Told | undefined
  /** The shared cursor after the last shared write. */
  cursor = 0
  /** The position that the clients know: the offset of the last kept message of the shared writes. */
  known = 0
  /** The number of the shared write that wrote it. */
  knownIn = 0
  /** The time of the last shared write, as `wholeMilliseconds` tells it. */
  wroteAt = 0
  /** The number of shared writes. A reader compares it to the number at which it joined. */
  writes = 0

  constructor(view: View, hub: AudienceHub) {
    this.view = view
    this.#hub = hub
  }

  get size(): number {
    return this.#single.size + this.#together.length
  }

  *[Symbol.iterator](): Generator<AudienceMember> {
    yield* this.#single
    yield* this.#together
  }

  add(reader: AudienceMember): void {
    this.#single.add(reader)
  }

  remove(reader: AudienceMember): void {
    if (this.#together[reader.seat] === reader) this.#takeOut(reader.seat)
    this.#single.delete(reader)
  }

  /** Lets an up-to-date reader share the cursor, where its own cursor is at the same offset. */
  join(reader: AudienceMember, cursor: number, writer: SharedWriter): void {
    if (this.#together.length === 0) this.cursor = cursor
    else if (this.#position !== cursor) return
    if (!this.#single.delete(reader)) return
    reader.share(this.#together.push(reader) - 1)
    this.#writers.push(writer)
  }

  /** The offset up to which no message waits for its readers. An up-to-date reader may move to it. */
  get quietUntil(): number {
    return this.#firstUnread === undefined ? this.#hub.tail.head : this.#firstUnread - 1
  }

  /** A message with this offset has come for its readers. */
  markUnread(offset: number): void {
    this.#firstUnread ??= offset
  }

  /** A message that the log does not keep has come for its readers. */
  hear(message: LogEntry): void {
    this.#told ??= new Told()
    const { messages } = this.#told
    // A message of two of its topics comes twice.
    if (messages.at(-1) !== message) messages.push(message)
    // No reader may move past the place where it stands.
    this.markUnread(message.offset + 1)
  }

  /** Its readers have got all messages. */
  clearDue(): void {
    this.isDue = false
    this.#firstUnread = undefined
  }

  /** Tells each reader that the entries after this offset are about to change. */
  breakAt(upTo: number): void {
    this.scatter()
    for (const reader of this) reader.breakAt(upTo)
    this.view.forget()
    this.#firstUnread = this.#told = undefined
  }

  /** Gives each reader its own cursor again. */
  scatter(): void {
    for (let seat = this.#together.length - 1; seat >= 0; seat--) this.#takeOut(seat)
  }

  /**
   * Writes the waiting messages to every reader that is ready. Returns false where an outer call is writing to one of
   * them already; that call writes the new messages, too.
   */
  deliver(): boolean {
    const told = this.#told
    if (told && !this.#delivers) {
      this.#told = undefined
      this.#deliver(told)
      told.batches.clear()
    }
    return this.#deliver() && !this.#told
  }

  #deliver(told?: Told): boolean {
    let isDone = !this.#delivers
    if (isDone) {
      this.#delivers = true
      if (!this.#deliverTogether(told)) this.scatter()
      this.#delivers = false
    }
    for (const reader of this.#single) if (!reader.deliver(told)) isDone = false
    return isDone
  }

  /**
   * Returns false where each reader must go on by itself: to be told of a gap or the end, or to be cut because the
   * filter throws.
   */
  #deliverTogether(told: Told | undefined): boolean {
    const { tail } = this.#hub
    while (this.#together.length > 0) {
      const from = this.#position
      if (this.#hub.hasEnded || (from < tail.floor && this.view.hasGap(from))) return false
      if (from >= tail.head && !told) return true
      const batch = this.#batchAfter(from, told)
      if (!batch) return false
      if (batch.isEmpty) this.cursor = batch.to
      else this.#write(batch)
      // The next call goes on. In this one, readers that leave the shared cursor would be told twice.
      if (told && batch.tellsAll) return true
    }
    return true
  }

  /** The shared cursor, moved past messages of other views. */
  get #position(): number {
    return Math.max(this.cursor, this.quietUntil)
  }

  #batchAfter(cursor: number, told: Told | undefined): Batch | undefined {
    try {
      const { view } = this
      const { tail } = this.#hub
      // All readers have the same filter, so the context of the first one serves for all.
      return view.filter ? runIn(this.#together[0]?.context, () => view.batchAfter(cursor, tail, told)) : view.batchAfter(cursor, tail, told)
    } catch {
      return undefined
    }
  }

  /** No code of the app may run in this loop, because some readers are ahead of the shared cursor until its end. */
  #write(batch: Batch): void {
    const { length } = this.#writers
    let refused = 0
    for (let seat = length - 1; seat >= 0; seat--) {
      const taken = this.#writeTo(seat, batch)
      if (taken) continue
      const reader = this.#takeOut(seat)
      if (taken === undefined) refused++
      else reader?.fallBehind(batch)
    }
    counts.messages += batch.messages * (length - refused)
    this.cursor = batch.to
    this.wroteAt = wholeMilliseconds()
    this.writes++
    if (batch.last === undefined) return
    this.known = batch.last
    this.knownIn = this.writes
  }

  #writeTo(seat: number, batch: Batch): boolean | undefined {
    try {
      return this.#writers[seat]?.write(batch)
    } catch {
      // A wrapped socket may throw. The stream will meet the same error at its own write, and reports it.
      return undefined
    }
  }

  #takeOut(seat: number): AudienceMember | undefined {
    const reader = this.#together[seat]
    const [last, writer] = [this.#together.pop(), this.#writers.pop()]
    if (last && writer && last !== reader) {
      this.#together[seat] = last
      this.#writers[seat] = writer
      last.seat = seat
    }
    if (!reader) return undefined
    reader.part()
    this.#single.add(reader)
    return reader
  }
}
