import { type AsyncContext, currentContext, runIn } from '../async-context.ts'
import { type ResetReason, TidingsError } from '../errors.ts'
import type { Tail, TailedLog } from '../log/message-log.ts'
import { encodeMessage, type Message } from '../message/message.ts'
import { counts } from '../metrics.ts'
import type { FedStream, Feeder } from '../stream/feeder.ts'
import type { Audience, AudienceHub, AudienceMember } from './audience.ts'
import type { Batch } from './batch.ts'
import { gapAtCursor, gapAtStart } from './gap.ts'
import { type LookBack, lookBack } from './look-back.ts'
import { isNow, neededBy, offsetOf, type Start } from './reader-start.ts'
import { type RunningSnapshots, type Snapshot, type SnapshotResult, type SnapshotTaker, snapshotParts, withPosition } from './snapshot.ts'
import type { Told } from './told.ts'
import type { View } from './view.ts'

/** What happens to a reader that is so slow that messages for it are dropped: see `SubscribeOptions.lag`. */
export type Lag = 'reset' | 'close' | 'conflate'

/** The parts of a channel that a reader needs. */
export interface Hub extends AudienceHub {
  readonly log: TailedLog
  readonly resetEvent: string
  /** A client has reconnected with an id that this log knows, or does not know. */
  resumed(isKnown: boolean): void
  /** A block with a position, without the closing blank line. `''` where the channel tells none, or the id is `''`. */
  positionBlock(id: string): string
  /** Encodes a message of a snapshot. */
  encode(message: Message): string
  readonly snapshots: RunningSnapshots
  report(error: unknown, stage: 'filter' | 'snapshot'): void
  forget(reader: Reader): void
}

const NOTHING_KNOWN = -1
// Milliseconds. A client that reconnects to an ended channel and finds no message, for example one that ignores blocks
// of an id alone, will find none the next time either.
const PAUSE_AT_THE_END = 300_000

/**
 * The reader of one subscribed stream: a cursor into the log, and the stream to write to. Messages that it has not
 * read stay in the log; nothing is queued for it.
 */
export class Reader implements Feeder, AudienceMember, SnapshotTaker {
  readonly #hub: Hub
  readonly #take: Snapshot | undefined
  readonly #lag: Lag
  #stream: FedStream | undefined
  #audience: Audience
  /**
   * What it does. `'beginning'`: it has no position yet, and waits for the log. `'looking back'`: it looks from its
   * cursor back for its beginning. `'waiting'`: it has a position, and waits for the log or a snapshot; nothing is
   * written. `'reading'`: it writes what follows its cursor.
   */
  #phase: 'beginning' | 'looking back' | 'waiting' | 'reading' = 'beginning'
  /**
   * Where its position is kept. `'behind'`: messages wait for it, and its cursor is exact. `'current'`: it had all
   * messages at its cursor, and moves past messages of other views. `'shared'`: it uses the cursor of its audience.
   */
  #pace: 'behind' | 'current' | 'shared' = 'behind'
  /** Exact after `#passQuiet`. `#position` calls that and returns the cursor. */
  #cursor = 0
  /** The position that the client knows. */
  #known = NOTHING_KNOWN
  /** Aborted when it leaves while the log loads messages for it. */
  #leaving: AbortController | undefined
  /** Leaves the snapshot that it waits for. */
  #leaveSnapshot: (() => void) | undefined
  /** The id of its position, where the log has lost the messages up to it. */
  #lostId: string | undefined
  /** The id of its position while a snapshot is taken. The log may no longer know it at the end. */
  #snapshotId: string | undefined
  /** True during `deliver`. */
  #delivers = false
  /** Whether it still gets messages of the history. */
  #replays = false
  /** Whether the channel had ended when it began, and had no message for it. */
  #findsNothing = false
  seat = 0
  readonly context: AsyncContext | undefined
  /** The number of shared writes that `#known` and `#wroteAt` include. */
  #sharedWrites = 0
  #wroteAt = 0

  constructor(hub: Hub, audience: Audience, take: Snapshot | undefined, lag: Lag) {
    this.#hub = hub
    this.#audience = audience
    this.#take = take
    this.#lag = lag
    this.context = take || audience.view.filter ? currentContext() : undefined
  }

  get audience(): Audience {
    return this.#audience
  }

  /** Whether it feeds a stream. */
  get isOpen(): boolean {
    return this.#stream !== undefined
  }

  /** The id of its position; `''` until it has one. */
  get lastEventId(): string {
    return this.#phase === 'beginning' || this.#phase === 'looking back' ? '' : this.#id
  }

