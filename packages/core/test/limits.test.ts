import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, expect, test } from 'vitest'
import { metrics } from '../src/index.ts'
import type { Revalidate } from '../src/lib/stream/revalidation.ts'
import { SinkStream } from '../src/lib/stream/sink-stream.ts'
import { resolveOptions } from '../src/lib/stream/stream-options.ts'
import { type DrivenClock, onDrivenClock } from './support/driven-clock.ts'
import { ended, HeldSink, openStream, turn } from './support/held-sink.ts'

const EVERY = 60_000

/** A stream whose checks the test answers, in the order in which they were asked. */
function checked(clock: DrivenClock, options: Partial<Revalidate> = {}) {
  const asked: Array<{ at: number; signal: AbortSignal; answer: (value: unknown) => void; fail: (error: unknown) => void }> = []
  const errors: unknown[] = []
  const began = clock.now()
  const opened = openStream({
    heartbeat: false,
    onError: (error, { stage }) => errors.push([stage, error]),
    revalidate: {
      every: EVERY,
      check: (signal) => new Promise((answer, fail) => asked.push({ at: clock.now() - began, signal, answer: answer as never, fail })),
      ...options,
    },
  })
  /** Lets time pass a millisecond at a time at most `step`, so that each check is answered in its turn. */
  const pass = async (milliseconds: number, step = 100): Promise<void> => {
    for (let passed = 0; passed < milliseconds; passed += step) {
      clock.advance(Math.min(step, milliseconds - passed))
      await turn()
    }
  }
  /** Lets time pass until so many checks were asked. */
  const untilAsked = async (count: number): Promise<void> => {
    while (asked.length < count) await pass(100)
  }
  return { ...opened, asked, errors, pass, untilAsked, now: () => clock.now() - began }
}

