import { AsyncLocalStorage } from 'node:async_hooks'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { type Channel, createChannel } from '../src/index.ts'
import type { Engine } from '../src/log.ts'
import { engineLog } from '../src/log.ts'
import { eventStreamResponse } from '../src/web.ts'
import { FaultyEngine, Store } from './support/faulty-engine.ts'
import { HeldSink, openStream, turn } from './support/held-sink.ts'
import { flushed } from './support/joined-channel.ts'

const requests = new AsyncLocalStorage<{ name: string }>()
const inRequest = <Result>(name: string, run: () => Result): Result => requests.run({ name }, run)
const nameHere = (): string => requests.getStore()?.name ?? 'none'

/** Notes where each write to a transport is made. */
function notesWrites(): string[] {
  const names: string[] = []
  const { write } = HeldSink.prototype
  vi.spyOn(HeldSink.prototype, 'write').mockImplementation(function (this: HeldSink, frames) {
    names.push(nameHere())
    return write.call(this, frames)
  })
  return names
}

/** Whether the data of a request is still in memory after its turn. */
async function isHeld(store: WeakRef<object>): Promise<boolean> {
  for (let tries = 0; tries < 20 && store.deref(); tries++) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    ;(globalThis as { gc?: () => void }).gc?.()
  }
  return store.deref() !== undefined
}

