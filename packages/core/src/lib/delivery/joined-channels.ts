import { TidingsError } from '../errors.ts'
import type { SharedFrames, SharedWriter } from '../message/shared-frames.ts'
import { SharedText } from '../message/shared-text.ts'
import { counts } from '../metrics.ts'
import { FEED, type FedStream, type Feedable, type Feeder, type Lane } from '../stream/feeder.ts'
import { startTimer } from '../timer.ts'
import { addedTo, JoinedFrames, lastIdIn } from './joined-frames.ts'
import { JoinedId, MOST_CHANNELS } from './joined-id.ts'
import { type GatheringStream, pacer } from './pacer.ts'

// Several named channels on one stream. `JoinedChannels` stands between the stream and the readers of its channels: it
// is the stream's only feeder, and gives each reader a `Lane`, which the reader takes for its stream. A lane puts the
// other channels' ids before the id in each frame. A stream whose channel has no name has none of this.
//
// During a flush the frames of all channels are gathered, and written to the stream at the end, in one write.

// Characters. More is written at once, so that thousands of streams that share nothing do not fill the memory.
const MOST_GATHERED = 32_768

/** The named channels that feed one stream. */
class JoinedChannels implements Feeder, GatheringStream {
  readonly stream: FedStream
  #gathered: JoinedFrames
  /** The ids of a client that has got what was written. */
  #written: JoinedFrames
  readonly #lanes = new Map<string, ChannelLane>()
  /** Set until one turn after the last subscription. The end of all channels does not count before. */
  #joining: ReturnType<typeof setTimeout> | undefined
  #turns = 0
  readonly wroteAt = 0

  constructor(stream: FedStream, lastEventId: string) {
    this.stream = stream
    this.#gathered = this.#written = new JoinedFrames('', new JoinedId(lastEventId))
  }

  join(name: string, feeder: Feeder, knows: (id: string) => boolean): Lane {
    if (this.#lanes.has(name) || this.#lanes.size === MOST_CHANNELS)
      throw new TidingsError(
        'ERR_SSE_ID_OWNED',
        `'${name}' cannot feed this stream: another channel has that name here, or there are ${MOST_CHANNELS}; give each its own name, or use topics of one channel`,
      )
    const lane = new ChannelLane(this, name, feeder, knows)
    this.#lanes.set(name, lane)
    this.#setIds(this.ids.withRoomFor(this.#lanes))
    this.#waitForOthers()
    return lane
  }

  /** The ids of a client that has got what was gathered. */
  get ids(): JoinedId {
    return this.#gathered.ids
  }

  /**
   * Adds frames of a channel to the gathered ones, and writes all where they cannot wait for the end of a flush.
   * Returns false when the peer is slow. With `onlyGathers`, returns undefined in place of writing, and adds nothing.
   */
  add(lane: ChannelLane, frames: SharedFrames, onlyGathers: boolean): boolean | undefined {
    const { gathering } = pacer
    const before = this.#gathered
    const waits = gathering && this.stream['~ready'] && before.text.length + frames.text.length < MOST_GATHERED
    if (!waits && onlyGathers) return undefined
    this.#gathered = addedTo(before, frames, lane['~channel'], lane.knows)
    if (!waits) return this.writeGathered()
    if (before.text === '') gathering.push(this)
    return true
  }

  /** Returns false when the peer is slow. */
  writeGathered(): boolean {
    const frames = this.#gathered
    // An empty chunk would end the response.
    if (frames.text === '') return this.stream['~ready']
    this.#gathered = this.#written = frames.written ??= new JoinedFrames('', frames.ids)
    return this.stream['~writeShared'](frames)
  }

  /** The client gets a new id of a channel. */
  tell({ '~channel': name, knows }: ChannelLane, id: string | undefined): void {
    if (id) this.#setIds(this.ids.with(name, id, knows))
  }

  #setIds(ids: JoinedId): void {
    this.writeGathered()
    this.#gathered = this.#written = new JoinedFrames('', ids)
  }

  leave({ '~channel': name }: ChannelLane): void {
    this.#lanes.delete(name)
    this.#waitForOthers()
  }

