import { getEventListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test, vi } from 'vitest'
import type { TidingsError } from '../src/lib/errors.ts'
import type { Message } from '../src/lib/message/message.ts'
import { closedStream } from '../src/lib/stream/public-stream.ts'
import { SinkStream } from '../src/lib/stream/sink-stream.ts'
import { resolveOptions } from '../src/lib/stream/stream-options.ts'
import { onDrivenClock } from './support/driven-clock.ts'
import { ended, HeldSink, openStream, turn } from './support/held-sink.ts'
import { watchTimers } from './support/timers.ts'

/** The state of a promise after this turn. */
async function stateOf(promise: Promise<boolean>): Promise<boolean | 'pending'> {
  const pending = Symbol('pending')
  await turn()
  const first = await Promise.race([promise, Promise.resolve(pending)])
  return first === pending ? 'pending' : (first as boolean)
}

const WHOLE_PIECE = 'x'.repeat(100)

test('a value that is not a function is refused as callback at the call', () => {
  const { stream } = openStream()
  for (const wrong of [undefined, 5, {}])
    expect(() => stream.onClose(wrong as never)).toThrow(
      expect.objectContaining({ code: 'ERR_SSE_INVALID_OPTION', message: expect.stringMatching(/onClose must be a function/) }),
    )
})

describe('sending', () => {
  test('writes its first frame when it opens, and each message as one write, in order', async () => {
    const { stream, sink } = openStream({ retry: 100 })
    stream.send('a')
    stream.comment('b')
    stream.send({ event: 'c', data: { d: 1 }, id: '2', retry: 5, comment: 'e' })
    expect(sink.frames).toEqual(['retry: 100\n\n', 'data: a\n\n', ': b\n\n', ': e\nevent: c\nretry: 5\ndata: {"d":1}\nid: 2\n\n'])
    expect(stream.closed).toBe(false)
  })

  test('resolves to true by one shared promise while nothing waits', async () => {
    const { stream } = openStream()
    const first = stream.send('a')
    expect(stream.send('b')).toBe(first)
    expect(stream.comment()).toBe(first)
    await expect(first).resolves.toBe(true)
  })

  test('uses the option serialize', () => {
    const { stream, sink } = openStream({ serialize: (data) => `<${data}>` })
    stream.send({ data: 7 })
    expect(sink.frames.at(-1)).toBe('data: <7>\n\n')
  })

  test("W13 sends strings as JSON with strings: 'json', and its own frames without it", async () => {
    const { stream, sink } = openStream({ strings: 'json', retry: 1, heartbeat: { interval: 1_000, event: 'ping' } })
    stream.send('a')
    stream.send({ event: 'e', data: 'b\nc', id: '1' })
    stream.comment('d')
    await stream.sendAll(['[DONE]', { data: 1 }])
    await stream.sendAll([1, 2], (number) => `${number}`)
    expect(sink.frames).toEqual([
      'retry: 1\n\n',
      'data: "a"\n\n',
      'event: e\ndata: "b\\nc"\nid: 1\n\n',
      ': d\n\n',
      'data: "[DONE]"\n\n',
      'data: 1\n\n',
      'data: "1"\n\n',
      'data: "2"\n\n',
    ])
  })

  test('W4 W11 throws at the call, writes nothing, and goes on', async () => {
    const { stream, sink } = openStream()
    const written = sink.frames.length
    expect(() => stream.send({ foo: 1 } as unknown as Message)).toThrow(expect.objectContaining({ code: 'ERR_SSE_INVALID_MESSAGE' }))
    expect(() => stream.send({ id: 'a\nb', data: '' })).toThrow(expect.objectContaining({ code: 'ERR_SSE_INVALID_FIELD' }))
    expect(() => stream.comment(7 as never)).toThrow(expect.objectContaining({ code: 'ERR_SSE_INVALID_FIELD' }))
    expect(sink.frames).toHaveLength(written)
    await expect(stream.send('x')).resolves.toBe(true)
  })

  test('resolves to false on a stream that has ended for any reason, and writes nothing', async () => {
    for (const end of [(it: ReturnType<typeof openStream>) => it.stream.close(), (it: ReturnType<typeof openStream>) => it.sink.leave()]) {
      const opened = openStream()
      end(opened)
      const written = opened.sink.frames.length
      await expect(opened.stream.send('x')).resolves.toBe(false)
      await expect(opened.stream.comment()).resolves.toBe(false)
      await expect(opened.stream.sendAll(['x'])).resolves.toBe(false)
      expect(opened.sink.frames).toHaveLength(written)
    }
  })

  test('resolves to false on a stream that was never opened', async () => {
    const stream = closedStream(resolveOptions({}), '7', 'unopened')
    await expect(stream.send('x')).resolves.toBe(false)
    expect(stream).toMatchObject({ closed: true, lastEventId: '7', bufferedAmount: 0 })
    expect(stream.signal.reason).toMatchObject({ code: 'ERR_SSE_CLOSED', reason: 'unopened' })
    stream.close()
  })
})

