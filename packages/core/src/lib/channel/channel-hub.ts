import { Audiences } from '../delivery/audiences.ts'
import { DueAudiences } from '../delivery/due-audiences.ts'
import { type Flushable, pacer } from '../delivery/pacer.ts'
import { ParsedValues } from '../delivery/parsed-values.ts'
import type { Hub, Reader } from '../delivery/reader.ts'
import { ResumeCount } from '../delivery/resume-count.ts'
import { RunningSnapshots } from '../delivery/snapshot.ts'
import type { Source } from '../delivery/view.ts'
import { TidingsError } from '../errors.ts'
import { memoryLog } from '../log/memory-log.ts'
import type { LogEntry, LogFollower, LogStatus, Tail, TailedLog } from '../log/message-log.ts'
import { topicsOfMessage } from '../log/topic-index.ts'
import { encodeMessage, type Message } from '../message/message.ts'
import { counts } from '../metrics.ts'
import { type ChannelErrorStage, type ChannelOptions, POSITION_EVENT } from './channel-options.ts'
import type { MessageSource, Place } from './read-messages.ts'
import { RecentTold } from './recent-told.ts'

// Milliseconds.
const LONGEST_SNAPSHOT = 30_000
// Characters. With so many messages that are not kept, a flush does not wait for the end of the turn.
const MOST_TOLD = 65_536

/** The inside of a channel, between its log and its readers. */
export class ChannelHub implements Hub, Source, MessageSource, Flushable, LogFollower {
  readonly log: TailedLog
  readonly tail: Tail
  readonly resetEvent: string
  readonly snapshots: RunningSnapshots
  readonly audiences: Audiences
  readonly #options: ChannelOptions
  readonly #values: ParsedValues
  readonly #due = new DueAudiences()
  readonly #resumes = new ResumeCount()
  /** The positions of the readers of `messages()`. */
  readonly #places = new Set<Place>()
  readonly recent: RecentTold = new RecentTold()
  /** The length of the messages that were told since the last flush. */
  #toldLength = 0
  /** Wakes the readers of `messages()` that wait for the next message. */
  readonly #waiting = new Set<() => void>()
  readonly #unfollow: () => void
  hasEnded = false
  isClosed = false
  /** The number of streams that are subscribed. */
  subscribers = 0

  constructor(options: ChannelOptions) {
    this.#options = options
    this.log = options.log ?? memoryLog(options.history)
    this.tail = this.log.tail
    this.resetEvent = options.resetEvent ?? 'reset'
    this.snapshots = new RunningSnapshots(options.snapshotTimeout ?? LONGEST_SNAPSHOT)
    this.#values = new ParsedValues(options.parse ?? JSON.parse)
    this.audiences = new Audiences(this)
    this.#unfollow = this.log.follow(this)
  }

  // Calls of the channel.

  add(reader: Reader): void {
    this.audiences.add(reader)
    this.subscribers++
    counts.subscribers++
  }

  /** Drops messages that are too old, after they were delivered. */
  trimAged(): void {
    this.trimming(this.tail.agedFloor())
    this.tail.trimAged()
  }

  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.#unfollow()
    for (const audience of [...this.audiences]) for (const reader of [...audience]) reader.end()
    this.#wakeReaders()
    if (!this.#options.log) this.log.close()
  }

  // Calls of the log.

  entry({ topic, moreTopics, offset }: LogEntry): void {
    this.#due.markDue(this.audiences.ofTopic(undefined), offset)
    if (topic !== undefined) this.#due.markDue(this.audiences.ofTopic(topic), offset)
    if (moreTopics) for (const each of moreTopics) this.#due.markDue(this.audiences.ofTopic(each), offset)
    if (!this.#due.isEmpty) pacer.schedule(this)
    if (this.#waiting.size > 0) this.#wakeReaders()
  }

  told(message: LogEntry): void {
    for (const topic of [undefined, ...topicsOfMessage(message)]) {
      for (const audience of this.audiences.ofTopic(topic)) {
        audience.hear(message)
        this.#due.add(audience)
      }
    }
    this.#toldLength += message.block.length
    if (this.#toldLength > MOST_TOLD) this.flush()
    else if (!this.#due.isEmpty) pacer.schedule(this)
    if (this.#places.size > 0) this.recent.add(message)
    if (this.#waiting.size > 0) this.#wakeReaders()
  }

  trimming(upTo: number): void {
    // A burst that is larger than the history would be dropped before the end of this turn.
    if (upTo >= this.#due.firstUnread) this.flush()
  }

  breaking(upTo: number): void {
    for (const audience of this.audiences) audience.breakAt(upTo)
    for (const place of this.#places) if (place.cursor !== undefined && place.cursor > upTo) place.cursor = undefined
    this.snapshots.clear()
    this.recent.clear()
    // Delivered in a later turn, when the log has moved its tail.
    this.#markAllDue()
  }

  finished(): void {
    this.hasEnded = true
    this.#markAllDue()
  }

  failed(error: unknown): void {
    this.report(error, 'follow')
  }

  warned(error: unknown): void {
    this.report(error, 'log')
  }

  statusChanged(status: LogStatus): void {
    try {
      this.#options.onStatus?.(status)
    } catch (error) {
      this.report(error, 'status')
    }
  }

  flush(): void {
    this.#toldLength = 0
    this.#due.deliver((audience) => {
      const { head } = this.tail
      // A filter may publish a message, which is delivered in the next turn.
      return audience.deliver() && this.tail.head === head
    })
  }

  // Calls of readers and views.

  get isFinal(): boolean {
    return this.hasEnded || this.isClosed
  }

  enter(place: Place): () => void {
    this.#places.add(place)
    return () => {
      this.#places.delete(place)
      if (this.#places.size === 0) this.recent.clear()
    }
  }

  onNext(wake: () => void): () => void {
    this.#waiting.add(wake)
    return () => this.#waiting.delete(wake)
  }

  resumed(isKnown: boolean): void {
    counts.resumed++
    const warning = this.#resumes.add(isKnown)
    if (warning) this.report(warning, 'resume')
  }

  valueOf(entry: LogEntry): unknown {
    return this.#values.of(entry)
  }

  positionBlock(id: string): string {
    const { position = true } = this.#options
    // The log may not know the id of a position far behind at present.
    if (position === false || id === '') return ''
    return `${position === 'message' ? `\nevent: ${POSITION_EVENT}\ndata: \n` : ''}id: ${id}\n`
  }

  encode(message: Message): string {
    if (typeof message === 'object' && message?.id !== undefined)
      throw new TidingsError('ERR_SSE_ID_OWNED', 'Messages of a snapshot carry no id: the last of them gets the position')
    return encodeMessage(message, this.#options)
  }

  report(error: unknown, stage: ChannelErrorStage): void {
    const { onError = (failure: unknown) => console.error(failure) } = this.#options
    try {
      onError(error, { stage })
    } catch (thrown) {
      console.error(error, thrown)
    }
  }

  forget(reader: Reader): void {
    this.audiences.remove(reader)
    this.subscribers--
    counts.subscribers--
  }

  #markAllDue(): void {
    for (const audience of this.audiences) this.#due.add(audience)
    if (!this.#due.isEmpty) pacer.schedule(this)
    this.#wakeReaders()
  }

  #wakeReaders(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const wake of waiting) wake()
  }
}
