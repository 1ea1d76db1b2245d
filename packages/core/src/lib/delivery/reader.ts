import { type AsyncContext, currentContext, runIn } from '../async-context.ts'
import { type ResetReason, TidingsError } from '../errors.ts'
import type { Tail, TailedLog } from '../log/message-log.ts'
import { encodeMessage, type Message } from '../message/message.ts'
import { counts } from '../metrics.ts'
import type { FedStream, Feeder } from '../stream/feeder.ts'
import type { Audience, AudienceHub, AudienceMember } from './audience.ts'
import type { Batch } from './batch.ts'
import { isNow, neededBy, offsetOf, type Start } from './reader-start.ts'
import { type RunningSnapshots, type Snapshot, type SnapshotResult, type SnapshotTaker, snapshotParts } from './snapshot.ts'
import type { View } from './view.ts'

/**
 * What a reader that is behind gets: all that is kept, its end once something is gone, or only the newest of each
 * key.
 */
export type Lag = 'reset' | 'close' | 'conflate'

/** What a reader needs of its channel. */
export interface Hub extends AudienceHub {
  readonly log: TailedLog
  readonly resetEvent: string
  /** A client came back, and with an id of this log or not. */
  resumed(isKnown: boolean): void
  /**
   * What tells a client its position, as a block without the closing blank line; `''` where the channel tells none.
   */
  positionBlock(offset: number): string
  encode(message: Message): string
  readonly snapshots: RunningSnapshots
  report(error: unknown, stage: 'filter' | 'snapshot'): void
  forget(reader: Reader): void
}

const NOTHING_TOLD = -1
// Milliseconds. A client that still comes back to an ended channel, such as one that ignores ids alone, finds nothing
// the next time either.
const PAUSE_AT_THE_END = 300_000

/**
 * One subscribed stream: a cursor into the log and a stream to write to. What it has not yet read stays where it is,
 * in the log.
 */
export class Reader implements Feeder, AudienceMember, SnapshotTaker {
  readonly #hub: Hub
  readonly #take: Snapshot | undefined
  readonly #lag: Lag
  #stream: FedStream | undefined
  #audience: Audience
  #cursor = 0
  /** The position that the client knows. */
  #told = NOTHING_TOLD
  /** While a snapshot is taken, or messages are brought here, nothing else is written. */
  #held = false
  /** Where messages are brought here: aborted when it leaves. */
  #leaving: AbortController | undefined
  /** Where a snapshot is taken: by this it stops waiting for it. */
  #leaveSnapshot: (() => void) | undefined
  #hasBegun = false
  /** The id of its position, where the log has lost what made it so. */
  #lostAt: string | undefined
  #delivers = false
  /** From when it could not be given all there is until it has been: so long its cursor alone says what it has had. */
  #behind = true
  /** While it is given what is from before it came. */
  #replays = false
  /** Whether it came when its channel had ended, and has found no message. */
  #findsNothing = false
  seat = 0
  readonly context: AsyncContext | undefined
  #isShared = false
  /** Of the writes to all of them, those that are in its own books. */
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

  /** Whether the stream is fed by it. */
  get isOpen(): boolean {
    return this.#stream !== undefined
  }

  /** The id of its position: a reader that has had all that concerns it stands at the head. `''` until it has one. */
  get lastEventId(): string {
    if (!this.#hasBegun) return ''
    this.#passQuiet()
    return this.#hub.log.idOf(this.#cursor)
  }

  /** Begins to write. A reader whose id is unknown, or of which something is gone, is told so before anything else. */
  begin(stream: FedStream, start: Start): void {
    this.#stream = stream
    this.#replays = !isNow(start)
    const leaving = new AbortController()
    const reaching = isNow(start) ? this.#hub.log.now?.(leaving.signal) : undefined
    if (reaching) this.#hold(reaching, leaving, (now) => this.#beginWhenHere({ now }))
    else this.#beginWhenHere(start)
  }

  #beginWhenHere(start: Start): void {
    this.#whenHere(start, () => this.#beginAt(start))
  }

