import { getEventListeners } from 'node:events'
import { afterAll, describe, expect, test } from 'vitest'
import { countOf } from '../../testing/src/lib/count-of.ts'
import { SinkStream } from '../src/lib/stream/sink-stream.ts'
import { resolveOptions } from '../src/lib/stream/stream-options.ts'
import { eventStreamResponse } from '../src/web.ts'
import { leastGrowth } from './support/growth.ts'
import { HeldSink, turn } from './support/held-sink.ts'
import { watchTimers } from './support/timers.ts'

const CYCLES = countOf(10_000)

const collect = (): void => {
  if (!global.gc) throw new Error('run with --expose-gc')
  global.gc()
}

describe('L4 after thousands of opens and closes', () => {
  const shutdown = new AbortController()
  const options = resolveOptions({ signal: shutdown.signal, heartbeat: 1_000, maxDuration: 10_000, onError: () => {} })
  const timers = watchTimers()
  afterAll(() => timers.stop())

  /** Opens a stream with all kinds of callbacks and listeners, and ends it in any way. */
  function live(cycle: number): SinkStream {
    const stream = new SinkStream(options, String(cycle))
    const sink = new HeldSink(stream)
    stream.open(sink)
    stream.onClose(() => stream.lastEventId)
    stream.onClose(() => {})()
    stream.signal.addEventListener('abort', () => stream.lastEventId)
    stream.send({ data: cycle })
    if (cycle % 3 === 0) {
      sink.hold()
      stream.send('waits')
    }
    if (cycle % 4 === 0) stream.close()
    else if (cycle % 4 === 1) sink.leave()
    else if (cycle % 4 === 2) stream.fail(new Error('broken'))
    else stream.close()
    if (sink.state === 'ended') sink.take()
    return stream
  }

  test('L4 no timer, no listener and no stream remain', async () => {
    const streams: WeakRef<SinkStream>[] = []
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      streams.push(new WeakRef(live(cycle)))
      // A WeakRef that was made or read holds on until the turn is over.
      if (cycle % 500 === 499) await turn()
    }
    expect(getEventListeners(shutdown.signal, 'abort')).toHaveLength(0)
    expect(await timers.alive()).toBe(0)
    collect()
    await turn()
    collect()
    expect(streams.filter((stream) => stream.deref() !== undefined)).toHaveLength(0)
  })

  test('L4 all open at once, one listener and one timer, and then none', async () => {
    const opened = Array.from({ length: CYCLES }, () => {
      const stream = new SinkStream(options, '')
      stream.open(new HeldSink(stream))
      return stream
    })
    expect(getEventListeners(shutdown.signal, 'abort')).toHaveLength(1)
    expect(await timers.alive()).toBe(1)
    for (const stream of opened) stream.close()
    expect(getEventListeners(shutdown.signal, 'abort')).toHaveLength(0)
    expect(await timers.alive()).toBe(0)
  })

  test('L4 the heap is flat', async () => {
    const round = async (): Promise<void> => {
      for (let cycle = 0; cycle < CYCLES; cycle++) {
        live(cycle)
        if (cycle % 500 === 499) await turn()
      }
    }
    // A stream that was kept would take several hundred.
    const limit = 100 * CYCLES
    expect(await leastGrowth(round, limit)).toBeLessThan(limit)
  })

  test('L4 an open stream does not grow with its messages', async () => {
    const stream = new SinkStream(options, '')
    const sink = new HeldSink(stream)
    stream.open(sink)
    const round = async (): Promise<void> => {
      for (let sent = 0; sent < 1_000; sent++) {
        sink.hold()
        const promise = stream.send({ data: { sent } })
        sink.take()
        await promise
        stream.onClose(() => {})()
      }
      sink.frames.length = 0
      sink.times.length = 0
    }
    expect(await leastGrowth(round, 300_000)).toBeLessThan(300_000)
    stream.close()
  })

  test('L4 web responses that were read and left leave nothing in memory', async () => {
    const bodies: WeakRef<object>[] = []
    for (let cycle = 0; cycle < 1_000; cycle++) {
      const response = eventStreamResponse(new Request('http://example.test/'), (stream) => void stream.send('x'), {
        signal: shutdown.signal,
        heartbeat: 1_000,
      })
      if (response.body) bodies.push(new WeakRef(response.body))
      const reader = response.body?.getReader()
      await reader?.read()
      await reader?.cancel()
      if (cycle % 100 === 99) await turn()
    }
    expect(getEventListeners(shutdown.signal, 'abort')).toHaveLength(0)
    expect(await timers.alive()).toBe(0)
    for (let round = 0; round < 5; round++) {
      await turn()
      collect()
    }
    expect(bodies.filter((body) => body.deref() !== undefined).length).toBeLessThan(10)
  })
})
