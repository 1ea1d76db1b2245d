import './feedable-stream.ts'
import { createChannel } from '../../src/index.ts'
import type { Channel } from '../../src/lib/channel/channel.ts'
import type { ChannelOptions } from '../../src/lib/channel/channel-options.ts'
import type { Subscription } from '../../src/lib/channel/subscription.ts'
import type { Snapshot } from '../../src/lib/delivery/snapshot.ts'
import type { Filter } from '../../src/lib/delivery/view.ts'
import type { HistoryBounds } from '../../src/lib/log/history-bounds.ts'
import { memoryLog } from '../../src/lib/log/memory-log.ts'
import type { TailedLog } from '../../src/lib/log/message-log.ts'
import type { SharedWriter } from '../../src/lib/message/shared-frames.ts'
import type { Sink, SinkOwner } from '../../src/lib/stream/sink.ts'
import { SinkStream } from '../../src/lib/stream/sink-stream.ts'
import { resolveOptions } from '../../src/lib/stream/stream-options.ts'
import { turn } from './held-sink.ts'
import { type Dispatched, EventStreamParser } from './parsers.ts'

const utf8 = new TextEncoder()
const STREAM_OPTIONS = resolveOptions({ heartbeat: false })

/** The published messages, as the test records them. */
export interface Published {
  offset: number
  id: string
  topic: string | undefined
  event: string
  /** The text of its data. */
  text: string
}

/** A channel that restarts, and the messages that were published since. */
export class World {
  readonly #history: HistoryBounds
  readonly #position: ChannelOptions['position']
  log!: TailedLog
  channel!: Channel
  published: Published[] = []
  /** The messages that are not kept. */
  readonly told = new Map<string, { topic: string | undefined; number: number }>()
  #told = 1
  readonly errors: unknown[] = []
  /** Counts of the cases that the clients of this world saw, to know that a run shows enough. */
  readonly seen = { messages: 0, resets: 0, snapshots: 0, drops: 0, told: 0 }

  constructor(history: HistoryBounds, position: ChannelOptions['position'] = true) {
    this.#history = history
    this.#position = position
    this.restart()
  }