describe('L10 revalidate', () => {
  test(
    'asks again within 1 to 1.2 times every, at random, and one at a time',
    onDrivenClock(async (clock) => {
      const waits = new Set<number>()
      for (let count = 0; count < 20; count++) {
        const { asked, now, pass, stream, untilAsked } = checked(clock)
        let before = 0
        for (let check = 1; check <= 3; check++) {
          await untilAsked(check)
          const waited = now() - before
          expect(waited).toBeGreaterThanOrEqual(EVERY)
          expect(waited).toBeLessThanOrEqual(1.2 * EVERY + 100)
          waits.add(waited)
          // No other check begins before this one is answered.
          await pass(9_000)
          expect(asked).toHaveLength(check)
          asked.at(-1)?.answer(true)
          await turn()
          before = now()
        }
        stream.close()
      }
      expect(waits.size).toBeGreaterThan(30)
    }),
  )

  test(
    'false ends the stream at once, as revoked, with the end that any stream has',
    onDrivenClock(async (clock) => {
      const { asked, errors, sink, stream, untilAsked } = checked(clock)
      await untilAsked(1)
      asked[0]?.answer(false)
      await turn()
      expect(stream.signal.reason).toMatchObject({ code: 'ERR_SSE_CLOSED', reason: 'revoked' })
      expect([sink.state, sink.frames, errors]).toEqual(['ended', [':\n\n'], []])
    }),
  )

  test(
    'a check that fails is told and tried again with back-off, and true starts over',
    onDrivenClock(async (clock) => {
      const failure = new Error('the database is away')
      const { asked, errors, pass, stream, untilAsked } = checked(clock)
      await untilAsked(1)
      const delays: number[] = []
      for (let count = 1; count <= 8; count++) {
        asked.at(-1)?.fail(failure)
        await turn()
        const before = clock.now()
        while (asked.length === count) await pass(100)
        delays.push(clock.now() - before)
      }
      for (const [index, delay] of delays.entries()) {
        const least = Math.min(EVERY, 1_000 * 2 ** index)
        expect(delay).toBeGreaterThanOrEqual(least)
        expect(delay).toBeLessThanOrEqual(1.2 * least + 200)
      }
      expect(errors).toEqual(Array(8).fill(['revalidate', failure]))
      asked.at(-1)?.answer(true)
      await turn()
      await pass(EVERY - 100)
      expect(asked).toHaveLength(9)
      await pass(0.2 * EVERY + 200)
      asked.at(-1)?.fail(failure)
      await turn()
      await pass(1_300)
      expect([asked.length, stream.closed]).toEqual([11, false])
    }),
  )

  test(
    'a check without an answer within 10 s fails, its signal is aborted, and its late answer counts for nothing',
    onDrivenClock(async (clock) => {
      const { asked, errors, pass, stream, untilAsked } = checked(clock)
      await untilAsked(1)
      const [first] = asked
      await pass(10_000)
      expect(errors).toEqual([['revalidate', expect.objectContaining({ code: 'ERR_SSE_CHECK_TIMEOUT' })]])
      expect(first?.signal.aborted).toBe(true)
      first?.answer(false)
      await pass(1_300)
      expect([asked.length, stream.closed]).toEqual([2, false])
      // Where `every` is shorter than that, an answer has to come within `every`.
      const often = checked(clock, { every: 1_000 })
      await often.pass(1_200)
      await often.pass(1_000)
      expect(often.errors).toHaveLength(1)
    }),
  )

  test.each([1, undefined, null, 'true'])('an answer of %o is no answer', (answer) =>
    onDrivenClock(async (clock) => {
      const { errors, pass, stream } = checked(clock, { check: () => answer as never })
      await pass(1.2 * EVERY)
      expect(errors[0]).toEqual(['revalidate', expect.objectContaining({ code: 'ERR_SSE_INVALID_OPTION' })])
      expect(stream.closed).toBe(false)
    })(),
  )

  test(
    'a check that throws where it is called fails like any other',
    onDrivenClock(async (clock) => {
      const failure = new Error('thrown')
      const { errors, pass } = checked(clock, {
        check: () => {
          throw failure
        },
      })
      await pass(1.2 * EVERY)
      expect(errors[0]).toEqual(['revalidate', failure])
    }),
  )

  test.each([
    ['fail', () => true],
    ['fail or give no answer', (check: number) => check % 2 === 0],
  ])('ends a stream once checks %s for failClosed, with a spread retry', (_, answers) =>
    onDrivenClock(async (clock) => {
      const { asked, now, pass, sink, stream, untilAsked } = checked(clock, { failClosed: 90_000 })
      await untilAsked(1)
      asked.at(-1)?.answer(true)
      await turn()
      const lastTrue = now()
      let answered = 1
      while (!stream.closed) {
        if (asked.length > answered) {
          answered = asked.length
          if (answers(answered)) asked.at(-1)?.fail(new Error('away'))
        }
        await pass(100)
      }
      expect(now() - lastTrue).toBeGreaterThanOrEqual(90_000)
      expect(now() - lastTrue).toBeLessThanOrEqual(90_200)
      expect(stream.signal.reason).toMatchObject({ reason: 'revoked' })
      const retry = Number(/^retry: (\d+)\n\n$/.exec(sink.frames.at(-1) ?? '')?.[1])
      expect(retry).toBeGreaterThanOrEqual(3_000)
      expect(retry).toBeLessThanOrEqual(6_000)
    })(),
  )

  test(
    'ends a stream at the first failure with failClosed: 0, and not while its checks succeed',
    onDrivenClock(async (clock) => {
      const { asked, pass, stream, untilAsked } = checked(clock, { failClosed: 0 })
      await untilAsked(1)
      asked[0]?.answer(true)
      await untilAsked(2)
      expect(stream.closed).toBe(false)
      asked[1]?.fail(new Error('away'))
      await pass(100)
      expect(stream.signal.reason).toMatchObject({ reason: 'revoked' })
    }),
  )

  test(
    'asks no more after the end, and aborts the check that runs',
    onDrivenClock(async (clock) => {
      const idle = checked(clock)
      idle.stream.close()
      const asking = checked(clock)
      await asking.untilAsked(1)
      asking.sink.leave()
      await turn()
      expect(asking.asked[0]?.signal.aborted).toBe(true)
      asking.asked[0]?.fail(new Error('aborted'))
      await asking.pass(5 * EVERY)
      expect([idle.asked.length, asking.asked.length, asking.errors]).toEqual([0, 1, []])
    }),
  )

  test(
    'H13 runs the check in the async context in which the stream was opened',
    onDrivenClock(async (clock) => {
      const requests = new AsyncLocalStorage<string>()
      const seen: Array<string | undefined> = []
      const check = (): boolean => Boolean(seen.push(requests.getStore()))
      const [one, other] = ['one', 'other'].map((name) => requests.run(name, () => checked(clock, { check })))
      await one?.pass(1.2 * EVERY)
      await requests.run('a third', async () => one?.pass(1.2 * EVERY))
      expect(seen.sort()).toEqual(['one', 'one', 'other', 'other'])
      other?.stream.close()
    }),
  )
})