  /** Begins to write. Where messages are gone, or its id is unknown, the reset event comes first. */
  begin(stream: FedStream, start: Start): void {
    this.#stream = stream
    const recent = isNow(start) ? start.recent : undefined
    this.#replays = !isNow(start) || recent !== undefined
    const leaving = new AbortController()
    const reaching = isNow(start) ? this.#hub.log.now?.(leaving.signal) : undefined
    if (reaching) this.#hold(reaching, leaving, (now) => this.#beginWhenHere({ now, recent }))
    else this.#beginWhenHere(start)
  }

  #beginWhenHere(start: Start): void {
    this.#whenHere(start, () => this.#beginAt(start))
  }

  /**
   * Writes the messages after the cursor until the stream is full or no message is left. Returns false where an outer
   * call is doing so already.
   * @param told the messages that were told since the last flush. It gets them where it has had all before them
   */
  deliver(told?: Told): boolean {
    // A filter or a callback may publish a message. The loop of the outer call reads it.
    if (this.#delivers) return false
    if (this.#pace === 'shared') return true
    this.#delivers = true
    const stream = this.#stream
    this.#passQuiet()
    let tells = told
    try {
      while (stream?.['~ready'] && this.#phase === 'reading') {
        const part = this.#part
        if (!part) {
          this.#meetGap(stream)
          continue
        }
        const { name } = this.#audience.view
        const batch = this.#nextBatch(part, this.#conflates ? undefined : tells)
        // A filter may have closed the subscription, or changed its topics.
        if (this.#stream !== stream) break
        if (this.#audience.view.name !== name) {
          tells = undefined
          continue
        }
        if (!batch) {
          if (this.#hub.hasEnded) this.#endWithPosition(stream)
          else this.#catchUp(stream)
          return true
        }
        this.#cursor = batch.to
        if (batch.tellsAll) tells = undefined
        if (batch.isEmpty) continue
        this.#known = batch.last ?? this.#known
        if (this.#replays) {
          counts.replayed += batch.messages
          this.#findsNothing = false
        }
        const taken = stream['~writeShared'](batch)
        // In most cases one write brings it up to date.
        if (taken && batch.to === this.#hub.tail.head && !this.#hub.hasEnded) {
          this.#catchUp(stream)
          return true
        }
      }
      this.#pace = 'behind'
    } catch (error) {
      this.#hub.report(error, 'filter')
      stream?.['~cut'](error)
    } finally {
      this.#delivers = false
    }
    return true
  }

  share(seat: number): void {
    this.seat = seat
    this.#pace = 'shared'
    this.#sharedWrites = this.#audience.writes
  }

  part(): void {
    this.#takeStock()
    // One that has left stays where it is.
    if (this.#pace === 'shared') this.#pace = 'current'
  }

  fallBehind(batch: Batch): void {
    this.#cursor = batch.to
    this.#known = batch.last ?? this.#known
    this.#stream?.['~waits'](batch)
  }

  breakAt(upTo: number): void {
    if (this.#phase === 'beginning') return
    // It must not move past messages of the new state.
    this.#pace = 'behind'
    if (this.#cursor > upTo) this.#lostId ??= this.#id
  }

  /** Joins another audience, at its present position. */
  changeAudience(audience: Audience): void {
    this.#passQuiet()
    this.#audience.view.caughtUp(this)
    this.#audience = audience
    this.#pace = 'behind'
    this.deliver()
  }

  /** Ends the subscription. The stream stays open. */
  release(): void {
    this.#stream?.['~release']()
    this.streamEnded()
  }

  end(): void {
    this.#stream?.['~end'](false)
  }

  drained(): void {
    this.deliver()
  }

  streamEnded(): void {
    if (!this.#stream) return
    this.#passQuiet()
    this.#pace = 'behind'
    this.#stream = undefined
    this.#audience.view.caughtUp(this)
    this.#leaving?.abort()
    this.#leaving = undefined
    this.#leaveSnapshot?.()
    this.#leaveSnapshot = undefined
    this.#hub.forget(this)
  }

  snapshotTaken(result: SnapshotResult): void {
    this.#leaveSnapshot = undefined
    if (this.#stream?.['~waitsItsTurn']?.(() => this.snapshotTaken(result))) return
    const id = this.#id
    this.#snapshotId = undefined
    try {
      // Where the log has lost messages since, the snapshot's position would stand for others.
      if (this.#lostId === undefined) this.#writeSnapshot(result, id)
      else this.#phase = 'reading'
    } catch (error) {
      this.snapshotFailed(error)
    }
    this.deliver()
  }

  snapshotFailed(error: unknown): void {
    this.#leaveSnapshot = undefined
    this.#hub.report(error, 'snapshot')
    this.#stream?.['~cut'](error)
  }

  heartbeat(): string {
    if (this.#phase !== 'reading' || this.#position === this.#known) return ''
    this.#known = this.#cursor
    return this.#hub.positionBlock(this.#id)
  }

  get wroteAt(): number {
    this.#takeStock()
    return this.#wroteAt
  }

  get behind(): number {
    return this.#phase === 'beginning' ? 0 : Math.max(0, this.#hub.tail.head - this.#position)
  }

  /** The part of the log with the next message; none where that is gone, or has to be loaded. */
  get #part(): Tail | undefined {
    if (this.#lostId !== undefined) return undefined
    const { tail } = this.#hub
    return this.#cursor >= tail.floor ? tail : this.#audience.view.partAfter(this.#cursor)
  }

  #nextBatch(part: Tail, told: Told | undefined): Batch | undefined {
    if (this.#cursor >= this.#hub.tail.head && !told) return undefined
    const { view } = this.#audience
    return view.filter ? runIn(this.context, () => this.#batchOf(view, part, told)) : this.#batchOf(view, part, told)
  }

  #batchOf(view: View, part: Tail, told: Told | undefined): Batch {
    return this.#conflates ? view.conflatedAfter(this.#cursor, this, part) : view.batchAfter(this.#cursor, part, told)
  }

  /** Whether it skips messages that a newer one of their key supersedes. */
  get #conflates(): boolean {
    return this.#lag === 'conflate' && this.#pace === 'behind'
  }

  #catchUp(stream: FedStream): void {
    if (this.#pace === 'behind') this.#audience.view.caughtUp(this)
    this.#pace = 'current'
    this.#replays = false
    const writer = stream['~shared']
    if (writer) this.#audience.join(this, this.#cursor, writer)
  }

  /** The id of its position; `''` where the log does not know it at present. */
  get #id(): string {
    return this.#lostId ?? this.#snapshotId ?? this.#hub.log.idOf(this.#position)
  }

  get #position(): number {
    this.#passQuiet()
    return this.#cursor
  }

  /** Moves an up-to-date reader past messages of other views. */
  #passQuiet(): void {
    this.#takeStock()
    if (this.#pace !== 'behind') this.#cursor = Math.max(this.#cursor, this.#audience.quietUntil)
  }

  /** Takes over what was written to all readers at the shared cursor. */
  #takeStock(): void {
    if (this.#pace !== 'shared') return
    const shared = this.#audience
    this.#cursor = Math.max(this.#cursor, shared.cursor)
    if (shared.writes === this.#sharedWrites) return
    if (shared.knownIn > this.#sharedWrites) this.#known = shared.known
    this.#sharedWrites = shared.writes
    this.#wroteAt = shared.wroteAt
  }

  #beginAt(start: Start): void {
    const offset = offsetOf(start, this.#hub.log)
    const hasGap = offset !== undefined && !this.#audience.view.partAfter(offset)
    // The loaded messages may have been dropped again.
    if (hasGap && this.#loads(neededBy(start), () => this.#beginAt(start))) return
    this.#phase = 'reading'
    this.#findsNothing = this.#hub.hasEnded
    const isNew = isNow(start)
    const id = isNew || start === 'start' ? '' : start.id
    if (!isNew && start !== 'start' && start.comesBack) this.#hub.resumed(offset !== undefined)
    if (offset === undefined || hasGap) this.#reset(gapAtStart(start, offset), id)
    else {
      this.#cursor = offset
      if (isNew && start.recent) this.#lookBack(lookBack(this.#hub.log, offset, start.recent))
      else if (isNew && this.#take) this.#takeSnapshot(this.#take)
      else this.#tellPosition()
    }
  }

  #lookBack(look: LookBack): void {
    this.#phase = 'looking back'
    if (this.#lostId === undefined) {
      const { isFound, offset } = look(this.#audience.view.topics)
      if (isFound) this.#cursor = offset
      else if (this.#loads(offset, () => this.#lookBack(look))) return
      if (this.#audience.view.partAfter(this.#cursor)) this.#tellPosition()
    }
    this.#phase = 'reading'
  }

  /** Calls `goOn` when the log has loaded the messages after a start, or at once where it need not load any. */
  #whenHere(start: Start, goOn: () => void): void {
    if (!this.#loads(neededBy(start), goOn)) {
      goOn()
      this.deliver()
    }
  }

  /** Loads the messages after a place, and then calls `goOn`. Returns false where the log need not load any. */
  #loads(after: string | number, goOn: () => void): boolean {
    const leaving = new AbortController()
    const reaching = this.#hub.log.load?.(after, leaving.signal)
    if (reaching) this.#hold(reaching, leaving, goOn)
    return reaching !== undefined
  }

  #hold<Result>(reaching: Promise<Result>, leaving: AbortController, goOn: (result: Result) => void): void {
    const wasReading = this.#phase === 'reading'
    if (wasReading) this.#phase = 'waiting'
    this.#leaving = leaving
    reaching.then((result) => {
      if (wasReading) this.#phase = 'reading'
      this.#leaving = undefined
      if (!this.#stream) return
      goOn(result)
      this.deliver()
    })
  }

  /** Handles a gap at the cursor: the log may still load the messages; otherwise the client is told. */
  #meetGap(stream: FedStream): void {
    const id = this.#id
    const reason = gapAtCursor(this.#lostId)
    if (reason === 'lagged' && this.#loads(this.#cursor, () => {})) return
    if (this.#lag === 'close') {
      counts.gaps[reason]++
      stream['~end'](true)
    } else this.#reset(reason, id)
  }

  #reset(reason: ResetReason, lastEventId: string): void {
    counts.gaps[reason]++
    this.#lostId = undefined
    this.#pace = 'behind'
    if (this.#take) {
      // The id comes with the last message of the snapshot, so that a client that drops earlier begins again.
      this.#cursor = this.#hub.tail.head
      this.#known = NOTHING_KNOWN
      this.#tellReset(reason, lastEventId, undefined)
      this.#takeSnapshot(this.#take)
      return
    }
    this.#whenHere('start', () => this.#beginAgain(reason, lastEventId))
  }

  /** Sends the reset event, and goes on with the oldest message of the log. */
  #beginAgain(reason: ResetReason, lastEventId: string): void {
    // The loaded messages may have been dropped again.
    if (this.#loads(0, () => this.#beginAgain(reason, lastEventId))) return
    this.#lostId = undefined
    this.#cursor = this.#known = offsetOf('start', this.#hub.log) as number
    // An empty id would be forgotten by the client, which would then come back as a new one.
    this.#tellReset(reason, lastEventId, this.#hub.log.idOf(this.#cursor) || undefined)
  }

  #tellReset(reason: ResetReason, lastEventId: string, id: string | undefined): void {
    this.#stream?.['~write'](encodeMessage({ event: this.#hub.resetEvent, data: { reason, lastEventId, channel: this.#stream['~channel'] }, id }), 1)
  }

  #takeSnapshot(take: Snapshot): void {
    this.#phase = 'waiting'
    this.#snapshotId = this.#hub.log.idOf(this.#cursor)
    const takeLater = (): void => {
      // A later state has what was published by then.
      this.#cursor = this.#hub.tail.head
      this.#takeSnapshot(take)
    }
    if (this.#stream?.['~waitsItsTurn']?.(takeLater)) return
    const leave = this.#hub.snapshots.take(take, this.#cursor, this)
    // The snapshot may have closed the subscription.
    if (this.#stream) this.#leaveSnapshot = leave
    else leave?.()
  }

  /** @param id that of its position when the snapshot began */
  #writeSnapshot(result: SnapshotResult, id: string): void {
    const { messages, after } = snapshotParts(result)
    if (after !== undefined) {
      const offset = this.#hub.log.locate(after)
      // This is an error and not a gap: after a reset the reader would take the same snapshot again.
      if (offset === undefined || !this.#audience.view.partAfter(offset))
        throw new TidingsError('ERR_SSE_GAP', 'snapshot gave an after that its channel does not know, or no longer keeps; take it from newer state')
      this.#cursor = offset
    }
    const position = this.#hub.positionBlock(after ?? id)
    if (position !== '') this.#known = this.#cursor
    this.#stream?.['~write'](withPosition(messages.map((message) => this.#hub.encode(message)).join(''), position), messages.length)
    this.#phase = 'reading'
  }

  /** Tells the client its position. Returns false where the channel tells no positions. */
  #tellPosition(): boolean {
    this.#known = this.#cursor
    const block = this.#hub.positionBlock(this.#id)
    if (block === '') return false
    this.#stream?.['~write'](`${block.trimStart()}\n`, 0)
    return true
  }

  /**
   * Ends the stream, and tells the client the last position of the log, so that `ended` knows it when it reconnects.
   * It is told even where the channel tells no other positions.
   */
  #endWithPosition(stream: FedStream): void {
    const knows = this.#known === this.#hub.tail.head
    this.#cursor = this.#hub.tail.head
    const id = knows || this.#tellPosition() ? undefined : this.#hub.log.idOf(this.#cursor)
    stream['~end'](true, id, this.#findsNothing ? PAUSE_AT_THE_END : 0)
  }
}