  /** Ends the stream where all of its channels have ended. */
  endIfAllHave(): void {
    const pauses = [...this.#lanes.values()].flatMap(({ pause }) => pause ?? [])
    const all = this.#lanes.size
    if (this.#joining === undefined && all > 0 && pauses.length === all) this.stream['~end'](true, String(this.ids), Math.min(...pauses))
  }

  drained(): void {
    const lanes = [...this.#lanes.values()]
    // Another lane is the first each time, so that no channel fills the stream alone.
    const first = this.#turns++ % lanes.length
    for (const lane of [...lanes.slice(first), ...lanes.slice(0, first)]) lane.drained()
  }

  streamEnded(): void {
    clearTimeout(this.#joining)
    // What was gathered is lost, and the client comes back without it.
    this.#gathered = this.#written
    for (const { feeder } of this.#lanes.values()) feeder.streamEnded()
    this.#lanes.clear()
  }

  heartbeat(): string {
    let lines = ''
    for (const lane of this.#lanes.values()) {
      const own = lane.feeder.heartbeat()
      this.tell(lane, lastIdIn(`\n${own}`))
      // One channel may send an event of its position, and another one an id alone. The event has the id, too.
      if (own.length > lines.length) lines = own
    }
    return lines && `${lines.slice(0, lines.lastIndexOf('id: '))}id: ${this.ids}\n`
  }

  get behind(): number {
    let sum = 0
    for (const { feeder } of this.#lanes.values()) sum += feeder.behind
    return sum
  }

  #waitForOthers(): void {
    clearTimeout(this.#joining)
    this.#joining = startTimer(() => {
      this.#joining = undefined
      this.endIfAllHave()
    }, 0)
  }
}

/** The way of one channel to a stream that it shares with others. Its reader takes it for the stream. */
class ChannelLane implements Lane, SharedWriter {
  readonly '~channel': string
  readonly feeder: Feeder
  readonly knows: (id: string) => boolean
  readonly #joined: JoinedChannels
  /** Called when the stream is ready and it is this channel's turn. */
  #goOn: (() => void) | undefined
  /** Set when the channel has ended: the least time until the client reconnects, in milliseconds. */
  pause: number | undefined

  constructor(joined: JoinedChannels, name: string, feeder: Feeder, knows: (id: string) => boolean) {
    this['~channel'] = name
    this.#joined = joined
    this.feeder = feeder
    this.knows = knows
  }

  get lastEventId(): string {
    return this.#joined.ids.of(this['~channel'])
  }

  get '~ready'(): boolean {
    return this.#joined.stream['~ready']
  }

  '~write'(frames: string, messages: number): boolean {
    return this['~writeShared'](new SharedText(frames, messages))
  }

  /** Frames of channels do not count against `maxBufferedBytes`, also those that the stream shares with no other. */
  '~writeShared'(frames: SharedFrames): boolean {
    counts.messages += frames.messages
    return this.#joined.add(this, frames, false) === true
  }

  get '~shared'(): SharedWriter {
    return this
  }

  /** It writes nothing, since a write to the stream may run code of the app. */
  write(frames: SharedFrames): boolean | undefined {
    return this.#joined.add(this, frames, true)
  }

  '~waits'(): void {}

  '~waitsItsTurn'(goOn: () => void): boolean {
    if (this['~ready']) return false
    this.#goOn = goOn
    return true
  }

  '~end'(spread: boolean, id?: string, pause?: number): void {
    const joined = this.#joined
    joined.writeGathered()
    if (pause === undefined) joined.stream['~end'](spread)
    else if (this.pause === undefined) {
      this.pause = pause
      joined.tell(this, id)
      joined.endIfAllHave()
    }
  }

  '~cut'(cause: unknown): void {
    this.#joined.stream['~cut'](cause)
  }

  '~release'(): void {
    this.#joined.leave(this)
  }

  drained(): void {
    const goOn = this.#goOn
    this.#goOn = undefined
    goOn?.()
    this.feeder.drained()
  }
}

/**
 * Lets a named channel feed a stream, beside other named channels.
 *
 * @param knows whether the channel gave out an id
 * @throws `ERR_SSE_ID_OWNED` for a second channel of one name, a ninth channel, and a stream that a channel without a
 * name feeds
 */
export function joinStream(stream: Feedable & { readonly lastEventId: string }, name: string, feeder: Feeder, knows: (id: string) => boolean): Lane {
  const fed = stream[FEED]()
  const joined = fed['~feeder']
  if (joined?.join) return joined.join(name, feeder, knows)
  const first = new JoinedChannels(fed, stream.lastEventId)
  stream[FEED](first)
  return first.join(name, feeder, knows)
}
