import { type AsyncContext, runIn } from '../async-context.ts'
import { wholeMilliseconds } from '../clock.ts'
import type { Tail } from '../log/message-log.ts'
import type { SharedWriter } from '../message/shared-frames.ts'
import { counts } from '../metrics.ts'
import type { Batch } from './batch.ts'
import type { View } from './view.ts'

/** What an audience reads of its channel. */
export interface AudienceHub {
  readonly tail: Tail
  /** Whether nothing will follow the head. */
  readonly isOver: boolean
}

/** A reader, as its audience has it. */
export interface AudienceMember {
  /** Where it stands among those that are written to together. */
  seat: number
  /** In which its filter and its snapshot were given. */
  readonly context: AsyncContext | undefined
  /** From now on it is written to with all others at the shared place. */
  share(seat: number): void
  /** Goes on by itself from where it stands. */
  part(): void
  /** It was given this batch, and its peer has yet to take it. */
  fallBehind(batch: Batch): void
  /** Gives it what follows its cursor. Returns false where that is under way already. */
  deliver(): boolean
  /** What follows `upTo` will not be what it was. */
  breakAt(upTo: number): void
  /** Ends its stream. */
  end(): void
}

/**
 * The readers of one view. Those that have had all there is share one place in the log and are written to in one go,
 * past their streams, so that nothing of a reader or a stream is looked at. One whose transport cannot take what the
 * others can goes on by itself, until it has caught up.
 */
export class Audience {
  readonly view: View
  readonly #hub: AudienceHub
  /** Those that are given what follows one by one. */
  readonly #single = new Set<AudienceMember>()
  /** Those at the shared place, and in the same order what writes to them. */
  readonly #together: AudienceMember[] = []
  readonly #writers: SharedWriter[] = []
  /** While those at the shared place are moved: a filter may publish, and so have it all delivered again. */
  #delivers = false
  /** Whether messages have come that its readers are to be given. */
  isDue = false
  /** While it is due, the offset before the first of these messages. */
  #unreadAfter: number | undefined
  /** Where the last write to all at the shared place has brought them. */
  cursor = 0
  /** The offset of the last message that was written to all of them. */
  told = 0
  /** When that was, in whole milliseconds of `performance.now()`. */
  wroteAt = 0
  /** How many writes there have been: what was written before a reader came is nothing to it. */
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

  /** Takes a reader that has had all there is to the shared place, where that is where it stands. */
  join(reader: AudienceMember, cursor: number, writer: SharedWriter): void {
    if (this.#together.length === 0) this.cursor = cursor
    else if (this.#position !== cursor) return
    if (!this.#single.delete(reader)) return
    reader.share(this.#together.push(reader) - 1)
    this.#writers.push(writer)
  }

  /** Up to where a reader that was given all there was has still had all. */
  get quietUntil(): number {
    return this.#unreadAfter ?? this.#hub.tail.head
  }

  /** A message for its readers has come. */
  markUnread(offset: number): void {
    this.#unreadAfter ??= offset - 1
  }

  /** Its readers have been given all that has come. */
  clearDue(): void {
    this.isDue = false
    this.#unreadAfter = undefined
  }

  /** Tells each reader that only what lies up to this offset still holds. */
  breakAt(upTo: number): void {
    this.scatter()
    for (const reader of this) reader.breakAt(upTo)
    this.view.forget()
    this.#unreadAfter = undefined
  }

  /** Has each reader go on by itself. */
  scatter(): void {
    for (let seat = this.#together.length - 1; seat >= 0; seat--) this.#takeOut(seat)
  }

  /**
   * Moves every reader that is ready. Returns false where one is being moved already: what has come meanwhile it
   * reads by itself.
   */
  deliver(): boolean {
    let isDone = !this.#delivers
    if (isDone) {
      this.#delivers = true
      if (!this.#deliverTogether()) this.scatter()
      this.#delivers = false
    }
    for (const reader of this.#single) if (!reader.deliver()) isDone = false
    return isDone
  }

  /**
   * False where each has to go on by itself: to be told of a gap or the end, or cut because of what a filter throws.
   */
  #deliverTogether(): boolean {
    const { tail } = this.#hub
    while (this.#together.length > 0) {
      const from = this.#position
      if (this.#hub.isOver || (from < tail.floor && this.view.hasGap(from))) return false
      if (from >= tail.head) return true
      const batch = this.#batchAfter(from)
      if (!batch) return false
      if (batch.isEmpty) this.cursor = batch.to
      else this.#write(batch)
    }
    return true
  }

  /** Behind what has come for others, too. */
  get #position(): number {
    return Math.max(this.cursor, this.quietUntil)
  }

  #batchAfter(cursor: number): Batch | undefined {
    try {
      const { view } = this
      // The filter is that of each of them.
      return view.filter ? runIn(this.#together[0]?.context, () => view.batchAfter(cursor)) : view.batchAfter(cursor)
    } catch {
      return undefined
    }
  }

  /** Nothing that it calls runs code of the app: until all have been written to, some are ahead of the others. */
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
    this.told = batch.last
    this.wroteAt = wholeMilliseconds()
    this.writes++
  }

  #writeTo(seat: number, batch: Batch): boolean | undefined {
    try {
      return this.#writers[seat]?.write(batch)
    } catch {
      // As a socket that others have wrapped may: its stream will meet the same, and tells.
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