describe('B1 a send waits while the peer is slow', () => {
  test('B1 and settles true on drain', async () => {
    const { stream, sink } = openStream()
    sink.hold()
    const first = stream.send('a')
    const second = stream.send('b')
    expect(await stateOf(first)).toBe('pending')
    expect(await stateOf(second)).toBe('pending')
    sink.take()
    expect(await stateOf(first)).toBe(true)
    expect(await stateOf(second)).toBe(true)
    expect(await stateOf(stream.send('c'))).toBe(true)
  })

  test('B1 and waits again when the peer is slow again', async () => {
    const { stream, sink } = openStream()
    sink.hold()
    const first = stream.send('a')
    sink.take()
    expect(await stateOf(first)).toBe(true)
    sink.hold()
    const second = stream.send('b')
    expect(await stateOf(second)).toBe('pending')
    sink.take()
    expect(await stateOf(second)).toBe(true)
  })

  test.each<[string, (opened: ReturnType<typeof openStream>, shutdown: AbortController) => void]>([
    ['close()', ({ stream }) => stream.close()],
    ['the peer’s leaving', ({ sink }) => sink.leave()],
    ['an error', ({ sink }) => sink.leave(new Error('reset'))],
    ['a handler’s throw', ({ stream }) => stream.fail(new Error('broken'))],
    [
      'the limit',
      ({ stream }) => {
        stream.send(WHOLE_PIECE)
        stream.send('one too many')
      },
    ],
    ['shutdown', (_, shutdown) => shutdown.abort()],
  ])('B1 and settles false on %s', async (_, end) => {
    const shutdown = new AbortController()
    const opened = openStream({ signal: shutdown.signal, maxBufferedBytes: 50, onError: () => {} })
    opened.sink.hold()
    const sent = opened.stream.send('a')
    expect(await stateOf(sent)).toBe('pending')
    end(opened, shutdown)
    expect(await stateOf(sent)).toBe(false)
    expect(opened.stream.closed).toBe(true)
  })

  test('B1 and settles false on stallTimeout', async () => {
    const { stream, sink } = openStream({ stallTimeout: 20 })
    sink.hold()
    await expect(stream.send('a')).resolves.toBe(false)
    expect(sink.state).toBe('destroyed')
  })

  test('B1 and settles false on maxDuration', async () => {
    const { stream, sink } = openStream({ maxDuration: 20 })
    sink.hold()
    await expect(stream.send('a')).resolves.toBe(false)
    expect(sink.state).toBe('ended')
  })

  test('B1 and settles false if the transport closes during the write', async () => {
    class LeavingSink extends HeldSink {
      override write(frames: string): boolean {
        const taken = super.write(frames)
        if (!frames.startsWith('data')) return taken
        this.leave()
        return false
      }
    }
    const stream = new SinkStream(resolveOptions({}), '')
    stream.open(new LeavingSink(stream))
    const sent = stream.send('a')
    expect(stream.closed).toBe(true)
    expect(await stateOf(sent)).toBe(false)
  })

  test('bufferedAmount is the number of bytes that wait', () => {
    const { stream, sink } = openStream()
    expect(stream.bufferedAmount).toBe(0)
    sink.hold()
    stream.send('abc')
    expect(stream.bufferedAmount).toBe('data: abc\n\n'.length)
    sink.take(5)
    expect(stream.bufferedAmount).toBe('data: abc\n\n'.length - 5)
    sink.leave()
    expect(stream.bufferedAmount).toBe(0)
  })
})

