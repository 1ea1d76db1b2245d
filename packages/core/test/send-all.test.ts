import { once } from 'node:events'
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough, Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Message } from '../src/lib/message/message.ts'
import { openStream, turn } from './support/held-sink.ts'

const unhandled: unknown[] = []
const onUnhandled = (error: unknown): void => void unhandled.push(error)
beforeEach(() => {
  unhandled.length = 0
  process.on('unhandledRejection', onUnhandled)
})
afterEach(async () => {
  // Node says so once the microtasks of the turn have run.
  await turn()
  process.off('unhandledRejection', onUnhandled)
  expect(unhandled).toEqual([])
})

/** A source that the test drives. It notes the calls that it gets. */
class Producer<Item> implements AsyncIterableIterator<Item> {
  pulls = 0
  returns = 0
  readonly #items: Item[]
  readonly #last: () => Promise<IteratorResult<Item>>

  constructor(items: Item[], last: () => Promise<IteratorResult<Item>> = async () => ({ done: true, value: undefined })) {
    this.#items = [...items]
    this.#last = last
  }

  async next(): Promise<IteratorResult<Item>> {
    this.pulls++
    return this.#items.length > 0 ? { done: false, value: this.#items.shift() as Item } : this.#last()
  }

  async return(): Promise<IteratorResult<Item>> {
    this.returns++
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}

const webStream = (items: string[], cancel?: () => void) =>
  new ReadableStream<string>(
    {
      pull: (controller) => {
        const item = items.shift()
        if (item === undefined) controller.close()
        else controller.enqueue(item)
      },
      ...(cancel && { cancel }),
    },
    { highWaterMark: 0 },
  )

const pending = (): Promise<never> => new Promise(() => {})
const ABC = ['a', 'b', 'c']
const ABC_FRAMES = [':\n\n', 'data: a\n\n', 'data: b\n\n', 'data: c\n\n']

describe('every kind of source', () => {
  test.each<[string, () => Parameters<ReturnType<typeof openStream>['stream']['sendAll']>[0]]>([
    ['an array', () => ABC],
    ['a Set', () => new Set(ABC)],
    [
      'a generator',
      function* () {
        yield* ABC
      },
    ],
    [
      'an async generator',
      async function* () {
        yield* ABC
      },
    ],
    ['an async iterator', () => new Producer(ABC)],
    ['a ReadableStream', () => webStream([...ABC])],
    ['a Node Readable', () => Readable.from(ABC)],
    ['a Node Readable that decodes', () => Readable.from(ABC.map((each) => Buffer.from(each))).setEncoding('utf8')],
  ])('B5 sends each item of %s, resolves to true, and leaves the stream open', async (_, source) => {
    const { stream, sink } = openStream()
    await expect(stream.sendAll(source())).resolves.toBe(true)
    expect(sink.frames.join('')).toBe(ABC_FRAMES.join(''))
    expect(stream.closed).toBe(false)
    stream.close()
  })

  test('B5 sends messages as they are, and other items through map', async () => {
    const { stream, sink } = openStream()
    await stream.sendAll([{ event: 'e', data: 1, id: '1' }, 'text', { retry: 5 }])
    await stream.sendAll([1, 2], (item) => ({ data: item * 2, id: String(item) }))
    await stream.sendAll([new TextEncoder().encode('bytes')], (chunk) => ({ data: chunk }))
    expect(sink.frames.slice(1)).toEqual([
      'event: e\ndata: 1\nid: 1\n\n',
      'data: text\n\n',
      'retry: 5\n\n',
      'data: 2\nid: 1\n\n',
      'data: 4\nid: 2\n\n',
      'data: bytes\n\n',
    ])
  })

  test('B5 resolves to true for a source that is empty', async () => {
    const { stream } = openStream()
    await expect(stream.sendAll([])).resolves.toBe(true)
    await expect(stream.sendAll(webStream([]))).resolves.toBe(true)
  })

  test('B5 does not stop a source that has ended by itself', async () => {
    const { stream } = openStream()
    const source = new Producer(ABC)
    await stream.sendAll(source)
    expect(source).toMatchObject({ pulls: 4, returns: 0 })
  })
})

describe('the pace', () => {
  test('B5 pulls no faster than the peer takes', async () => {
    const { stream, sink } = openStream()
    const source = new Producer(ABC)
    sink.hold()
    const all = stream.sendAll(source)
    await turn()
    expect(source.pulls).toBe(1)
    sink.take()
    sink.hold()
    await turn()
    expect(source.pulls).toBe(2)
    sink.take()
    await expect(all).resolves.toBe(true)
    expect(sink.frames).toEqual(ABC_FRAMES)
  })

  test('B5 never reaches maxBufferedBytes, for a source of any length', async () => {
    const { stream, sink } = openStream({ maxBufferedBytes: 10 })
    sink.hold()
    let most = 0
    const timer = setInterval(() => {
      most = Math.max(most, stream.bufferedAmount)
      sink.take()
      sink.hold()
    }, 1)
    const source = Array.from({ length: 50 }, () => 'x'.repeat(100))
    await expect(stream.sendAll(source)).resolves.toBe(true)
    clearInterval(timer)
    expect(most).toBe('data: \n\n'.length + 100)
  })

  test('L4 keeps no sent item in memory', async () => {
    const { stream, sink } = openStream()
    const kept: WeakRef<object>[] = []
    async function* source(): AsyncGenerator<{ data: string }> {
      for (let made = 0; made < 1_000; made++) {
        const message = { data: String(made) }
        kept.push(new WeakRef(message))
        yield message
      }
      // Here, while the source is still being read: at its end all would be let go in any case.
      await turn()
      global.gc?.()
      await turn()
      expect(kept.filter((each) => each.deref()).length).toBeLessThan(10)
    }
    await expect(stream.sendAll(source())).resolves.toBe(true)
    expect(sink.frames).toHaveLength(1_001)
  })
})

describe('the peer leaves', () => {
  const leavings: Array<[string, (opened: ReturnType<typeof openStream>) => void]> = [
    ['the peer leaves', ({ sink }) => sink.leave()],
    ['the stream is closed', ({ stream }) => stream.close()],
  ]

  describe.each(leavings)('while the source is pending: %s', (_, leave) => {
    test('B5 return() of an async iterator is called at once', async () => {
      const opened = openStream()
      const source = new Producer(['a'], pending)
      const all = opened.stream.sendAll(source)
      await turn()
      expect(source).toMatchObject({ pulls: 2, returns: 0 })
      leave(opened)
      await expect(all).resolves.toBe(false)
      expect(source).toMatchObject({ pulls: 2, returns: 1 })
    })

    test('B5 an async generator runs its finally as soon as it can', async () => {
      const opened = openStream()
      let goOn = (): void => {}
      let done = (): void => {}
      const finished = new Promise<void>((resolve) => {
        done = resolve
      })
      async function* source(): AsyncGenerator<string> {
        try {
          yield 'a'
          await new Promise<void>((resolve) => {
            goOn = resolve
          })
          yield 'b'
        } finally {
          done()
        }
      }
      const all = opened.stream.sendAll(source())
      await turn()
      leave(opened)
      await expect(all).resolves.toBe(false)
      goOn()
      await finished
      expect(opened.sink.frames).not.toContain('data: b\n\n')
    })

    test('B5 a ReadableStream is cancelled', async () => {
      const opened = openStream()
      const cancelled = new Promise((resolve) => {
        const source = new ReadableStream<string>({ start: (controller) => controller.enqueue('a'), cancel: resolve })
        opened.stream.sendAll(source).then((answer) => expect(answer).toBe(false))
      })
      await turn()
      leave(opened)
      await cancelled
    })

    test('B5 a Node Readable is destroyed', async () => {
      const opened = openStream()
      const source = new PassThrough({ objectMode: true })
      source.write('a')
      const all = opened.stream.sendAll(source as AsyncIterable<string>)
      await turn()
      expect(opened.sink.frames.at(-1)).toBe('data: a\n\n')
      const destroyed = once(source, 'close')
      leave(opened)
      await expect(all).resolves.toBe(false)
      await destroyed
      expect(source.destroyed).toBe(true)
    })
  })

  describe('while the source is the answer of another server', () => {
    /** A server that sends one word, and then waits. */
    async function upstream(): Promise<{ url: string; left: Promise<unknown>; close(): void }> {
      const server = createServer()
      const left = once(server, 'request').then(([, answer]) => {
        const res = answer as ServerResponse
        res.write('word')
        return once(res, 'close')
      })
      await once(server.listen(0, '127.0.0.1'), 'listening')
      return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, left, close: () => void server.close() }
    }

    test('B5 the body of fetch closes its connection', async () => {
      const { stream, sink } = openStream()
      const server = await upstream()
      const response = await fetch(server.url)
      if (!response.body) throw new Error('there is no body')
      const all = stream.sendAll(response.body, (chunk) => ({ data: chunk }))
      await sink.until(({ frames }) => frames.length === 2)
      sink.leave()
      await expect(all).resolves.toBe(false)
      await server.left
      server.close()
    })

    test('B5 an IncomingMessage closes its connection', async () => {
      const { stream, sink } = openStream()
      const server = await upstream()
      const [response] = (await once(get(server.url), 'response')) as [IncomingMessage]
      const all = stream.sendAll(response.setEncoding('utf8') as AsyncIterable<string>)
      await sink.until(({ frames }) => frames.length === 2)
      sink.leave()
      await expect(all).resolves.toBe(false)
      await server.left
      server.close()
    })
  })

  test.each(leavings)('B5 while a send waits: %s', async (_, leave) => {
    const opened = openStream()
    const source = new Producer(ABC)
    opened.sink.hold()
    const all = opened.stream.sendAll(source)
    await turn()
    leave(opened)
    await expect(all).resolves.toBe(false)
    expect(source).toMatchObject({ pulls: 1, returns: 1 })
  })

  test('B5 before the first item: the source is stopped without being pulled', async () => {
    const { stream } = openStream()
    stream.close()
    const source = new Producer(ABC)
    const readable = Readable.from(ABC)
    let cancelled = false
    const untouched = [...ABC]
    const web = webStream(untouched, () => {
      cancelled = true
    })
    await expect(stream.sendAll(source)).resolves.toBe(false)
    await expect(stream.sendAll(readable as AsyncIterable<string>)).resolves.toBe(false)
    await expect(stream.sendAll(web)).resolves.toBe(false)
    expect(source).toMatchObject({ pulls: 0, returns: 1 })
    expect(readable.destroyed).toBe(true)
    expect(cancelled).toBe(true)
    expect(untouched).toEqual(ABC)
  })

  test('B5 a generator that is not pending runs its finally', async () => {
    const { stream, sink } = openStream()
    let finished = false
    function* source(): Generator<string> {
      try {
        yield 'a'
        sink.leave()
        yield 'b'
      } finally {
        finished = true
      }
    }
    await expect(stream.sendAll(source())).resolves.toBe(false)
    expect(finished).toBe(true)
    expect(sink.frames).toEqual([':\n\n', 'data: a\n\n'])
  })

  test('B5 an error of a source, or of its stop, is ignored after the peer has left', async () => {
    const { stream, sink } = openStream()
    let fail = (_: Error): void => {}
    const late = new Producer<string>(
      [],
      () =>
        new Promise((_, reject) => {
          fail = reject
        }),
    )
    late.return = () => Promise.reject(new Error('cannot return'))
    const all = stream.sendAll(late)
    const throwing = openStream()
    const other = new Producer<string>([], pending)
    other.return = () => {
      throw new Error('cannot return')
    }
    const all2 = throwing.stream.sendAll(other)
    await turn()
    sink.leave()
    throwing.sink.leave()
    await expect(all).resolves.toBe(false)
    await expect(all2).resolves.toBe(false)
    fail(new Error('too late'))
    await turn()
  })

  test('B5 a source without a way to stop it is left alone', async () => {
    const { stream, sink } = openStream()
    const all = stream.sendAll({ [Symbol.asyncIterator]: () => ({ next: pending }) })
    await turn()
    sink.leave()
    await expect(all).resolves.toBe(false)
  })

  test('L4 removes its listener from the stream', async () => {
    const { stream } = openStream()
    let listeners = 0
    const { onClose } = stream
    stream.onClose = (callback) => {
      listeners++
      const takeBack = onClose.call(stream, callback)
      return () => {
        listeners--
        takeBack()
      }
    }
    await stream.sendAll(ABC)
    await stream.sendAll([{ foo: 1 } as unknown as Message]).catch(() => {})
    await stream.sendAll('text' as never).catch(() => {})
    expect(listeners).toBe(0)
  })
})