describe('L11 maxStreams', () => {
  const retryIn = (frame = '') => Number(/^retry: (\d+)\n\n$/.exec(frame)?.[1])

  test('refuses a further stream with a retry and a clean end, and takes one again once another has ended', () => {
    const open = metrics().streams.open
    const refusedBefore = metrics().streams.closed.refused
    const { stream } = openStream()
    const limit = { maxStreams: open + 1 }
    const further = openStream(limit)
    expect(further.stream.signal.reason).toMatchObject({ code: 'ERR_SSE_CLOSED', reason: 'refused' })
    expect([further.sink.state, further.sink.frames.length]).toEqual(['ended', 1])
    expect(retryIn(further.sink.frames[0])).toBeGreaterThan(3_000)
    expect([metrics().streams.open, metrics().streams.closed.refused - refusedBefore]).toEqual([open + 1, 1])
    // A stream without a limit, or with a higher one, opens.
    const others = [openStream(), openStream({ maxStreams: open + 3 })]
    expect(others.map(({ stream }) => stream.closed)).toEqual([false, false])
    for (const each of [...others, { stream }]) each.stream.close()
    const late = openStream(limit)
    expect(late.stream.closed).toBe(false)
    late.stream.close()
    expect(metrics().streams.open).toBe(open)
  })

  test('tells a stream that opens its usual retry, because a browser keeps the long one', () => {
    const usual = openStream({ maxStreams: 10_000 })
    const given = openStream({ maxStreams: 10_000, retry: 500 })
    const without = openStream()
    expect([usual, given, without].map(({ sink }) => sink.frames[0])).toEqual(['retry: 3000\n\n', 'retry: 500\n\n', ':\n\n'])
    for (const { stream } of [usual, given, without]) stream.close()
  })

  test(
    'refused clients return at no more than 100 in a second, and after five minutes at most',
    onDrivenClock(async (clock) => {
      // What other tests were told is long over.
      clock.advance(3_600_000)
      const returns: number[] = []
      for (let count = 0; count < 40_000; count++) {
        if (count % 1_000 === 0) clock.advance(5)
        returns.push(clock.now() + retryIn(openStream({ maxStreams: 0, retry: 1_000 }).sink.frames[0]))
      }
      const within = returns.filter((time) => time < clock.now() + 290_000)
      for (let index = 100; index < within.length; index++) expect((within[index] as number) - (within[index - 100] as number)).toBeGreaterThanOrEqual(999)
      expect(within.length).toBeGreaterThan(28_000)
      expect(Math.max(...returns)).toBeLessThanOrEqual(clock.now() + 300_000)
      // Once they have returned, a refused client waits for its usual time again.
      clock.advance(400_000)
      expect(retryIn(openStream({ maxStreams: 0, retry: 1_000 }).sink.frames[0])).toBe(1_010)
    }),
  )

  test(
    'B3 a refused peer that takes nothing is cut as stalled, and nothing of it stays',
    onDrivenClock(async (clock) => {
      const stream = new SinkStream(resolveOptions({ maxStreams: 0, stallTimeout: 1_000 }), '')
      const sink = new HeldSink(stream)
      sink.hold()
      stream.open(sink)
      expect(sink.state).toBe('ended')
      clock.advance(1_200)
      expect(sink.destroyedFor).toBe('stalled')
    }),
  )

  test('ends no stream that a shutdown signal could end again', async () => {
    const controller = new AbortController()
    const { stream } = openStream({ maxStreams: 0, signal: controller.signal, revalidate: { every: 10, check: () => false } })
    controller.abort()
    expect(await ended(stream)).toMatchObject({ reason: 'refused' })
  })
})
