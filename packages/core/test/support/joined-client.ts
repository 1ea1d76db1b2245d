import './feedable-stream.ts'
import type { Channel } from '../../src/lib/channel/channel.ts'
import type { SubscribeOptions, Subscription } from '../../src/lib/channel/subscription.ts'
import { SinkStream } from '../../src/lib/stream/sink-stream.ts'
import { resolveOptions } from '../../src/lib/stream/stream-options.ts'
import type { Random } from './faulty-engine.ts'
import { HeldSink, turn } from './held-sink.ts'
import { type Dispatched, EventStreamParser } from './parsers.ts'

const STREAM_OPTIONS = resolveOptions({ heartbeat: false, stallTimeout: 1_000_000 })
const ID_LINE = /^id: /m
const utf8 = new TextEncoder()
const text = new TextDecoder()

/** What one life of a channel's log had, from its first message on. */
export interface Life {
  /** The offset that an id of this life stands for. */
  offsetOf(id: string): number | undefined
  /** The data of the messages, by offset; the first message has 1. */
  dataAt(offset: number): string
}

/** A channel as a client of the test sees it. */
export interface Feed {
  readonly name: string
  readonly channel: Channel
  readonly lives: readonly Life[]
  /** The channels of this feed that were ended. */
  readonly ended: ReadonlySet<Channel>
  /** The position where a client begins that comes now; undefined where the test does not know it. */
  startsAt(): string | undefined
  options(): SubscribeOptions
}

/** The parts of a joined id, by the names of the channels. */
function partsOf(id: string): Map<string, string> {
  const pieces = id === '' ? [] : id.split('~')
  const parts = new Map<string, string>()
  for (let index = 0; index < pieces.length; index += 2) parts.set(pieces[index] as string, pieces[index + 1] as string)
  return parts
}

/** A client of several channels on one stream. It throws at the first block that is not what must follow. */
export class JoinedClient {
  readonly #random: Random
  #sink: HeldSink | undefined
  #stream: SinkStream | undefined
  #parser = new EventStreamParser()
  /** The frames that it has read, and the block after them that it does not have whole. */
  #frames = 0
  #rest = ''
  #lastEventId = ''
  /** The feeds of this connection, once they are subscribed. */
  readonly #feeds = new Map<string, { feed: Feed; channel: Channel; subscription: Subscription; startsAt: string | undefined }>()
  /** Channels of which the client was told that messages may be gone, or that show it their state. */
  readonly #told = new Set<string>()
  /** The state that a snapshot has begun to show, and the newest id when it was taken. */
  #state: { readonly channel: string; readonly shown: string } | undefined
  /** Set while a handler subscribes channels. */
  #opening: Promise<void> | undefined
  readonly seen = { messages: 0, resets: 0, snapshots: 0, drops: 0, carried: 0 }

  constructor(random: Random) {
    this.#random = random
  }

  get lastEventId(): string {
    return this.#lastEventId
  }

