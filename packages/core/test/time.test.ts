import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mock } from 'node:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createChannel } from '../src/index.ts'
import { SinkStream } from '../src/lib/stream/sink-stream.ts'
import { resolveOptions } from '../src/lib/stream/stream-options.ts'
import { openEventStream } from '../src/node.ts'
import { onDrivenClock } from './support/driven-clock.ts'
import { HeldSink } from './support/held-sink.ts'

// Milliseconds. Twice the timeout is the most that a process which was held waits for a peer.
const STALL_TIMEOUT = 1_000
const HELD = 3_000

afterEach(() => {
  vi.useRealTimers()
})

/** A stream with bytes that its peer has yet to take. */
function waitingStream(stallTimeout: number): { stream: SinkStream; sink: HeldSink } {
  const stream = new SinkStream(resolveOptions({ heartbeat: false, stallTimeout }), '')
  const sink = new HeldSink(stream)
  stream.open(sink)
  sink.hold()
  stream.send('waits')
  return { stream, sink }
}

describe('B3 a process that was blocked or stopped', () => {
  test(
    'B3 cuts a peer that takes nothing after stallTimeout, a turn later',
    onDrivenClock((clock) => {
      const { stream } = waitingStream(1_000)
      clock.advance(999)
      expect(stream.closed).toBe(false)
      clock.advance(600)
      expect(stream.closed).toBe(true)
    }),
  )

  test(
    'B3 gives the peer the time of the block in addition, up to one stallTimeout',
    onDrivenClock((clock) => {
      const { stream } = waitingStream(1_000)
      clock.hold(60_000)
      clock.advance(5)
      // 60 s have passed, of which the clock was late for almost all: two stallTimeouts are over.
      expect(stream.closed).toBe(true)
      const other = waitingStream(1_000)
      clock.hold(1_500)
      clock.advance(5)
      expect(other.stream.closed).toBe(false)
      clock.advance(1_000)
      expect(other.stream.closed).toBe(true)
    }),
  )

  test(
    'B3 looks at the transport once more before it cuts',
    onDrivenClock((clock) => {
      const { stream, sink } = waitingStream(1_000)
      clock.hold(60_000)
      expect(stream.closed).toBe(false)
      // In the next turn the socket says that the peer has read.
      sink.take(1)
      clock.advance(600)
      expect(stream.closed).toBe(false)
      sink.leave()
    }),
  )

  /**
   * Sends 30 MB to a reader in another process. Once these have waited for half of the timeout, so that the stream
   * was looked at, the reader reads and this process is held. Tells why the stream ended, and how much was read.
   */
  async function readWhileHeld(hold: () => object): Promise<{ reason: string; count: number }> {
    const reasons: string[] = []
    const server = createServer((req, res) => {
      const stream = openEventStream(req, res, { heartbeat: false, stallTimeout: STALL_TIMEOUT, maxBufferedBytes: 100_000_000 })
      stream.onClose(({ reason }) => reasons.push(String(reason)))
      stream.send('x'.repeat(30_000_000)).then(() => stream.close())
      setTimeout(() => reader.send(hold()), STALL_TIMEOUT * 0.7)
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const reader = fork(new URL('support/counting-reader.mjs', import.meta.url), [String((server.address() as AddressInfo).port)])
    const [count] = await once(reader, 'message')
    await once(reader, 'exit')
    server.close()
    return { reason: reasons.join(), count: count as number }
  }

  function busyFor(milliseconds: number): void {
    for (const end = performance.now() + milliseconds; performance.now() < end; );
  }

  /** In the turn after this one, when the reader has been told to read. */
  function soon(busy: () => void): object {
    setImmediate(busy)
    return {}
  }

  test.each<[what: string, hold: () => object]>([
    // One turn, in which nothing is written and no socket is looked at.
    ['was busy for long', () => soon(() => busyFor(HELD))],
    // Timers that have come due all run before the first socket is looked at, and so do those that they start.
    [
      'was busy for long, and so are the timers that have come due',
      () =>
        soon(() => {
          for (let after = 1; after < 500; after += 5) setTimeout(() => busyFor(2), after)
          busyFor(HELD)
        }),
    ],
    // The reader goes on, and reads all that the kernel holds.
    ...(process.platform === 'win32' ? [] : [['was stopped', () => ({ stop: process.pid, milliseconds: HELD })] as [string, () => object]]),
  ])('B3 leaves a peer alone that has read all while this process %s', async (_, hold) => {
    const { reason, count } = await readWhileHeld(hold)
    expect(reason).toBe('local')
    expect(count).toBeGreaterThan(30_000_000)
  })
})

describe('L9 timers that a test framework has faked and restored', () => {
  test('L9 change nothing for later streams: they have their heartbeats', async () => {
    vi.useFakeTimers()
    const faked = new SinkStream(resolveOptions({ heartbeat: 50 }), '')
    faked.open(new HeldSink(faked))
    vi.useRealTimers()
    const stream = new SinkStream(resolveOptions({ heartbeat: 50 }), '')
    const sink = new HeldSink(stream)
    stream.open(sink)
    await sink.until(({ frames }) => frames.filter((frame) => frame === ':\n\n').length > 1)
    faked.close()
    stream.close()
  })

  test('L9 change nothing either if node:test fakes them around a stream while another one is open', async () => {
    const open = (): { stream: SinkStream; sink: HeldSink } => {
      const stream = new SinkStream(resolveOptions({ heartbeat: 50 }), '')
      const sink = new HeldSink(stream)
      stream.open(sink)
      return { stream, sink }
    }
    const before = open()
    mock.timers.enable({ apis: ['setTimeout'] })
    const faked = open()
    mock.timers.reset()
    const later = open()
    for (const { sink } of [before, faked, later]) await sink.until(({ frames }) => frames.filter((frame) => frame === ':\n\n').length > 2)
    for (const { stream } of [before, faked, later]) stream.close()
  })

  test('L9 change nothing for later messages of a channel', async () => {
    const channel = createChannel()
    const stream = new SinkStream(resolveOptions({ heartbeat: false }), '')
    const sink = new HeldSink(stream)
    stream.open(sink)
    channel.subscribe(stream)
    vi.useFakeTimers()
    await channel.publish('while faked')
    vi.useRealTimers()
    await channel.publish('later')
    await sink.until(({ frames }) => /data: while faked\n[\s\S]*data: later\n/.test(frames.join('')))
    channel.close()
  })

  test('L9 drive the streams that are opened while they are faked', () => {
    vi.useFakeTimers()
    const stream = new SinkStream(resolveOptions({ heartbeat: 1_000 }), '')
    const sink = new HeldSink(stream)
    stream.open(sink)
    const before = sink.frames.length
    vi.advanceTimersByTime(1_250)
    expect(sink.frames.slice(before).map(String)).toEqual([':\n\n'])
    stream.close()
  })
})
