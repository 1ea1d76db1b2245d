import './feedable-stream.ts'
import { createChannel } from '../../src/index.ts'
import type { Channel } from '../../src/lib/channel/channel.ts'
import type { ChannelErrorStage, ChannelOptions } from '../../src/lib/channel/channel-options.ts'
import type { SubscribeOptions, Subscription } from '../../src/lib/channel/subscription.ts'
import { memoryLog } from '../../src/lib/log/memory-log.ts'
import type { TailedLog } from '../../src/lib/log/message-log.ts'
import { SinkStream } from '../../src/lib/stream/sink-stream.ts'
import { resolveOptions, type StreamOptions } from '../../src/lib/stream/stream-options.ts'
import { HeldSink, openStream } from './held-sink.ts'

/** A stream that is subscribed, and the bytes that it was written. */
export interface Joined {
  stream: SinkStream
  sink: HeldSink
  subscription: Subscription
  /** All bytes since it opened, without the opening comment. */
  readonly text: string
}

/** A channel of a test, with the errors that it reported. */
export interface Opened<Events extends object> {
  channel: Channel<Events>
  log: TailedLog
  errors: { error: unknown; stage: ChannelErrorStage }[]
  /** The id of the message with this offset. */
  id(offset: number): string
  /**
   * Subscribes a new stream, of a client that comes with `lastEventId`. What is to happen to its sink before goes
   * last.
   */
  join(options?: SubscribeOptions<Events>, lastEventId?: string, streamOptions?: StreamOptions, before?: (sink: HeldSink) => void): Joined
}

/** Opens a channel over a log that the test can read. */
export function openChannel<Events extends object = Record<string, unknown>>({ history, ...options }: ChannelOptions = {}): Opened<Events> {
  const log = memoryLog(history)
  const errors: Opened<Events>['errors'] = []
  const channel = createChannel({ log, onError: (error, { stage }) => errors.push({ error, stage }), ...options }) as unknown as Channel<Events>
  return {
    channel,
    log,
    errors,
    id: (offset) => log.idOf(offset),
    join: (subscribeOptions, lastEventId = '', streamOptions = {}, before = () => {}) => {
      const stream = new SinkStream(resolveOptions({ heartbeat: false, ...streamOptions }), lastEventId)
      const sink = new HeldSink(stream)
      stream.open(sink)
      before(sink)
      const subscription = channel.subscribe(stream, subscribeOptions)
      return {
        stream,
        sink,
        subscription,
        get text() {
          return sink.frames.slice(1).join('')
        },
      }
    },
  }
}

const probe = createChannel({ history: { messages: 1 } })
const { stream, sink } = openStream()
probe.subscribe(stream)

/**
 * Resolves when all channels have delivered what was published before: one flush serves them all, in the order in
 * which they asked.
 */
export async function flushed(): Promise<void> {
  const before = sink.frames.length
  void probe.publish('')
  await sink.until(({ frames }) => frames.length > before)
  sink.frames.length = 1
}