/** Runs a function in a new context to which nothing else refers. */
function inLargeRequest(run: () => unknown): WeakRef<object> {
  const store = { name: 'large', bytes: new Uint8Array(1_000_000) }
  requests.run(store, run)
  return new WeakRef(store)
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe('H13 a stream', () => {
  test('calls onClose back in the context in which it was given first, and once', () => {
    const { stream } = openStream()
    const ran: string[] = []
    const callback = (): unknown => ran.push(`first in ${nameHere()}`)
    inRequest('a', () => stream.onClose(callback))
    inRequest('b', () => stream.onClose(callback))
    const takeBack = inRequest('c', () => stream.onClose(() => ran.push('taken back')))
    inRequest('d', () => stream.onClose(() => ran.push(`second in ${nameHere()}`)))
    takeBack()
    inRequest('the end', () => stream.close())
    inRequest('e', () => stream.onClose(() => ran.push(`late in ${nameHere()}`)))
    expect(ran).toEqual(['first in a', 'second in d', 'late in e'])
  })

  test('aborts its signal in the context in which it was first read', () => {
    const { stream } = openStream()
    const ran: string[] = []
    const signal = inRequest('a', () => stream.signal)
    signal.addEventListener('abort', () => ran.push(nameHere()))
    inRequest('the end', () => stream.close())
    expect(ran).toEqual(['a'])
  })

  test('is checked in no context, and the timer that it started does not keep its request in memory', async () => {
    const names = notesWrites()
    const open: Array<ReturnType<typeof openStream>> = []
    let first: ReturnType<typeof openStream> | undefined
    const request = inLargeRequest(() => {
      first = openStream({ heartbeat: 10 })
    })
    inRequest('another', () => open.push(openStream({ heartbeat: 10 })))
    await open[0]?.sink.until(({ frames }) => frames.length > 2)
    expect(new Set(names.slice(2))).toEqual(new Set(['none']))
    first?.stream.close()
    first = undefined
    expect(await isHeld(request)).toBe(false)
    open[0]?.stream.close()
  })

  test('does not keep its request in memory after its end', async () => {
    const { stream } = openStream()
    const request = inLargeRequest(() => {
      stream.onClose(() => {})
      void stream.signal
    })
    stream.close()
    expect(await isHeld(request)).toBe(false)
    expect(stream.closed).toBe(true)
  })

  test('runs the callback of a fetch response in its own context', async () => {
    const ran: string[] = []
    const response = inRequest('a', () =>
      eventStreamResponse(new Request('http://a.example/'), async (stream) => {
        ran.push(nameHere())
        await turn()
        stream.send(nameHere())
        stream.close()
      }),
    )
    await turn()
    expect(await inRequest('the server', () => response.text())).toBe(':\n\ndata: a\n\n')
    expect(ran).toEqual(['a'])
  })
})

describe('H13 a channel', () => {
  test('delivers in no context, and does not keep the context of a publisher in memory', async () => {
    const names = notesWrites()
    const channel = createChannel()
    const { stream, sink } = openStream()
    channel.subscribe(stream)
    const request = inLargeRequest(() => {
      channel.publish('a')
      channel.publish('b')
    })
    await sink.until(({ frames }) => frames.at(-1)?.includes('data: b') ?? false)
    expect(names.at(-1)).toBe('none')
    expect(await isHeld(request)).toBe(false)
  })

  test.each([false, true])('runs a filter of several subscriptions in the context of one that still exists (written to together: %s)', async (together) => {
    vi.spyOn(HeldSink, 'takesShared', 'get').mockReturnValue(together)
    const channel = createChannel()
    const ran: string[] = []
    const filter = (): boolean => Boolean(ran.push(nameHere()))
    const first = openStream()
    const second = openStream()
    const request = inLargeRequest(() => channel.subscribe(first.stream, { filter }))
    inRequest('second', () => channel.subscribe(second.stream, { filter }))
    await inRequest('a publisher', () => channel.publish('a'))
    await second.sink.until(({ frames }) => frames.at(-1)?.includes('data: a') ?? false)
    first.sink.leave()
    await inRequest('a publisher', () => channel.publish('b'))
    await second.sink.until(({ frames }) => frames.at(-1)?.includes('data: b') ?? false)
    expect(ran).toEqual([expect.stringMatching(/^(large|second)$/), 'second'])
    expect(await isHeld(request)).toBe(false)
  })

  test('takes the snapshot of a reader that fell behind in the context of its subscription', async () => {
    const channel = createChannel({ history: { messages: 2 } })
    const ran: string[] = []
    const { stream, sink } = openStream()
    inRequest('a', () => {
      channel.subscribe(stream, {
        filter: () => Boolean(ran.push(`filter in ${nameHere()}`)),
        snapshot: () => {
          ran.push(`snapshot in ${nameHere()}`)
          return []
        },
      })
    })
    sink.hold()
    stream.send('x')
    inRequest('a publisher', () => {
      for (const data of ['1', '2', '3', '4']) channel.publish(data)
    })
    await flushed()
    inRequest('the peer', () => sink.take())
    await turn()
    expect(new Set(ran)).toEqual(new Set(['snapshot in a']))
    expect(ran).toHaveLength(2)
  })
})

describe('H13 the signal of a snapshot', () => {
  test.each<[name: string, end: (sink: HeldSink) => unknown]>([
    ['its only reader leaves', (sink) => inRequest('the peer', () => sink.leave())],
    ['it takes too long', () => {}],
  ])('is aborted in the context of the subscription when %s', async (_, end) => {
    const channel = createChannel({ snapshotTimeout: 50, onError: () => {} })
    const { stream, sink } = openStream()
    const aborted = new Promise<string>((resolve) => {
      inRequest('a', () => {
        channel.subscribe(stream, {
          snapshot: ({ signal }) => {
            signal.addEventListener('abort', () => resolve(nameHere()))
            return new Promise(() => {})
          },
        })
      })
    })
    end(sink)
    expect(await aborted).toBe('a')
  })
})

describe('H13 a log on an engine', () => {
  test('calls its engine in no context, and does not keep the context of its first user in memory', async () => {
    const store = new Store()
    const inner = new FaultyEngine(store, () => 0)
    const called = new Set<string>()
    const noting = <Args extends unknown[], Result>(name: string, call: (...args: Args) => Result) => {
      return (...args: Args): Result => {
        called.add(`${name} in ${nameHere()}`)
        return call(...args)
      }
    }
    const engine: Engine = {
      append: noting('append', (batch) => inner.append(batch)),
      read: noting('read', (direction, position, limit) => inner.read(direction, position, limit)),
      follow: noting('follow', (listener) => inner.follow(listener)),
    }
    const log = engineLog(engine, { checkInterval: 20, tail: { messages: 2 } })
    const { stream, sink } = openStream()
    const open = (): Channel => {
      const opened = createChannel({ log, onError: () => {} })
      opened.subscribe(stream, { after: 'start' })
      opened.publish('a')
      return opened
    }
    let channel!: Channel
    const request = inLargeRequest(() => {
      channel = open()
    })
    await sink.until(({ frames }) => frames.at(-1)?.includes('data: a') ?? false)
    // A client that wants more than is here, and one with an id that is not known here yet.
    for (const data of ['1', '2', '3']) await channel.publish(data)
    const others = [openStream(), openStream({}, `${'0'.repeat(32)}-1-9`)] as const
    inRequest('another', () => {
      channel.subscribe(others[0].stream, { after: 'start' })
      channel.subscribe(others[1].stream)
    })
    await others[0].sink.until(({ frames }) => frames.at(-1)?.includes('data: 3') ?? false)
    await others[1].sink.until(({ frames }) => frames.some((frame) => frame.includes('reset')))
    // It finds out by itself that it goes on, and tries until it does.
    inner.cut()
    inRequest('in an outage', () => channel.publish('b'))
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(await isHeld(request)).toBe(false)
    inner.connect()
    await sink.until(({ frames }) => frames.at(-1)?.includes('data: b') ?? false)
    expect([...called].sort()).toEqual(['append in none', 'follow in none', 'read in none'])
    channel.close()
  })
})

test('H13 without contexts on the platform, all callbacks run in the context of their call', async () => {
  vi.resetModules()
  const asked = vi.spyOn(process, 'getBuiltinModule').mockReturnValue(undefined)
  const { eventStreamResponse: respond } = await import('../src/web.ts')
  expect(asked).toHaveBeenCalledWith('node:async_hooks')
  const response = respond(new Request('http://a.example/'), async (stream) => {
    stream.onClose(() => {})
    await stream.send('sent')
    stream.close()
  })
  expect(await response.text()).toBe(':\n\ndata: sent\n\n')
})