describe('B2 waiting bytes are bounded', () => {
  test('B2 a send while more than maxBufferedBytes wait ends the stream as slow', async () => {
    const { stream, sink } = openStream({ maxBufferedBytes: 100 })
    const reasons: TidingsError[] = []
    stream.onClose((reason) => reasons.push(reason))
    sink.hold()
    for (let sent = 0; sent < 10; sent++) stream.send('x'.repeat(20))
    // 28 bytes each: four make 112, and the fifth is the one too many.
    expect(sink.frames.filter((frame) => frame.startsWith('data'))).toHaveLength(4)
    expect(sink).toMatchObject({ state: 'destroyed', destroyedFor: 'slow' })
    expect(reasons).toEqual([expect.objectContaining({ code: 'ERR_SSE_CLOSED', reason: 'slow' })])
    await expect(stream.send('x')).resolves.toBe(false)
  })

  test('B2 exactly maxBufferedBytes may wait', () => {
    const { stream, sink } = openStream({ maxBufferedBytes: 28 })
    sink.hold()
    stream.send('x'.repeat(20))
    stream.send('a')
    expect(stream.closed).toBe(false)
    stream.send('b')
    expect(stream.signal.reason).toMatchObject({ reason: 'slow' })
  })

  test('B2 comments count like messages', () => {
    const { stream, sink } = openStream({ maxBufferedBytes: 10 })
    sink.hold()
    stream.comment('x'.repeat(20))
    stream.comment()
    expect(stream.signal.reason).toMatchObject({ reason: 'slow' })
  })

  test('B2 one message larger than the limit is delivered', async () => {
    const { stream, sink } = openStream({ maxBufferedBytes: 10 })
    sink.hold()
    const sent = stream.send(WHOLE_PIECE)
    expect(stream.closed).toBe(false)
    sink.take()
    await expect(sent).resolves.toBe(true)
    await expect(stream.send('next')).resolves.toBe(true)
  })

  test('B2 an awaited producer never reaches the limit', async () => {
    const { stream, sink } = openStream({ maxBufferedBytes: 10 })
    for (let sent = 0; sent < 20; sent++) {
      sink.hold()
      setImmediate(() => sink.take())
      expect(await stream.send(WHOLE_PIECE)).toBe(true)
    }
  })
})

