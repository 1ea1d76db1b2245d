import { describe, expect, expectTypeOf, test, vi } from 'vitest'
import type { Message, Snapshot } from '../src/index.ts'
import type { SinkStream } from '../src/lib/stream/sink-stream.ts'
import { ended, openStream, turn } from './support/held-sink.ts'
import { type Joined, openChannel } from './support/joined-channel.ts'
import { EventStreamParser } from './support/parsers.ts'
import { watchTimers } from './support/timers.ts'

/** A snapshot that waits for the test, with the signal of each run. */
function held() {
  const runs: { signal: AbortSignal; give: (text: string) => void; fail: (error: unknown) => void }[] = []
  const snapshot = vi.fn<Snapshot>(
    ({ signal }) =>
      new Promise((give, fail) => {
        runs.push({ signal, give, fail })
      }),
  )
  return { snapshot, runs }
}

const timeout = expect.objectContaining({ code: 'ERR_SSE_SNAPSHOT_TIMEOUT', message: expect.stringContaining('longer than 20 ms') })

describe('C7 a snapshot that hangs', () => {
  test('C7 after snapshotTimeout cuts the streams that wait for it, and tells onError what to do, and other streams go on', async () => {
    const { channel, join, errors, id } = openChannel({ snapshotTimeout: 20 })
    const { snapshot, runs } = held()
    const sound = join({ snapshot: () => 'state' })
    const waiting = [join({ snapshot }), join({ snapshot })]
    const reasons = await Promise.all(waiting.map(({ stream }) => ended(stream)))
    expect(reasons).toEqual([1, 2].map(() => expect.objectContaining({ reason: 'error', cause: timeout })))
    expect(errors).toEqual([1, 2].map(() => ({ error: timeout, stage: 'snapshot' })))
    expect(runs.map(({ signal }) => signal.reason)).toEqual([timeout])
    for (const { sink } of waiting) expect([sink.state, sink.frames]).toEqual(['destroyed', [':\n\n']])
    expect([sound.stream.closed, sound.text, channel.subscribers]).toEqual([false, `data: state\nid: ${id(0)}\n\n`, 1])
  })

  test('C7 is followed by a new run for later clients, and its own late result is dropped', async () => {
    const { channel, join, errors, id } = openChannel({ snapshotTimeout: 20 })
    const { snapshot, runs } = held()
    await ended(join({ snapshot }).stream)
    const later = join({ snapshot })
    runs[0]?.give('too late')
    runs[1]?.give('in time')
    await turn()
    expect([snapshot.mock.calls.length, later.text]).toEqual([2, `data: in time\nid: ${id(0)}\n\n`])
    expect([channel.subscribers, errors.length]).toEqual([1, 1])
  })

  test('C7 has no deadline once it was taken, has failed, or no client waits for it', async () => {
    const timers = watchTimers()
    const { join } = openChannel()
    const { snapshot, runs } = held()
    const [taken, failed, left] = [join({ snapshot }), join({ snapshot: (context) => snapshot(context) }), join({ snapshot: (context) => snapshot(context) })]
    expect(await timers.alive()).toBe(3)
    runs[0]?.give('state')
    runs[1]?.fail(new Error('broken'))
    left.sink.leave()
    await ended(failed.stream)
    expect([taken.stream.closed, await timers.alive()]).toEqual([false, 0])
    timers.stop()
  })

  test('C7 keeps no client in memory that has left', async () => {
    const { channel, join } = openChannel()
    const { snapshot, runs } = held()
    const streams: WeakRef<SinkStream>[] = []
    const stays = join({ snapshot })
    const visit = (index: number): void => {
      const { stream, sink, subscription }: Joined = join({ snapshot, topics: [`t${index}`] })
      if (index % 3 === 0) subscription.close()
      if (index % 2 === 0) sink.leave()
      else stream.close()
      streams.push(new WeakRef(stream))
    }
    for (let index = 0; index < 200; index++) visit(index)
    expect(await alive(streams)).toBeLessThan(2)
    expect([snapshot.mock.calls.length, channel.subscribers, stays.stream.closed, runs.length]).toEqual([1, 1, false, 1])
  })

  test('C7 keeps no client in memory that was cut', async () => {
    const { join } = openChannel({ snapshotTimeout: 20 })
    const { snapshot, runs } = held()
    const streams: WeakRef<SinkStream>[] = []
    // Not its reason, whose stack refers to the stream.
    const begin = async (): Promise<void> => {
      const { stream } = join({ snapshot })
      streams.push(new WeakRef(stream))
      await ended(stream)
    }
    await Promise.all(Array.from({ length: 100 }, begin))
    expect(await alive(streams)).toBeLessThan(2)
    expect(runs.length).toBeGreaterThan(0)
  })
})

