import { getEventListeners } from 'node:events'
import { describe, expect, test } from 'vitest'
import { countOf } from '../../testing/src/lib/count-of.ts'
import { createChannel } from '../src/index.ts'
import type { Channel } from '../src/lib/channel/channel.ts'
import { SinkStream } from '../src/lib/stream/sink-stream.ts'
import { resolveOptions } from '../src/lib/stream/stream-options.ts'
import { leastGrowth } from './support/growth.ts'
import { HeldSink, turn } from './support/held-sink.ts'
import { flushed } from './support/joined-channel.ts'
import { watchTimers } from './support/timers.ts'

const CYCLES = countOf(10_000)
const OPTIONS = resolveOptions({ heartbeat: 1_000, onError: () => {} })

async function collect(): Promise<void> {
  for (let round = 0; round < 3; round++) {
    await turn()
    global.gc?.()
  }
}

let visits = 0

/** A stream that subscribes, may get a message, and leaves in one of several ways. */
function visit(channel: Channel, cycle: number): SinkStream {
  const stream = new SinkStream(OPTIONS, cycle % 5 === 0 ? 'unknown' : '')
  const sink = new HeldSink(stream)
  stream.open(sink)
  const filter = cycle % 4 === 0 ? () => cycle % 8 === 0 : undefined
  const snapshot = cycle % 3 === 0 ? async () => ({ event: 'state', data: cycle }) : undefined
  const subscription = channel.subscribe(stream, { topics: [`t${cycle % 1_000}`], filter, snapshot })
  // With a name that is new.
  subscription.add(`u${++visits}`)
  if (cycle % 7 === 0) sink.hold()
  void channel.publish('x', { topic: `t${cycle % 1_000}` })
  if (cycle % 6 === 0) subscription.close()
  if (cycle % 2 === 0) sink.leave()
  else stream.close()
  if (sink.state === 'ended' && sink.bufferedAmount > 0) sink.take()
  return stream
}

describe('L4 after thousands of subscriptions', () => {
  test('L4 no subscriber, no stream, no timer remains, and the heap is flat', async () => {
    const timers = watchTimers()
    const channel = createChannel({ onError: () => {}, history: { messages: 100 } })
    const streams: WeakRef<SinkStream>[] = []
    const round = async (): Promise<void> => {
      for (let cycle = 0; cycle < CYCLES; cycle++) {
        const stream = visit(channel, cycle)
        if (cycle % 20 === 0) streams.push(new WeakRef(stream))
        if (cycle % 500 === 499) await turn()
      }
      await flushed()
      expect(channel.subscribers).toBe(0)
    }
    // A view or a reader that was kept would take a thousand.
    const limit = 100 * CYCLES
    expect(await leastGrowth(round, limit)).toBeLessThan(limit)
    await collect()
    expect(streams.filter((stream) => stream.deref())).toHaveLength(0)
    channel.close()
    timers.stop()
  })

  test('L4 readers of messages() that left are forgotten while they wait', async () => {
    const channel = createChannel()
    const readers: WeakRef<object>[] = []
    const controller = new AbortController()
    for (let cycle = 0; cycle < 1_000; cycle++) {
      const messages = channel.messages({ signal: controller.signal })
      void messages.next()
      await messages.return?.()
      readers.push(new WeakRef(messages))
    }
    await collect()
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
    // One may still lie on this function's own stack.
    expect(readers.filter((reader) => reader.deref()).length).toBeLessThan(10)
    channel.close()
  })

  test('L4 a channel without references can be collected, with its messages and its readers', async () => {
    const made: WeakRef<object>[] = []
    const make = async (): Promise<void> => {
      for (let index = 0; index < 100; index++) {
        const channel = createChannel()
        const stream = visit(channel, index)
        void channel.messages().next()
        if (index % 2 === 0) channel.end()
        if (index % 3 === 0) channel.close()
        made.push(new WeakRef(channel), new WeakRef(stream))
      }
      await flushed()
    }
    await make()
    await collect()
    await collect()
    expect(made.filter((each) => each.deref())).toHaveLength(0)
  })
})