describe('errors', () => {
  test('B5 rejects with the source’s own error, and stops nothing that has failed by itself', async () => {
    const { stream, sink } = openStream()
    const broken = new Error('broken')
    const source = new Producer(['a'], () => Promise.reject(broken))
    await expect(stream.sendAll(source)).rejects.toBe(broken)
    expect(source.returns).toBe(0)
    expect(sink.frames).toEqual([':\n\n', 'data: a\n\n'])
    expect(stream.closed).toBe(false)

    function* generator(): Generator<string> {
      yield 'a'
      throw broken
    }
    await expect(stream.sendAll(generator())).rejects.toBe(broken)
    await expect(stream.sendAll(new ReadableStream<string>({ pull: (controller) => controller.error(broken) }))).rejects.toBe(broken)
    await expect(
      stream.sendAll(
        new Readable({
          read() {
            this.destroy(broken)
          },
        }) as AsyncIterable<string>,
      ),
    ).rejects.toBe(broken)
    await expect(stream.send('still open')).resolves.toBe(true)
  })

  test('B5 a map that is not a function is refused, and the source is not begun', async () => {
    const { stream } = openStream()
    const source = new Producer(['a'])
    await expect(stream.sendAll(source, 5 as never)).rejects.toMatchObject({ code: 'ERR_SSE_INVALID_OPTION', message: 'map must be a function, got 5' })
    expect(source.pulls).toBe(0)
  })

  test('B5 a map that throws stops the source, and sendAll rejects with the error', async () => {
    const { stream } = openStream()
    const broken = new Error('broken')
    const map = (): Message => {
      throw broken
    }
    const source = new Producer(ABC)
    await expect(stream.sendAll(source, map)).rejects.toBe(broken)
    expect(source).toMatchObject({ pulls: 1, returns: 1 })

    let cancelled: unknown
    const web = new ReadableStream<string>({
      pull: (controller) => controller.enqueue('a'),
      cancel: () => {
        cancelled = true
      },
    })
    await expect(stream.sendAll(web, map)).rejects.toBe(broken)
    expect(cancelled).toBe(true)

    const readable = Readable.from(ABC)
    await expect(stream.sendAll(readable as AsyncIterable<string>, map)).rejects.toBe(broken)
    expect(readable.destroyed).toBe(true)
  })

  test('B5 W11 an item that is not a message stops the source, and sendAll rejects with its code', async () => {
    const { stream } = openStream()
    for (const item of [{ foo: 1 }, 7, ['a'], null, undefined, new Map(), Promise.resolve('a')]) {
      const source = new Producer<unknown>(['a', item])
      await expect(stream.sendAll(source as AsyncIterable<Message>)).rejects.toMatchObject({ code: 'ERR_SSE_INVALID_MESSAGE' })
      expect(source).toMatchObject({ pulls: 2, returns: 1 })
    }
  })

  test.each([Buffer.from('a'), new Uint8Array(1), new ArrayBuffer(1)])(
    'B5 bytes without a map are refused with advice on how to decode them: %o',
    async (chunk) => {
      const { stream, sink } = openStream()
      const source = new Producer<unknown>([chunk])
      await expect(stream.sendAll(source as AsyncIterable<Message>)).rejects.toMatchObject({
        name: 'TidingsError',
        code: 'ERR_SSE_INVALID_SOURCE',
        message: expect.stringMatching(/TextDecoderStream.*setEncoding.*map/),
      })
      expect(source.returns).toBe(1)
      expect(sink.frames).toEqual([':\n\n'])
    },
  )

  test.each<[string, unknown, string]>([
    ['a string', 'hello', 'got "hello"; send one message with send()'],
    ['a promise', Promise.resolve(ABC), 'got an instance of Promise; await it first'],
    ['a function', () => ABC, 'got a function; call it first'],
    ['bytes', new Uint8Array(3), 'got an instance of Uint8Array; send one message with send()'],
    ['a message', { data: 'x' }, 'got an object; send one message with send()'],
    ['null', null, 'got null; send one message with send()'],
    ['undefined', undefined, 'got undefined; send one message with send()'],
    ['a number', 7, 'got 7; send one message with send()'],
  ])('B5 %s is not a source, and the error says what to do', async (_, source, says) => {
    const { stream, sink } = openStream()
    await expect(stream.sendAll(source as never)).rejects.toMatchObject({
      name: 'TidingsError',
      code: 'ERR_SSE_INVALID_SOURCE',
      message: `sendAll takes an iterable, an async iterable, a ReadableStream or a Readable, ${says}`,
    })
    expect(sink.frames).toEqual([':\n\n'])
    expect(stream.closed).toBe(false)
  })
})