  /** Restarts the process: its log has a new epoch, and no message. */
  restart(): void {
    this.channel?.close()
    this.log = memoryLog(this.#history)
    this.channel = createChannel({ log: this.log, position: this.#position, onError: (error) => this.errors.push(error) })
    this.published = []
    this.told.clear()
  }

  publish(topic: string | undefined, size: number): void {
    const offset = this.published.length + 1
    const pad = 'ä\n'.repeat(size >> 1) + 'x'.repeat(size & 1)
    const data = size % 3 === 0 ? { n: offset, pad } : `${offset} ${pad}`
    const event = size % 2 === 0 ? 'note' : 'message'
    const at = this.published.push({ offset, id: '', topic, event, text: typeof data === 'string' ? data : JSON.stringify(data) }) - 1
    const entry = this.published[at] as Published
    void this.channel.publish({ event, data }, { topic })
    entry.id = this.log.idOf(this.log.tail.head)
  }

  /** Publishes a message that is not kept. Its data says its number, and the place where it stands. */
  tell(topic: string | undefined): void {
    const data = `${this.#told} ${this.head}`
    this.told.set(data, { topic, number: this.#told++ })
    void this.channel.publish({ event: 'told', data }, { topic, keep: false })
  }

  get head(): number {
    return this.published.length
  }

  /** The offset of an id of the current epoch. */
  offsetOf(id: string): number | undefined {
    const [epoch, offset] = id.split('-')
    return this.log.idOf(0) === `${epoch}-0` && offset !== undefined ? Number(offset) : undefined
  }
}

/** The bytes to one client, which takes them when the test says. */
class Wire implements Sink {
  readonly #owner: SinkOwner
  readonly #world: World
  readonly #capacity: number
  #segments: { bytes: Uint8Array; floor: number }[] = []
  #full = false
  #passed = 0
  #offers = 0
  bufferedAmount = 0
  state: 'open' | 'ended' | 'cut' | 'left' = 'open'
  shared?: SharedWriter

  constructor(owner: SinkOwner, world: World, capacity: number, framed: boolean) {
    this.#owner = owner
    this.#world = world
    this.#capacity = capacity
    if (framed) this.shared = { write: ({ chunk }) => (this.#full || ++this.#offers % 7 === 0 ? undefined : this.write(unframed(chunk))) }
  }

  write(frames: string | Uint8Array): boolean {
    if (this.state !== 'open') throw new Error(`written to while ${this.state}`)
    const bytes = typeof frames === 'string' ? utf8.encode(frames) : frames
    this.#segments.push({ bytes, floor: this.#world.log.tail.floor })
    this.bufferedAmount += bytes.length
    this.#full ||= this.bufferedAmount > this.#capacity
    return !this.#full
  }

  end(): void {
    this.state = 'ended'
    if (this.bufferedAmount === 0) this.#owner.gone('local')
  }

  destroy(): void {
    this.state = 'cut'
    this.#segments = []
    this.#owner.gone('peer')
  }

  progress(): number {
    return this.#passed
  }

  /** Hands on so many bytes, each piece with the log's floor when it was written. */
  take(bytes: number, receive: (bytes: Uint8Array, floor: number) => void): void {
    let left = bytes
    while (left > 0) {
      const [segment] = this.#segments
      if (!segment) break
      const piece = segment.bytes.subarray(0, left)
      if (piece.length === segment.bytes.length) this.#segments.shift()
      else segment.bytes = segment.bytes.subarray(left)
      left -= piece.length
      this.bufferedAmount -= piece.length
      this.#passed += piece.length
      receive(piece, segment.floor)
      if (this.bufferedAmount > 0) continue
      if (this.state === 'ended') {
        this.#owner.gone('local')
        return
      }
      const full = this.#full
      this.#full = false
      if (full) this.#owner.drained()
    }
  }

  leave(): void {
    if (this.state === 'open') this.state = 'left'
    this.#owner.gone('peer')
  }
}

/** The payload of one chunk, whose size must be what it says (RFC 9112 7.1). */
function unframed(chunk: Uint8Array): Uint8Array {
  const text = new TextDecoder('latin1').decode(chunk)
  const [, size = '', rest = ''] = /^([0-9a-f]+)\r\n(.*)\r\n$/s.exec(text) ?? []
  if (Number.parseInt(size, 16) !== rest.length) throw new Error(`a chunk of ${rest.length} bytes says ${JSON.stringify(size)}`)
  return chunk.subarray(size.length + 2, chunk.length - 2)
}

/** How a client of the world subscribes, and reads. */
export interface ClientOptions {
  topics: string[] | undefined
  filter: Filter | undefined
  after: 'start' | undefined
  snapshot: 'none' | 'sync' | 'async' | 'says after' | 'says an old after'
  lag: 'reset' | 'close'
  /** Bytes that its connection takes before it is full; a client of `Infinity` reads all at once. */
  capacity: number
  /** Whether shared frames come to it past its stream and in chunked form, but for now and then. */
  framed: boolean
}

/** A filter for half of all messages. */
export const evenOnes: Filter = ({ data }) => (typeof data === 'string' ? Number.parseInt(data, 10) : (data as { n: number }).n) % 2 === 0

/** A conforming client that keeps books of what it must see, and throws at the first block that is not that. */
export class BookkeepingClient {
  readonly #world: World
  readonly #options: ClientOptions
  #wire: Wire | undefined
  #subscription: Subscription | undefined
  #parser = new EventStreamParser()
  #seen = 0
  /** The number of the newest message that is not kept and that it has had. */
  #told = 0
  /** The id that it would send as `Last-Event-ID`. */
  #lastEventId = ''
  /** Everything of its own up to here it has had, or was told that it may be gone. */
  #has = 0
  /** The expected first block of this connection. */
  #mustSay: 'unknown' | 'trimmed' | undefined
  /** From a snapshot's first message to its last one, which has the position: the newest message of the state. */
  #snapshot: { upTo: number; parts: number } | undefined
  #endedByLine = false

  constructor(world: World, options: ClientOptions) {
    this.#world = world
    this.#options = options
  }

  get isConnected(): boolean {
    return this.#wire?.state === 'open'
  }

  connect(): void {
    if (this.isConnected) return
    const { topics, filter, after, lag, capacity, framed, snapshot } = this.#options
    const world = this.#world
    const { floor } = world.log.tail
    const known = this.#lastEventId === '' ? (after ? floor : world.head) : world.offsetOf(this.#lastEventId)
    this.#mustSay = known === undefined ? 'unknown' : this.#lost(known, floor) ? 'trimmed' : undefined
    this.#has = known ?? 0
    this.#parser = new EventStreamParser()
    this.#seen = 0
    this.#endedByLine = false
    this.#snapshot = this.#lastEventId === '' && !after && snapshot !== 'none' ? { upTo: -1, parts: 0 } : undefined
    const stream = new SinkStream(STREAM_OPTIONS, this.#lastEventId)
    this.#wire = new Wire(stream, world, capacity, framed)
    stream.open(this.#wire)
    this.#subscription = world.channel.subscribe(stream, { topics, filter, after, lag, snapshot: this.#snapshotFunction() })
  }

  /** Reads a number of the waiting bytes. */
  take(bytes: number): void {
    const wire = this.#wire
    wire?.take(bytes, (piece, floor) => this.#receive(piece, floor))
    if (wire?.state === 'ended' && wire.bufferedAmount === 0) this.#onEnd()
  }

  /** Reads a number of bytes and leaves, perhaps in the middle of a block. */
  drop(bytes: number): void {
    if (!this.#wire) return
    this.#world.seen.drops++
    this.take(bytes)
    this.#wire?.leave()
    this.#wire = undefined
  }

  /** Reads, and handles an end by the server. */
  poll(): void {
    if (this.#options.capacity === Number.POSITIVE_INFINITY) this.take(Number.POSITIVE_INFINITY)
    if (this.#wire?.state !== 'cut') return
    if (this.#options.snapshot !== 'says an old after') throw new Error('cut by the server')
    this.#wire = undefined
  }

  /** Throws unless it has had all messages that were published for it. */
  isComplete(): void {
    if (!this.isConnected) throw new Error('not connected')
    if (this.#snapshot) throw new Error('the snapshot never came')
    if (this.#mustSay) throw new Error(`was never told ${this.#mustSay}`)
    this.#skips(this.#world.head + 1, 'the end of the run')
    const { lastEventId = '' } = this.#subscription ?? {}
    if (this.#world.offsetOf(lastEventId) !== this.#world.head) throw new Error(`its subscription stands at ${lastEventId}, not at the head`)
  }

  #wants({ topic, text, event, id }: Published): boolean {
    const { topics, filter } = this.#options
    if (topics && (topic === undefined || !topics.includes(topic))) return false
    return filter?.({ data: text.startsWith('{') ? JSON.parse(text) : text, event, id, topic }) ?? true
  }

  /**
   * Whether something for it may be gone of what followed `after`. A filter is not asked: what is gone cannot be
   * filtered.
   */
  #lost(after: number, floor: number): boolean {
    const { topics } = this.#options
    return this.#world.published.slice(after, Math.max(after, floor)).some(({ topic }) => !topics || (topic !== undefined && topics.includes(topic)))
  }

  /** Throws if a message for it before `offset` never came. */
  #skips(offset: number, where: string): void {
    const missed = this.#world.published.slice(this.#has, offset - 1).find((message) => this.#wants(message))
    if (missed) throw new Error(`${where} skips ${missed.offset}; it had ${this.#has}`)
  }

  #snapshotFunction(): Snapshot | undefined {
    const world = this.#world
    const { log } = world
    const state = () => [
      { event: 'state', data: String(log.tail.head) },
      { comment: 'between' },
      { event: 'rest', data: String(log.tail.head) },
      { comment: 'behind' },
    ]
    switch (this.#options.snapshot) {
      case 'none':
        return undefined
      case 'sync':
        return state
      case 'async':
        return async () => {
          await turn()
          return state()
        }
      case 'says after':
        return async () => {
          await turn()
          return { messages: state(), after: log.idOf(log.tail.head) }
        }
      case 'says an old after':
        return async () => {
          const old = { messages: state(), after: log.idOf(log.tail.head) }
          await turn()
          return old
        }
    }
  }

  /** Gives whole blocks to the parser, so that each can be looked at. */
  #receive(bytes: Uint8Array, floor: number): void {
    let from = 0
    for (let at = 0; at < bytes.length; at++) {
      const isLine = bytes[at] === 10
      if (isLine && this.#endedByLine) {
        this.#parser.feed(bytes.subarray(from, at + 1))
        from = at + 1
        this.#onBlock(floor)
      }
      this.#endedByLine = isLine
    }
    this.#parser.feed(bytes.subarray(from))
  }

  #onBlock(floor: number): void {
    const { events, lastEventId } = this.#parser
    const [event, second] = events.slice(this.#seen)
    if (second) throw new Error('two events in one block')
    this.#seen = events.length
    const moved = lastEventId !== '' && lastEventId !== this.#lastEventId
    if (!event && !moved) return
    if (this.#mustSay && event?.type !== 'reset') throw new Error(`must say ${this.#mustSay} before anything else`)
    if (!event) this.#onPosition(lastEventId)
    else if (event.type === 'reset') this.#onReset(event, floor)
    else if (event.type === 'state' || event.type === 'rest') this.#onState(event)
    else if (event.type === 'told') this.#onTold(event)
    else this.#onMessage(event)
    if (lastEventId !== '') this.#lastEventId = lastEventId
  }

  #onMessage({ type, data, lastEventId }: Dispatched): void {
    const message = this.#world.published[(this.#world.offsetOf(lastEventId) ?? 0) - 1]
    if (this.#snapshot) throw new Error('a message before the snapshot is whole')
    if (!message || !this.#wants(message)) throw new Error(`${lastEventId} is not for it`)
    if (message.offset <= this.#has) throw new Error(`${message.offset} comes again`)
    if (message.text !== data || message.event !== type) throw new Error(`${message.offset} is not as it was published`)
    this.#skips(message.offset, `message ${message.offset}`)
    this.#has = message.offset
    this.#world.seen.messages++
  }

  #onTold({ data, lastEventId }: Dispatched): void {
    const { topic, number = 0 } = this.#world.told.get(data) ?? {}
    const offset = Number(data.split(' ')[1])
    if (this.#snapshot) throw new Error('told before the snapshot is whole')
    if (lastEventId !== '' && lastEventId !== this.#lastEventId) throw new Error('told with an id')
    if (!this.#wants({ topic, text: data, event: 'told', id: '', offset })) throw new Error(`told ${data} is not for it`)
    if (number <= this.#told) throw new Error(`told ${data} comes again`)
    this.#skips(offset + 1, `told ${data}`)
    const after = this.#world.published.slice(offset, this.#has).find((message) => this.#wants(message))
    if (after) throw new Error(`told ${data} comes after ${after.offset}`)
    this.#told = number
    this.#world.seen.told++
  }

  #onPosition(id: string): void {
    const offset = this.#world.offsetOf(id)
    if (offset === undefined) throw new Error(`position ${id} was never given out`)
    if (this.#snapshot) {
      if (this.#snapshot.parts !== 2) throw new Error('a position within a snapshot')
      // What the state has need not come; what it lacks must.
      this.#has = this.#snapshot.upTo
      this.#skips(offset + 1, `the position of the snapshot, ${offset},`)
      this.#snapshot = undefined
    } else this.#skips(offset + 1, `position ${offset}`)
    this.#has = offset
  }

  #onReset({ data, lastEventId }: Dispatched, floor: number): void {
    const { reason, lastEventId: from } = JSON.parse(data)
    this.#world.seen.resets++
    const due = this.#mustSay ?? 'lagged'
    if (reason !== due) throw new Error(`said ${reason}, not ${due}`)
    if (this.#mustSay && from !== this.#lastEventId) throw new Error(`reset from ${from}, but it asked from ${this.#lastEventId}`)
    if (!this.#mustSay && !this.#lost(this.#has, floor)) throw new Error('a false gap')
    this.#mustSay = undefined
    if (this.#options.snapshot === 'none') {
      if (lastEventId !== this.#world.log.idOf(floor)) throw new Error(`after the reset it stands at ${lastEventId}, not at ${floor}`)
      this.#has = floor
    } else {
      if (lastEventId !== '' && lastEventId !== this.#lastEventId) throw new Error('a position before the snapshot is whole')
      this.#snapshot = { upTo: -1, parts: 0 }
    }
  }

  #onState({ type, data, lastEventId }: Dispatched): void {
    if (this.#snapshot?.parts !== (type === 'state' ? 0 : 1)) throw new Error(`the ${type} of a snapshot that is not due`)
    this.#snapshot = { upTo: Number(data), parts: this.#snapshot.parts + 1 }
    if (type === 'rest') {
      this.#onPosition(lastEventId)
      this.#world.seen.snapshots++
    } else if (lastEventId !== '' && lastEventId !== this.#lastEventId) throw new Error('a message of a snapshot with an id, before the last one')
  }

  #onEnd(): void {
    this.#wire = undefined
    if (this.#options.lag !== 'close') throw new Error('ended by the server')
    if (!this.#lost(this.#has, this.#world.log.tail.floor)) throw new Error('closed as lagging, and nothing is gone')
  }
}