describe('B3 a peer that takes nothing is cut', () => {
  test(
    'B3 after stallTimeout, as stalled',
    onDrivenClock((clock) => {
      const { stream, sink } = openStream({ stallTimeout: 60 })
      sink.hold()
      stream.send('x')
      clock.advance(59)
      expect(stream.closed).toBe(false)
      clock.advance(60)
      expect(stream.signal.reason).toMatchObject({ code: 'ERR_SSE_CLOSED', reason: 'stalled' })
      expect(sink).toMatchObject({ state: 'destroyed', destroyedFor: 'stalled' })
    }),
  )

  test(
    'B3 at the same time if the first bytes wait and the process was blocked before',
    onDrivenClock((clock) => {
      const earlier = openStream()
      clock.hold(100_000)
      const stream = new SinkStream(resolveOptions({ stallTimeout: 60 }), '')
      const sink = new HeldSink(stream)
      sink.hold()
      stream.open(sink)
      clock.advance(119)
      expect(sink.destroyedFor).toBe('stalled')
      earlier.stream.close()
    }),
  )

  test('B3 even if the transport never asked to wait', async () => {
    const { stream, sink } = openStream({ stallTimeout: 40 })
    sink.highWaterMark = 1_000
    sink.hold()
    await expect(stream.send('x')).resolves.toBe(true)
    expect(await ended(stream)).toMatchObject({ reason: 'stalled' })
  })

  test('B3 also after close(), while bytes wait', async () => {
    const { stream, sink } = openStream({ stallTimeout: 40 })
    sink.hold()
    stream.send('x')
    stream.close()
    expect(sink.state).toBe('ended')
    await sink.until(({ state }) => state === 'destroyed')
    expect(sink.destroyedFor).toBe('stalled')
    expect(stream.signal.reason).toMatchObject({ reason: 'local' })
  })

  test(
    'B3 not while it takes some bytes now and then',
    onDrivenClock((clock) => {
      const { stream, sink } = openStream({ stallTimeout: 500 })
      sink.hold()
      stream.send('x'.repeat(1_000))
      for (let count = 0; count < 20; count++) {
        clock.advance(400)
        sink.take(1)
      }
      expect(stream.closed).toBe(false)
      clock.advance(499)
      expect(stream.closed).toBe(false)
      clock.advance(500)
      expect(stream.signal.reason).toMatchObject({ reason: 'stalled' })
    }),
  )

  test('B3 not while nothing waits', async () => {
    const { stream, sink } = openStream({ stallTimeout: 10, heartbeat: 80 })
    await sink.until(({ frames }) => frames.length === 3)
    expect(stream.closed).toBe(false)
    stream.close()
  })

  test(
    'B3 not for a wait that ended, even if the next one began long ago',
    onDrivenClock((clock) => {
      const { stream, sink } = openStream({ stallTimeout: 200 })
      sink.hold()
      stream.send('x')
      clock.advance(150)
      sink.take()
      sink.hold()
      stream.send('y')
      clock.advance(199)
      expect(stream.closed).toBe(false)
      clock.advance(200)
      expect(stream.closed).toBe(true)
    }),
  )
})