  partOf(name: string): string | undefined {
    return partsOf(this.#lastEventId).get(name)
  }

  get isOpen(): boolean {
    return this.#sink?.state === 'open' && this.#stream?.closed === false
  }

  /** Opens a stream, and subscribes these feeds in this order, as a handler that awaits something between them. */
  connect(feeds: readonly Feed[]): Promise<void> {
    this.#feeds.clear()
    this.#told.clear()
    this.#state = undefined
    this.#parser = new EventStreamParser()
    this.#frames = 0
    this.#rest = ''
    const stream = new SinkStream(STREAM_OPTIONS, this.#lastEventId)
    HeldSink.takesShared = this.#random() < 0.5
    const sink = new HeldSink(stream)
    stream.open(sink)
    this.#stream = stream
    this.#sink = sink
    if (this.#random() < 0.3) sink.hold()
    const waits = this.#random() < 0.7
    this.#opening = (async () => {
      for (const feed of feeds) {
        if (waits) for (let turns = Math.floor(this.#random() * 3); turns > 0; turns--) await turn()
        if (stream.closed) return
        const startsAt = feed.startsAt()
        const { channel } = feed
        const subscription = channel.subscribe(stream, { ...feed.options(), name: feed.name, snapshot: this.#snapshotOf(feed) })
        this.#feeds.set(feed.name, { feed, channel, subscription, startsAt })
      }
    })()
    return this.#opening
  }

  hold(): void {
    this.#sink?.hold()
  }

  take(): void {
    if (this.isOpen) this.#sink?.take()
  }

  /** Reads all that was written, or a share of it. */
  read(share = 1): void {
    const sink = this.#sink
    if (!sink) return
    const waiting = this.#rest + sink.frames.slice(this.#frames).join('')
    this.#frames = sink.frames.length
    const bytes = utf8.encode(waiting).subarray(0, Math.floor(waiting.length * share))
    let from = 0
    for (let at = 1; at < bytes.length; at++) {
      if (bytes[at] !== 10 || bytes[at - 1] !== 10) continue
      const block = bytes.subarray(from, at + 1)
      this.#parser.feed(block)
      from = at + 1
      this.#onBlock(ID_LINE.test(text.decode(block)))
    }
    this.#rest = waiting.slice(from)
    const goesOn = [...this.#feeds.values()].some(({ feed, channel }) => !feed.ended.has(channel))
    if (this.#parser.reconnectionTime !== undefined && goesOn) throw new Error('the stream has ended, and not all of its channels')
  }

  /** Reads a share of the bytes that wait, and leaves. */
  async drop(share: number): Promise<void> {
    if (!this.#sink) return
    this.seen.drops++
    this.read(share)
    if (this.#sink.state === 'open') this.#sink.leave()
    this.#sink = undefined
    await this.#opening
  }

  /** Whether it has the part that each of its subscriptions tells. */
  isUpToDate(): boolean {
    const parts = partsOf(this.#lastEventId)
    return [...this.#feeds].every(([name, { subscription }]) => parts.get(name) === subscription.lastEventId)
  }

  #snapshotOf(feed: Feed): SubscribeOptions['snapshot'] {
    const { snapshot } = feed.options()
    return snapshot && (() => snapshot({ signal: new AbortController().signal }))
  }

  #onBlock(hasId: boolean): void {
    const { events, lastEventId } = this.#parser
    const event = events.shift()
    const id = lastEventId || this.#lastEventId
    const before = partsOf(this.#lastEventId)
    const parts = partsOf(id)
    for (const name of before.keys()) if (!parts.has(name)) throw new Error(`${id} has no part of ${name}, and ${this.#lastEventId} had one`)
    const from = event && this.#channelOf(event)
    const shows = this.#stateIn(event, hasId, before, parts)
    if (event?.type === 'reset') this.#onReset(event, before)
    for (const [name, part] of parts) {
      const old = before.get(name)
      const isMessage = name === from && event?.type === 'note'
      if (name !== shows && (part !== old || isMessage)) this.#onPart(name, old, part, isMessage ? event.data : undefined)
      else if (!this.#feeds.has(name)) this.seen.carried++
    }
    if (event?.type === 'note') {
      if (!parts.has(from as string)) throw new Error(`a message of ${from} without its part`)
      this.seen.messages++
    }
    this.#lastEventId = id
  }

  #channelOf({ type, data }: Dispatched): string {
    return type === 'reset' ? (JSON.parse(data).channel as string) : (data.split(' ')[0] as string)
  }

  #onReset({ data, lastEventId }: Dispatched, before: ReadonlyMap<string, string>): void {
    const { channel, reason, lastEventId: own } = JSON.parse(data) as Record<'channel' | 'reason' | 'lastEventId', string>
    this.seen.resets++
    const subscribed = this.#feeds.get(channel)
    if (!subscribed) throw new Error(`a reset of ${channel}, which is not subscribed`)
    if (reason !== 'lost' && own !== (before.get(channel) ?? '') && reason !== 'lagged') throw new Error(`a reset from ${own}, not from ${before.get(channel)}`)
    if (subscribed.feed.options().snapshot && lastEventId !== '' && partsOf(lastEventId).get(channel) !== before.get(channel))
      throw new Error('a position before the snapshot')
    this.#told.add(channel)
  }

  /**
   * Reads a block of a state. Its two events come together, and the last one alone has an id. Returns the channel of
   * which the client has the whole state with this block.
   */
  #stateIn(event: Dispatched | undefined, hasId: boolean, before: ReadonlyMap<string, string>, parts: ReadonlyMap<string, string>): string | undefined {
    const state = this.#state
    if (event?.type === 'state') this.#onState(event, hasId, before)
    if (event?.type !== 'rest') {
      if (state) throw new Error(`a state of ${state.channel} without its last event`)
      return undefined
    }
    if (state?.channel !== this.#channelOf(event) || !hasId) throw new Error(`the last event of a state of ${event.data} without an id`)
    this.#onShown(state.channel, state.shown, parts.get(state.channel))
    return state.channel
  }

  #onState({ data }: Dispatched, hasId: boolean, before: ReadonlyMap<string, string>): void {
    const [channel = '', shown = ''] = data.split(' ')
    this.seen.snapshots++
    if (hasId || this.#state) throw new Error(`a state of ${channel} with an id, or within another state`)
    if (before.has(channel) && !this.#told.has(channel)) throw new Error(`a snapshot of ${channel}, which the client knows, without a reset`)
    this.#state = { channel, shown }
  }

  /** Throws unless a position may follow a state. */
  #onShown(name: string, shown: string, part: string | undefined): void {
    this.#state = undefined
    this.#told.delete(name)
    const lives = this.#feeds.get(name)?.feed.lives ?? []
    // The store may have gone back to an earlier state, which the snapshot shows before the channel has noticed.
    const life = lives.findLast(({ offsetOf }) => offsetOf(shown) !== undefined)
    const isBehind = (life?.offsetOf(part ?? '') ?? 0) > (life?.offsetOf(shown) ?? 0)
    if (part === undefined || isBehind) throw new Error(`the position ${part} after a state of ${shown}`)
  }

  /** Throws unless a new part may follow the old one. */
  #onPart(name: string, old: string | undefined, part: string, data: string | undefined): void {
    const subscribed = this.#feeds.get(name)
    if (!subscribed) throw new Error(`the part of ${name} has changed, and it is not subscribed`)
    const { feed, startsAt } = subscribed
    const isTold = this.#told.delete(name)
    if ((old === undefined || isTold) && feed.options().snapshot) throw new Error(`the part ${part} of ${name} without a state`)
    if (old !== undefined && !isTold) this.#follows(feed, old, part, data)
    else if (old === undefined && !isTold && startsAt !== undefined && part !== startsAt)
      throw new Error(`a new client of ${name} begins at ${part}, not at ${startsAt}`)
  }

  /** Throws unless there is a life of the log in which one place follows the other, with nothing between them. */
  #follows({ lives }: Feed, before: string, id: string, data: string | undefined): void {
    const isRight = ({ offsetOf, dataAt }: Life): boolean => {
      const [from, to] = [offsetOf(before), offsetOf(id)]
      if (from === undefined || to === undefined) return false
      return data === undefined ? from === to : to === from + 1 && dataAt(to) === data
    }
    if (!lives.some(isRight)) throw new Error(`${before} was followed by ${id}, ${data}`)
  }
}
