import './feedable-stream.ts'
import { type Channel, type ChannelOptions, createChannel, type SubscribeOptions, type Subscription } from '../../src/index.ts'
import type { ChannelErrorStage } from '../../src/lib/channel/channel-options.ts'
import type { TailedLog } from '../../src/lib/log/message-log.ts'
import { SinkStream } from '../../src/lib/stream/sink-stream.ts'
import { resolveOptions } from '../../src/lib/stream/stream-options.ts'
import { type EngineLogOptions, engineLog } from '../../src/log.ts'
import { FaultyEngine, type Store } from './faulty-engine.ts'
import { HeldSink } from './held-sink.ts'

/** One of several processes that share a store. */
export interface Machine {
  engine: FaultyEngine
  log: TailedLog
  channel: Channel
  errors: { code: unknown; message: string; stage: ChannelErrorStage }[]
  /** Subscribes a client, and returns its writes. */
  join(options?: SubscribeOptions, lastEventId?: string): { sink: HeldSink; stream: SinkStream; subscription: Subscription; lines(): string[] }
}

const machines: Machine[] = []

/** Starts a machine on an engine that never fails by itself. `closeMachines` ends all machines. */
export function machine(store: Store, logOptions: EngineLogOptions = {}, channelOptions: ChannelOptions = {}): Machine {
  const engine = new FaultyEngine(store, () => 0)
  const log = engineLog(engine, { checkInterval: 60_000, ...logOptions })
  const errors: Machine['errors'] = []
  const onError: ChannelOptions['onError'] = (error, { stage }) => {
    const { code, message } = error as { code?: unknown; message: string }
    errors.push({ code, message, stage })
  }
  const channel = createChannel({ log, onError, ...channelOptions })
  const made: Machine = {
    engine,
    log,
    channel,
    errors,
    join(options, lastEventId = '') {
      const stream = new SinkStream(resolveOptions({ heartbeat: false }), lastEventId)
      const sink = new HeldSink(stream)
      stream.open(sink)
      const subscription = channel.subscribe(stream, options)
      const text = (): string => sink.frames.slice(1).join('')
      // Each block in short: its event or its data, and what its id stands for.
      const lines = () =>
        text()
          .split('\n\n')
          .filter(Boolean)
          .map((block) => {
            const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1]
            const event = field('event')
            const retry = field('retry') === undefined ? '' : ' retry'
            return `${event === 'reset' ? `reset ${JSON.parse(field('data') ?? '').reason}` : (field('data') ?? '')}@${field('id')?.split('-')[2] ?? ''}${retry}`
          })
      return { sink, stream, subscription, lines }
    },
  }
  machines.push(made)
  return made
}

export async function closeMachines(): Promise<void> {
  for (const { channel, log } of machines.splice(0)) {
    channel.close()
    await log.close()
  }
}