/** How many are not collected; one may lie on the stack of the function that asks. */
async function alive(streams: readonly WeakRef<SinkStream>[]): Promise<number> {
  for (let round = 0; round < 3; round++) {
    await turn()
    if (!global.gc) throw new Error('run with --expose-gc')
    global.gc()
  }
  return streams.filter((stream) => stream.deref()).length
}

describe('C5 the signal of a snapshot', () => {
  test.each<[string, (joined: Joined) => void]>([
    ['the peer leaves', ({ sink }) => sink.leave()],
    ['the stream is closed', ({ stream }) => stream.close()],
    ['the subscription is closed', ({ subscription }) => subscription.close()],
  ])('C5 is aborted when the last client that waits for the run has left: %s', async (_, leave) => {
    const { join, errors } = openChannel()
    const { snapshot, runs } = held()
    const [first, last] = [join({ snapshot }), join({ snapshot })]
    const [run] = runs
    run?.signal.addEventListener('abort', () => run.fail(run.signal.reason))
    leave(first)
    expect([runs.length, run?.signal.aborted]).toEqual([1, false])
    leave(last)
    expect(run?.signal.reason).toMatchObject({ name: 'AbortError' })
    // What was told to stop has not failed.
    await turn()
    expect(errors).toEqual([])
    const next = join({ snapshot })
    runs[1]?.give('state')
    await turn()
    expect([runs.length, next.text.startsWith('data: state\n'), runs[1]?.signal.aborted]).toEqual([2, true, false])
  })

  test('C5 is aborted if the snapshot function ends the only stream that waits for it', () => {
    const { channel, errors } = openChannel()
    const { snapshot, runs } = held()
    const { stream, sink } = openStream()
    const closing: Snapshot = (context) => {
      stream.close()
      return snapshot(context)
    }
    channel.subscribe(stream, { snapshot: closing })
    expect([runs[0]?.signal.aborted, sink.frames, channel.subscribers, errors]).toEqual([true, [':\n\n'], 0, []])
  })

  test('C5 is aborted when the channel is closed', () => {
    const { channel, join } = openChannel()
    const { snapshot, runs } = held()
    join({ snapshot })
    channel.close()
    expect(runs[0]?.signal.aborted).toBe(true)
  })

  test('C5 types: a snapshot gets a signal, and need not use it', () => {
    const { join } = openChannel()
    join({ snapshot: ({ signal }) => `${expectTypeOf(signal).toEqualTypeOf<AbortSignal>()}` })
    join({ snapshot: () => [] })
    expectTypeOf<Snapshot>().toBeCallableWith({ signal: AbortSignal.abort() })
  })
})