describe('L5 heartbeats', () => {
  const gaps = (times: number[]) => times.slice(1).map((time, index) => time - (times[index] ?? 0))

  test.each([20, 50, 120, 15_000])('L5 come between 1 and 1.25 times every %d ms', (interval) =>
    onDrivenClock((clock) => {
      const { stream, sink } = openStream({ heartbeat: interval })
      clock.advance(interval * 50)
      stream.close()
      expect(new Set(sink.frames)).toEqual(new Set([':\n\n']))
      expect(sink.frames.length).toBeGreaterThanOrEqual(40)
      for (const gap of gaps(sink.times)) {
        expect(gap).toBeGreaterThanOrEqual(interval)
        expect(gap).toBeLessThanOrEqual(interval * 1.25)
      }
    })(),
  )

  test(
    'L5 count from the last write',
    onDrivenClock((clock) => {
      const { stream, sink } = openStream({ heartbeat: 400 })
      clock.advance(150)
      stream.send('x')
      clock.advance(399)
      expect(sink.frames).toEqual([':\n\n', 'data: x\n\n'])
      clock.advance(101)
      expect(sink.frames).toEqual([':\n\n', 'data: x\n\n', ':\n\n'])
      stream.close()
    }),
  )

  test(
    'L5 none while messages flow',
    onDrivenClock((clock) => {
      const { stream, sink } = openStream({ heartbeat: 400 })
      for (let count = 0; count < 60; count++) {
        clock.advance(399)
        stream.send('x')
      }
      stream.close()
      expect(sink.frames).toEqual([':\n\n', ...Array.from({ length: 60 }, () => 'data: x\n\n')])
    }),
  )

  test('L5 are an event with the name of the option', async () => {
    const { stream, sink } = openStream({ heartbeat: { interval: 20, event: 'ping' } })
    await sink.until(({ frames }) => frames.length === 2)
    stream.close()
    expect(sink.frames).toEqual([':\n\n', 'event: ping\ndata: \n\n'])
  })

  test('L5 none without the option, and none after the end', async () => {
    const without = openStream({ heartbeat: false })
    const closed = openStream({ heartbeat: 20 })
    const left = openStream({ heartbeat: 20 })
    const other = openStream({ heartbeat: 50 })
    closed.stream.close()
    left.sink.leave()
    await other.sink.until(({ frames }) => frames.length === 4)
    expect([without, closed, left].map(({ sink }) => sink.frames)).toEqual([[':\n\n'], [':\n\n'], [':\n\n']])
    other.stream.close()
    without.stream.close()
  })

  test('L5 none after close(), even if the transport closes slowly', async () => {
    class LingeringSink extends HeldSink {
      override end(): void {
        this.state = 'ended'
      }
    }
    const stream = new SinkStream(resolveOptions({ heartbeat: 20, stallTimeout: 40 }), '')
    const sink = new LingeringSink(stream)
    stream.open(sink)
    stream.close()
    const other = openStream({ heartbeat: 50 })
    await other.sink.until(({ frames }) => frames.length === 4)
    expect(sink.frames).toEqual([':\n\n'])
    other.stream.close()
    sink.leave()
  })

  test('L5 none while bytes wait', async () => {
    const slow = openStream({ heartbeat: 20 })
    const other = openStream({ heartbeat: 50 })
    slow.sink.hold()
    slow.stream.send('x')
    await other.sink.until(({ frames }) => frames.length === 4)
    expect(slow.sink.frames).toEqual([':\n\n', 'data: x\n\n'])
    slow.sink.take()
    await slow.sink.until(({ frames }) => frames.length === 3)
    slow.stream.close()
    other.stream.close()
  })

  test('L5 share one timer for any number of streams', async () => {
    const timers = watchTimers()
    try {
      const opened = Array.from({ length: 200 }, () => openStream({ heartbeat: 100 }))
      expect(await timers.alive()).toBeLessThanOrEqual(1)
      await Promise.all(opened.map(({ sink }) => sink.until(({ frames }) => frames.length === 3)))
      expect(await timers.alive()).toBeLessThanOrEqual(1)
      for (const { stream } of opened) stream.close()
    } finally {
      timers.stop()
    }
  })
})

describe('maxDuration', () => {
  test(
    'ends the stream cleanly as expired, at 80 to 100 % of it',
    onDrivenClock((clock) => {
      const from = clock.now()
      const spans: number[] = []
      const opened = Array.from({ length: 20 }, () => {
        const each = openStream({ maxDuration: 1_000 })
        each.stream.onClose(() => spans.push(clock.now() - from))
        return each
      })
      clock.advance(799)
      expect(spans).toEqual([])
      clock.advance(1_000)
      for (const { stream, sink } of opened) {
        expect(stream.signal.reason).toMatchObject({ code: 'ERR_SSE_CLOSED', reason: 'expired' })
        expect(sink.state).toBe('ended')
        expect(sink.frames).toEqual([':\n\n'])
      }
      expect(spans).toHaveLength(20)
      expect(Math.min(...spans)).toBeLessThan(1_000)
      // A look comes at most 1.17 times its delay after the one before.
      expect(Math.max(...spans)).toBeLessThan(1_170)
      expect(Math.max(...spans) - Math.min(...spans)).toBeGreaterThan(20)
    }),
  )

  test('is not prolonged by messages', async () => {
    const { stream } = openStream({ maxDuration: 60, heartbeat: 10 })
    const timer = setInterval(() => stream.send('x'), 5)
    expect(await ended(stream)).toMatchObject({ reason: 'expired' })
    clearInterval(timer)
  })
})

