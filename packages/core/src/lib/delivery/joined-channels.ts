import { TidingsError } from '../errors.ts'
import { ownText } from '../message/own-text.ts'
import type { SharedFrames } from '../message/shared-frames.ts'
import { SharedText } from '../message/shared-text.ts'
import { FEED, type FedStream, type Feedable, type Feeder, type Lane } from '../stream/feeder.ts'
import { startTimer } from '../timer.ts'
import { JoinedId, MOST_CHANNELS } from './joined-id.ts'

// Several named channels on one stream. `JoinedChannels` stands between the stream and the readers of its channels: it
// is the stream's only feeder, and gives each reader a `Lane`, which the reader takes for its stream. A lane puts the
// other channels' ids before the id in each frame. A stream whose channel has no name has none of this.

const ID_LINE = '\nid: '

/** The frames of one channel with the ids of the others. */
class JoinedFrames extends SharedText {
  readonly before: string
  /** The channel's own id in the last of the frames; undefined where they have none. */
  readonly lastId: string | undefined

  constructor(text: string, messages: number, before: string) {
    // A frame of an id alone begins with the id. No other line of a frame begins with its name.
    const lines = `\n${text}`
    super(lines.replaceAll(ID_LINE, ID_LINE + before).slice(1), messages)
    this.before = before
    this.lastId = lastIdIn(lines)
  }
}

/** The joined frames of batches. Up-to-date streams with the same channels have the same ids, and share the bytes. */
const joinedFrames = new WeakMap<SharedFrames, JoinedFrames>()

function lastIdIn(lines: string): string | undefined {
  const line = lines.lastIndexOf(ID_LINE)
  return line < 0 ? undefined : ownText(lines.slice(line + ID_LINE.length, lines.indexOf('\n', line + 1)))
}

/** The named channels that feed one stream. */
class JoinedChannels implements Feeder {
  readonly stream: FedStream
  readonly id: JoinedId
  readonly #lanes = new Map<string, ChannelLane>()
  /** Set until one turn after the last subscription. The end of all channels does not count before. */
  #joining: ReturnType<typeof setTimeout> | undefined
  #turns = 0
  readonly wroteAt = 0

  constructor(stream: FedStream, lastEventId: string) {
    this.stream = stream
    this.id = new JoinedId(lastEventId)
  }

  join(name: string, feeder: Feeder, knows: (id: string) => boolean): Lane {
    if (this.#lanes.has(name) || this.#lanes.size === MOST_CHANNELS)
      throw new TidingsError(
        'ERR_SSE_ID_OWNED',
        `'${name}' cannot feed this stream: another channel has that name here, or there are ${MOST_CHANNELS}; give each its own name, or use topics of one channel`,
      )
    const lane = new ChannelLane(this, name, feeder, knows)
    this.#lanes.set(name, lane)
    this.id.makeRoom(this.#lanes)
    this.#waitForOthers()
    return lane
  }

  tell({ '~channel': name, knows }: ChannelLane, id: string | undefined): void {
    if (id) this.id.set(name, id, knows)
  }

  leave({ '~channel': name }: ChannelLane): void {
    this.#lanes.delete(name)
    this.#waitForOthers()
  }

  /** Ends the stream where all of its channels have ended. */
  endIfAllHave(): void {
    const pauses = [...this.#lanes.values()].flatMap(({ pause }) => pause ?? [])
    const all = this.#lanes.size
    if (this.#joining === undefined && all > 0 && pauses.length === all) this.stream['~end'](true, String(this.id), Math.min(...pauses))
  }

  drained(): void {
    const lanes = [...this.#lanes.values()]
    // Another lane is the first each time, so that no channel fills the stream alone.
    const first = this.#turns++ % lanes.length
    for (const lane of [...lanes.slice(first), ...lanes.slice(0, first)]) lane.drained()
  }

  streamEnded(): void {
    clearTimeout(this.#joining)
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
    return lines && `${lines.slice(0, lines.lastIndexOf('id: '))}id: ${this.id}\n`
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
class ChannelLane implements Lane {
  readonly '~channel': string
  readonly '~shared' = undefined
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
    return this.#joined.id.of(this['~channel'])
  }

  get '~ready'(): boolean {
    return this.#joined.stream['~ready']
  }

  '~write'(frames: string, messages: number): boolean {
    return this.#put(new JoinedFrames(frames, messages, this.#before))
  }

  '~writeShared'(frames: SharedFrames): boolean {
    const before = this.#before
    let joined = joinedFrames.get(frames)
    if (joined?.before !== before) {
      joined = new JoinedFrames(frames.text, frames.messages, before)
      joinedFrames.set(frames, joined)
    }
    return this.#put(joined)
  }

  '~waits'(): void {}

  '~waitsItsTurn'(goOn: () => void): boolean {
    if (this['~ready']) return false
    this.#goOn = goOn
    return true
  }

  '~end'(spread: boolean, id?: string, pause?: number): void {
    const joined = this.#joined
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

  get #before(): string {
    return this.#joined.id.before(this['~channel'])
  }

  /** Frames of channels do not count against `maxBufferedBytes`, also those that the stream shares with no other. */
  #put(frames: JoinedFrames): boolean {
    this.#joined.tell(this, frames.lastId)
    return frames.text === '' ? this['~ready'] : this.#joined.stream['~writeShared'](frames)
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