describe('C15 the position in a snapshot', () => {
  const items: [string, Message[], string][] = [
    ['one message', ['state'], 'data: state\n{id}\n'],
    ['several', [{ event: 'x', data: 1 }, 'y', { event: 'z', data: '' }], 'event: x\ndata: 1\n\ndata: y\n\nevent: z\ndata: \n{id}\n'],
    ['lines of data', ['a', 'b\nid: c\r\n\ndata: d'], 'data: a\n\ndata: b\ndata: id: c\ndata: \ndata: data: d\n{id}\n'],
    ['empty data', [''], 'data: \n{id}\n'],
    ['comments behind', ['a', { comment: 'b' }, { comment: 'c\ndata: d\n' }], 'data: a\n{id}\n: b\n\n: c\n: data: d\n: \n\n'],
    ['a retry behind', ['a', { retry: 5 }], 'data: a\n{id}\nretry: 5\n\n'],
    ['a comment before', [{ comment: 'data: a' }, { comment: 'b', data: 'c', retry: 5 }], ': data: a\n\n: b\nretry: 5\ndata: c\n{id}\n'],
    ['no event', [{ comment: 'a' }, { retry: 5 }], ': a\n\nretry: 5\n\n{id}\n'],
    ['nothing', [], '{id}\n'],
  ]

  test.each(items)('C15 the last message that dispatches has it: %s', (_, messages, expected) => {
    const { join, id } = openChannel()
    expect(join({ snapshot: () => messages }).text).toBe(expected.replace('{id}', `id: ${id(0)}\n`))
    expect(openChannel({ position: false }).join({ snapshot: () => messages }).text).toBe(expected.replace(/(?:^|(?<=\n\n))\{id\}\n|\{id\}/, ''))
  })

  test.each(items)("C15 with position: 'message' there is no further event, unless there was none: %s", (_, messages, expected) => {
    const { join, id } = openChannel({ position: 'message' })
    const event = /(^|\n\n)\{id\}/.test(expected) ? 'event: position\ndata: \n' : ''
    expect(join({ snapshot: () => messages }).text).toBe(expected.replace('{id}', `${event}id: ${id(0)}\n`))
  })

  test.each(items)('C13 C15 on a stream of several channels it is the joined one: %s', async (_, messages, expected) => {
    const [a, b] = [openChannel({ name: 'a' }), openChannel({ name: 'b' })]
    const { stream, sink, text } = a.join()
    b.channel.subscribe(stream, { snapshot: () => messages })
    expect(sink.frames.slice(1).join('').slice(text.length)).toBe(expected.replace('{id}', `id: a~${a.id(0)}~b~${b.id(0)}\n`))
  })

  test('C15 the id stands behind data that serialize has encoded, also on several lines', () => {
    const { join, id } = openChannel({ serialize: (data) => `<\n${data}\n\nid: 1>` })
    expect(join({ snapshot: () => [{ data: 1 }, { data: 2 }] }).text).toBe(
      `data: <\ndata: 1\ndata: \ndata: id: 1>\n\ndata: <\ndata: 2\ndata: \ndata: id: 1>\nid: ${id(0)}\n\n`,
    )
  })

  test('C15 it is the id that the snapshot gives in after', async () => {
    const { channel, join, id } = openChannel()
    for (const data of ['a', 'b']) await channel.publish(data)
    expect(join({ snapshot: () => ({ messages: ['has a', { comment: 'c' }], after: id(1) }) }).text).toBe(
      `data: has a\nid: ${id(1)}\n\n: c\n\ndata: b\nid: ${id(2)}\n\n`,
    )
    expect(join({ snapshot: () => ({ messages: [], after: id(1) }) }).text).toBe(`id: ${id(1)}\n\ndata: b\nid: ${id(2)}\n\n`)
  })

  test('C5 C15 a client that is cut anywhere gets the whole snapshot again, or has it and resumes', async () => {
    const state = ['one', { event: 'two', data: 'a\nb' }, { comment: 'c' }, { retry: 5 }]
    for (const position of [true, 'message'] as const) {
      const { channel, id } = openChannel({ position, history: { messages: 2 } })
      const { channel: other } = openChannel()
      for (const data of ['1', '2']) await channel.publish(data)
      for (const name of [undefined, 'a']) {
        for (const from of ['', id(0), 'x'].map((each) => (name && each ? `a~${each}` : each))) {
          if (from.endsWith(id(0))) await channel.publish('3')
          const snapshot = vi.fn(() => state)
          const come = (lastEventId: string): string => {
            const { stream, sink } = openStream({}, lastEventId)
            if (name) other.subscribe(stream, { name: 'o' })
            channel.subscribe(stream, { snapshot, name })
            return sink.frames.slice(1).join('')
          }
          const bytes = new TextEncoder().encode(come(from))
          for (let cut = 0; cut <= bytes.length; cut++) {
            snapshot.mockClear()
            const parser = new EventStreamParser()
            parser.feed(bytes.subarray(0, cut))
            const isWhole = parser.events.at(-1)?.type === 'two'
            // A page sees the position in the event itself.
            if (isWhole) expect(parser.events.at(-1)?.lastEventId).toBe(parser.lastEventId)
            come(parser.lastEventId || from)
            expect(snapshot).toHaveBeenCalledTimes(isWhole ? 0 : 1)
          }
        }
      }
    }
  })

  test('C10 C15 a channel that ends tells a client its id after a reset, also with position: false', async () => {
    const { channel, join, id } = openChannel({ position: false })
    await channel.publish('a')
    const { text, sink } = join({ snapshot: () => 'state' }, 'x')
    expect(text).toBe('event: reset\ndata: {"reason":"unknown","lastEventId":"x"}\n\ndata: state\n\n')
    channel.end()
    await sink.until(({ state }) => state === 'ended')
    expect(sink.frames.at(-1)).toMatch(new RegExp(`^retry: \\d+\nid: ${id(1)}\n\n$`))
    expect(await channel.ended(id(1))).toBe(true)
  })
})