describe('L6 shutdown', () => {
  test('L6 writes a retry between 1 and 2 times the option, spread, and ends cleanly as the last', () => {
    const shutdown = new AbortController()
    const opened = Array.from({ length: 50 }, () => openStream({ retry: 1_000, signal: shutdown.signal }))
    shutdown.abort()
    const retries = opened.map(({ stream, sink }) => {
      expect(sink.state).toBe('ended as the last')
      expect(stream.signal.reason).toMatchObject({ code: 'ERR_SSE_CLOSED', reason: 'shutdown' })
      expect(sink.frames).toHaveLength(2)
      expect(sink.frames[1]).toMatch(/^retry: \d+\n\n$/)
      return Number(sink.frames[1]?.slice('retry: '.length))
    })
    expect(Math.min(...retries)).toBeGreaterThanOrEqual(1_000)
    expect(Math.max(...retries)).toBeLessThanOrEqual(2_000)
    expect(new Set(retries).size).toBeGreaterThan(10)
  })

  test('L6 counts from 3 s without the option', () => {
    const shutdown = new AbortController()
    const opened = Array.from({ length: 20 }, () => openStream({ signal: shutdown.signal }))
    shutdown.abort()
    for (const { sink } of opened) {
      const retry = Number(sink.frames[1]?.slice('retry: '.length))
      expect(retry).toBeGreaterThanOrEqual(3_000)
      expect(retry).toBeLessThanOrEqual(6_000)
    }
  })

  test('L6 keeps the retry within the range of the wire format', () => {
    const stream = openStream({ retry: Number.MAX_SAFE_INTEGER }).stream
    stream.shutDown()
    expect(stream.closed).toBe(true)
  })

  test('L6 ends a stream that opens after it at once, the same way', () => {
    const shutdown = new AbortController()
    shutdown.abort()
    const { stream, sink } = openStream({ retry: 10, signal: shutdown.signal })
    expect(sink.frames[0]).toBe('retry: 10\n\n')
    expect(sink.frames[1]).toMatch(/^retry: 1\d\n\n$|^retry: 20\n\n$/)
    expect(sink.frames).toHaveLength(2)
    expect(sink.state).toBe('ended as the last')
    expect(stream.signal.reason).toMatchObject({ reason: 'shutdown' })
    expect(getEventListeners(shutdown.signal, 'abort')).toHaveLength(0)
  })

  test('L6 leaves a stream alone that has ended before', () => {
    const shutdown = new AbortController()
    const { stream, sink } = openStream({ signal: shutdown.signal })
    stream.close()
    shutdown.abort()
    expect(sink.frames).toEqual([':\n\n'])
    expect(sink.state).toBe('ended')
    expect(stream.signal.reason).toMatchObject({ reason: 'local' })
  })

  test('L6 gives a slow peer the messages that were sent, and the retry', () => {
    const shutdown = new AbortController()
    const { stream, sink } = openStream({ signal: shutdown.signal })
    sink.hold()
    stream.send('last words')
    shutdown.abort()
    expect(sink.state).toBe('ended as the last')
    expect(sink.frames.map((frame) => frame.replace(/\d+/, 'N'))).toEqual([':\n\n', 'data: last words\n\n', 'retry: N\n\n'])
  })

  test('L4 adds one listener to the signal for any number of streams, and removes it with the last', () => {
    const shutdown = new AbortController()
    const { signal } = shutdown
    const adds = vi.spyOn(signal, 'addEventListener')
    const removes = vi.spyOn(signal, 'removeEventListener')
    const opened = Array.from({ length: 100 }, () => openStream({ signal }))
    expect(adds).toHaveBeenCalledTimes(1)
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    for (const { stream } of opened.slice(1)) stream.close()
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    opened[0]?.stream.close()
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    expect(removes).toHaveBeenCalledTimes(1)
    const again = openStream({ signal })
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    shutdown.abort()
    expect(again.stream.closed).toBe(true)
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  test('L4 a stream that a callback opens during the shutdown ends too', () => {
    const shutdown = new AbortController()
    const first = openStream({ signal: shutdown.signal })
    let second: ReturnType<typeof openStream> | undefined
    first.stream.onClose(() => {
      second = openStream({ signal: shutdown.signal })
    })
    shutdown.abort()
    expect(second?.stream.signal.reason).toMatchObject({ reason: 'shutdown' })
    expect(getEventListeners(shutdown.signal, 'abort')).toHaveLength(0)
  })
})

describe('the end', () => {
  test.each<[reason: string, end: (opened: ReturnType<typeof openStream>) => void, cause?: unknown]>([
    ['local', ({ stream }) => stream.close()],
    ['peer', ({ sink }) => sink.leave()],
    ['peer', ({ sink }) => sink.leave('ECONNRESET'), 'ECONNRESET'],
    ['error', ({ stream }) => stream.fail('broken'), 'broken'],
  ])('L2 gives the reason %s once, and the same one to all', (reason, end, cause) => {
    const opened = openStream({ onError: () => {} })
    const { stream } = opened
    const told: unknown[] = []
    const { signal } = stream
    signal.addEventListener('abort', () => told.push(signal.reason))
    stream.onClose((error) => told.push(error))
    stream.onClose((error) => told.push(error))
    expect(stream.closed).toBe(false)
    end(opened)
    end(opened)
    stream.close()
    expect(stream.closed).toBe(true)
    expect(told).toHaveLength(3)
    expect(new Set(told)).toEqual(new Set([signal.reason]))
    expect(signal.reason).toMatchObject({ name: 'AbortError', code: 'ERR_SSE_CLOSED', reason, message: expect.any(String) })
    expect(signal.reason).toBeInstanceOf(Error)
    expect(signal.reason.cause).toBe(cause)
  })

  test('the first reason stays', () => {
    const { stream, sink } = openStream()
    sink.hold()
    stream.send('x')
    stream.close()
    sink.leave(new Error('reset'))
    expect(stream.signal.reason).toMatchObject({ reason: 'local' })
    expect(stream.signal.reason.cause).toBeUndefined()
  })

  test('close() writes the messages that were sent before, and is idempotent', () => {
    const { stream, sink } = openStream()
    sink.hold()
    stream.send('x')
    stream.close()
    stream.close()
    expect(sink.state).toBe('ended')
    expect(stream.closed).toBe(true)
    expect(sink.frames).toEqual([':\n\n', 'data: x\n\n'])
    sink.take()
    expect(stream.bufferedAmount).toBe(0)
  })

  test('the signal is made when it is first read, and is one', () => {
    const { stream } = openStream()
    const { signal } = stream
    expect(signal.aborted).toBe(false)
    expect(stream.signal).toBe(signal)
    stream.close()
    expect(signal.aborted).toBe(true)
    expect(stream.signal).toBe(signal)
  })

  test('the signal is aborted with the same error if it is first read after the end', () => {
    const { stream } = openStream()
    stream.close()
    let told: unknown
    stream.onClose((error) => {
      told = error
    })
    expect(stream.signal.aborted).toBe(true)
    expect(stream.signal.reason).toBe(told)
  })

  test('a call that got the signal fails with an AbortError', async () => {
    const { stream } = openStream()
    const fetching = fetch('data:text/plain,x', { signal: stream.signal })
    stream.close()
    await expect(fetching).rejects.toMatchObject({ name: 'AbortError', code: 'ERR_SSE_CLOSED', reason: 'local' })
  })
})

describe('onClose', () => {
  test('calls back in order, and at once when the stream has ended', () => {
    const { stream } = openStream()
    const calls: string[] = []
    stream.onClose(() => calls.push('first'))
    stream.onClose(() => {
      calls.push('second')
      stream.onClose(() => calls.push('inner'))
    })
    stream.close()
    expect(calls).toEqual(['first', 'second', 'inner'])
    stream.onClose(({ reason }) => calls.push(`late: ${reason}`))
    expect(calls.at(-1)).toBe('late: local')
  })

  test('returns a function that removes the callback', () => {
    const { stream } = openStream()
    const calls: string[] = []
    const takeBack = stream.onClose(() => calls.push('taken back'))
    stream.onClose(() => {
      calls.push('kept')
      takeBackLater()
    })
    const takeBackLater = stream.onClose(() => calls.push('taken back by the one before'))
    takeBack()
    takeBack()
    stream.close()
    takeBackLater()
    expect(calls).toEqual(['kept'])
    stream.onClose(() => calls.push('late'))()
    expect(calls).toEqual(['kept', 'late'])
  })

  test('is called when the stream is already closed', async () => {
    const { stream } = openStream()
    let sent: Promise<boolean> | undefined
    stream.onClose(() => {
      expect(stream.closed).toBe(true)
      sent = stream.send('x')
      stream.close()
    })
    stream.close()
    await expect(sent).resolves.toBe(false)
  })

  test('L8 a callback that throws stops no other callback, and its error reaches onError', () => {
    const told: unknown[] = []
    const { stream } = openStream({ onError: (error, { stage }) => told.push([error, stage]) })
    const calls: string[] = []
    stream.onClose(() => {
      throw 'first'
    })
    stream.onClose(() => calls.push('second'))
    stream.onClose(() => {
      throw 'third'
    })
    stream.close()
    stream.onClose(() => {
      throw 'late'
    })
    expect(calls).toEqual(['second'])
    expect(told).toEqual(['first', 'third', 'late'].map((error) => [error, 'onClose']))
  })

  test('L8 an onError that throws stops nothing, and its error is logged', () => {
    const logged = vi.spyOn(console, 'error').mockImplementation(() => {})
    try {
      const { stream } = openStream({
        onError: () => {
          throw 'onError'
        },
      })
      const calls: string[] = []
      stream.onClose(() => {
        throw 'callback'
      })
      stream.onClose(() => calls.push('second'))
      stream.close()
      expect(calls).toEqual(['second'])
      expect(logged.mock.calls).toEqual([['callback', 'onError']])
    } finally {
      logged.mockRestore()
    }
  })
})

describe('L7 fail()', () => {
  test('L7 cuts the stream as error, tells onError, and writes nothing', () => {
    const told: unknown[] = []
    const { stream, sink } = openStream({ onError: (error, { stage }) => told.push([error, stage]) })
    const broken = new Error('secret')
    expect(stream.fail(broken)).toBe(true)
    expect(told).toEqual([[broken, 'handler']])
    expect(sink).toMatchObject({ state: 'destroyed', destroyedFor: 'error' })
    expect(sink.frames).toEqual([':\n\n'])
    expect(stream.signal.reason).toMatchObject({ reason: 'error', cause: broken })
    expect(stream.signal.reason.message).not.toContain('secret')
  })

  test('L7 tells onError also of an error after the end, and does not change the reason', () => {
    const told: unknown[] = []
    const { stream } = openStream({ onError: (error) => told.push(error) })
    stream.close()
    expect(stream.fail('late')).toBe(true)
    expect(told).toEqual(['late'])
    expect(stream.signal.reason).toMatchObject({ reason: 'local' })
  })

  test('L2 ignores the end of the stream as an error of a call that got its signal', () => {
    const told: unknown[] = []
    const { stream, sink } = openStream({ onError: (error) => told.push(error) })
    const { signal } = stream
    sink.leave()
    expect(stream.fail(signal.reason)).toBe(false)
    expect(told).toEqual([])
  })

  test('L2 ignores it too if functions of Node wrap it', async () => {
    const told: unknown[] = []
    const { stream, sink } = openStream({ onError: (error) => told.push(error) })
    const waiting = sleep(10_000, undefined, { signal: stream.signal }).catch((error: unknown) => error)
    sink.leave()
    expect(stream.fail(await waiting)).toBe(false)
    expect(told).toEqual([])
  })

  test('handles a throw of undefined as an error', () => {
    const told: unknown[] = []
    const { stream } = openStream({ onError: (error) => told.push(error) })
    expect(stream.fail(undefined)).toBe(true)
    expect(told).toEqual([undefined])
    expect(stream.signal.reason).toMatchObject({ reason: 'error' })
    expect(stream.fail(undefined)).toBe(true)
  })
})