  /**
   * Writes what follows the cursor until the stream is full or nothing is left. Returns false where it is about that
   * already.
   */
  deliver(): boolean {
    // What is published while it does so, by a filter or a callback, is read by the same loop.
    if (this.#delivers) return false
    if (this.#isShared) return true
    this.#delivers = true
    const stream = this.#stream
    this.#passQuiet()
    try {
      while (stream?.['~ready'] && !this.#held) {
        const { tail } = this.#hub
        const part = this.#lostAt === undefined && this.#cursor >= tail.floor ? tail : this.#partBehind()
        if (!part) {
          this.#meetGap(stream)
          continue
        }
        const { name } = this.#audience.view
        const batch = this.#nextBatch(part)
        // A filter may have closed the subscription, or changed its topics.
        if (this.#stream !== stream) break
        if (this.#audience.view.name !== name) continue
        if (!batch) {
          if (this.#hub.isOver) this.#endWithPosition(stream)
          else this.#catchUp(stream)
          return true
        }
        this.#cursor = batch.to
        if (batch.isEmpty) continue
        this.#told = batch.last
        if (this.#replays) {
          counts.replayed += batch.messages
          this.#findsNothing = false
        }
        const taken = stream['~writeShared'](batch)
        // As it goes mostly: one write brings it up to date.
        if (taken && batch.to === this.#hub.tail.head && !this.#hub.isOver) {
          this.#catchUp(stream)
          return true
        }
      }
      this.#behind = true
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
    this.#isShared = true
    this.#sharedWrites = this.#audience.writes
  }

  part(): void {
    this.#takeStock()
    this.#isShared = false
  }

  fallBehind(batch: Batch): void {
    this.#cursor = batch.to
    this.#told = batch.last
    this.#stream?.['~waits'](batch)
  }

  /** What follows `upTo` will not be what it was: a reader that stands behind that is told. */
  breakAt(upTo: number): void {
    if (!this.#hasBegun) return
    // Its cursor alone says what it has had, of what concerns it.
    this.#behind = true
    if (this.#cursor > upTo) this.#lostAt ??= this.#hub.log.idOf(this.#cursor)
  }

  /** Reads what another audience reads, from its present position on. */
  changeAudience(audience: Audience): void {
    this.#passQuiet()
    this.#audience.view.caughtUp(this)
    this.#audience = audience
    this.#behind = true
    this.deliver()
  }

  /** Lets go of the stream, which stays open. */
  release(): void {
    this.#stream?.['~release']()
    this.closed()
  }

  end(): void {
    this.#stream?.['~end'](false)
  }

  drained(): void {
    this.deliver()
  }

  closed(): void {
    if (!this.#stream) return
    this.#passQuiet()
    this.#behind = true
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
    try {
      // One that was taken of what is lost since would give its readers a position that stands for something else by
      // now.
      if (this.#lostAt === undefined) this.#writeSnapshot(result)
      else this.#held = false
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
    if (this.#held) return ''
    this.#passQuiet()
    if (this.#cursor === this.#told) return ''
    this.#told = this.#cursor
    return this.#hub.positionBlock(this.#cursor)
  }

  get wroteAt(): number {
    this.#takeStock()
    return this.#wroteAt
  }

  get lag(): number {
    if (!this.#hasBegun) return 0
    this.#passQuiet()
    return Math.max(0, this.#hub.tail.head - this.#cursor)
  }

  /** The part of the log with the next message; none where that is gone, or has to be loaded. */
  #partBehind(): Tail | undefined {
    return this.#lostAt === undefined ? this.#audience.view.partAfter(this.#cursor) : undefined
  }

  #nextBatch(part: Tail): Batch | undefined {
    if (this.#cursor >= this.#hub.tail.head) return undefined
    const { view } = this.#audience
    return view.filter ? runIn(this.context, () => this.#batchOf(view, part)) : this.#batchOf(view, part)
  }

  #batchOf(view: View, part: Tail): Batch {
    return this.#lag === 'conflate' && this.#behind ? view.conflatedAfter(this.#cursor, this, part) : view.batchAfter(this.#cursor, part)
  }

  #catchUp(stream: FedStream): void {
    if (this.#behind) this.#audience.view.caughtUp(this)
    this.#behind = this.#replays = false
    const writer = stream['~shared']
    if (writer) this.#audience.join(this, this.#cursor, writer)
  }

  /** What has come for others meanwhile does not concern it: who has had all there is stands behind that, too. */
  #passQuiet(): void {
    this.#takeStock()
    if (!this.#behind) this.#cursor = Math.max(this.#cursor, this.#audience.quietUntil)
  }

  /** What was written to all at its place was written to it. */
  #takeStock(): void {
    if (!this.#isShared) return
    const shared = this.#audience
    this.#cursor = Math.max(this.#cursor, shared.cursor)
    if (shared.writes === this.#sharedWrites) return
    this.#sharedWrites = shared.writes
    this.#told = shared.told
    this.#wroteAt = shared.wroteAt
  }

  #beginAt(start: Start): void {
    const offset = offsetOf(start, this.#hub.log)
    const hasGap = offset !== undefined && !this.#audience.view.partAfter(offset)
    // What was brought here may have been dropped again.
    if (hasGap && this.#loads(neededBy(start), () => this.#beginAt(start))) return
    this.#hasBegun = true
    this.#findsNothing = this.#hub.isOver
    const isNew = isNow(start)
    const id = isNew || start === 'start' ? '' : start.id
    if (!isNew && start !== 'start' && start.comesBack) this.#hub.resumed(offset !== undefined)
    if (offset === undefined) this.#reset(isNew ? 'lost' : 'unknown', id)
    else if (hasGap) this.#reset(isNew ? 'lagged' : 'trimmed', id)
    else {
      this.#cursor = offset
      if (isNew && this.#take) this.#takeSnapshot(this.#take)
      else this.#tellPosition()
    }
  }

  /** Goes on at once where the log has here what follows, and otherwise once it has. */
  #whenHere(start: Start, goOn: () => void): void {
    if (!this.#loads(neededBy(start), goOn)) {
      goOn()
      this.deliver()
    }
  }

  /** Goes on once the log has here what follows. False where it has. */
  #loads(after: string | number, goOn: () => void): boolean {
    const leaving = new AbortController()
    const reaching = this.#hub.log.load?.(after, leaving.signal)
    if (reaching) this.#hold(reaching, leaving, goOn)
    return reaching !== undefined
  }

  #hold<Result>(reaching: Promise<Result>, leaving: AbortController, goOn: (result: Result) => void): void {
    this.#held = true
    this.#leaving = leaving
    reaching.then((result) => {
      this.#held = false
      this.#leaving = undefined
      if (!this.#stream) return
      goOn(result)
      this.deliver()
    })
  }

  /** What it was to read next is not here: it may be that the log has it still. */
  #meetGap(stream: FedStream): void {
    const isLost = this.#lostAt !== undefined
    const id = this.#lostAt ?? this.#hub.log.idOf(this.#cursor)
    const reason = isLost ? 'lost' : 'lagged'
    if (!isLost && this.#loads(this.#cursor, () => {})) return
    if (this.#lag === 'close') {
      counts.gaps[reason]++
      stream['~end'](true)
    } else this.#reset(reason, id)
  }

  #reset(reason: ResetReason, lastEventId: string): void {
    counts.gaps[reason]++
    this.#lostAt = undefined
    this.#behind = true
    if (this.#take) {
      // The id follows the last message of the snapshot: a client that drops before that must begin again.
      this.#cursor = this.#hub.tail.head
      this.#told = NOTHING_TOLD
      this.#tellReset(reason, lastEventId, undefined)
      this.#takeSnapshot(this.#take)
      return
    }
    this.#whenHere('start', () => this.#beginAgain(reason, lastEventId))
  }

  /** Tells that something is gone, and goes on with the oldest that the log has. */
  #beginAgain(reason: ResetReason, lastEventId: string): void {
    // What was brought here may have been dropped again.
    if (this.#loads(0, () => this.#beginAgain(reason, lastEventId))) return
    this.#lostAt = undefined
    this.#cursor = this.#told = offsetOf('start', this.#hub.log) as number
    this.#tellReset(reason, lastEventId, this.#hub.log.idOf(this.#cursor))
  }

  #tellReset(reason: ResetReason, lastEventId: string, id: string | undefined): void {
    this.#stream?.['~write'](encodeMessage({ event: this.#hub.resetEvent, data: { reason, lastEventId }, id }), 1)
  }

  #takeSnapshot(take: Snapshot): void {
    this.#held = true
    const leave = this.#hub.snapshots.take(take, this.#cursor, this)
    // The snapshot may have closed the subscription itself.
    if (this.#stream) this.#leaveSnapshot = leave
    else leave?.()
  }

  #writeSnapshot(result: SnapshotResult): void {
    const { messages, after } = snapshotParts(result)
    if (after !== undefined) {
      const offset = this.#hub.log.locate(after)
      // Another reset would take the same snapshot again, and again.
      if (offset === undefined || !this.#audience.view.partAfter(offset))
        throw new TidingsError(
          'ERR_SSE_GAP',
          'snapshot says after an id whose followers are not kept, or that its channel never gave out; take it from newer state',
        )
      this.#cursor = offset
    }
    this.#told = this.#cursor
    const position = this.#hub.positionBlock(this.#cursor)
    this.#stream?.['~write'](
      messages.map((message) => this.#hub.encode(message)).join('') + (position === '' ? '' : `${position.trimStart()}\n`),
      messages.length,
    )
    this.#held = false
  }

  /** Returns whether the channel tells positions at all. */
  #tellPosition(): boolean {
    this.#told = this.#cursor
    const block = this.#hub.positionBlock(this.#cursor)
    if (block === '') return false
    this.#stream?.['~write'](`${block.trimStart()}\n`, 0)
    return true
  }

  /**
   * Whoever comes back with the last position of all is told that nothing will follow: where no positions are told,
   * that one is.
   */
  #endWithPosition(stream: FedStream): void {
    const knows = this.#told === this.#hub.tail.head
    this.#cursor = this.#hub.tail.head
    const id = knows || this.#tellPosition() ? undefined : this.#hub.log.idOf(this.#cursor)
    stream['~end'](true, id, this.#findsNothing ? PAUSE_AT_THE_END : undefined)
  }
}
