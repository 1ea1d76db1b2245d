import { once } from 'node:events'
import { createServer, get, ServerResponse } from 'node:http'
import { connect, createServer as createHttp2Server } from 'node:http2'
import { type AddressInfo, createConnection } from 'node:net'
import type { Readable } from 'node:stream'
import { createGunzip, createGzip } from 'node:zlib'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { SubscribeOptions } from '../src/lib/channel/subscription.ts'
import type { EventStream } from '../src/lib/stream/event-stream.ts'
import { type NodeRequest, type NodeResponse, openEventStream } from '../src/node.ts'
import { eventStreamResponse } from '../src/web.ts'
import { flushed, openChannel } from './support/joined-channel.ts'

/** A client's connection: a stream at this end, and what arrives at the other. */
interface Connection {
  stream: EventStream
  /** Begins to read. Resolves with all that came, decoded, once the stream has ended. */
  read(): Promise<string>
}
type Transport = (onStream: (stream: EventStream) => void) => Promise<Connection>

const OPTIONS = { heartbeat: false } as const
const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0)) await clean()
})

async function textOf(source: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const bytes of source) text += decoder.decode(bytes, { stream: true })
  return text + decoder.decode()
}

/** Listens, connects with `request`, and gives both ends. */
function over(
  request: (port: number) => Promise<{ body: Readable; done?: () => unknown }>,
  { http2 = false, wrap = (_: NodeResponse): void => {} }: { http2?: boolean; wrap?: (res: NodeResponse) => void } = {},
): Transport {
  return async (onStream) => {
    let stream: EventStream | undefined
    const listener = (req: NodeRequest, res: NodeResponse): void => {
      wrap(res)
      stream = openEventStream(req, res, OPTIONS)
      onStream(stream)
    }
    const server = http2 ? createHttp2Server(listener) : createServer(listener)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { body, done } = await request((server.address() as AddressInfo).port)
    cleanups.push(() => {
      done?.()
      body.destroy()
      server.close()
    })
    return { stream: stream as EventStream, read: () => textOf(body) }
  }
}

const http1 = (port: number): Promise<{ body: Readable }> =>
  new Promise((resolve, reject) => {
    get({ port, host: '127.0.0.1', agent: false }, (body) => resolve({ body })).on('error', reject)
  })

const http2 = async (port: number): Promise<{ body: Readable; done: () => void }> => {
  const session = connect(`http://127.0.0.1:${port}`)
  const body = session.request({ ':path': '/' })
  await once(body, 'response')
  return { body, done: () => session.destroy() }
}

/** HTTP/1.0 has no chunks: all that follows the head is the body. */
const http10 = async (port: number): Promise<{ body: Readable }> => {
  const socket = createConnection({ port, host: '127.0.0.1' })
  socket.write('GET / HTTP/1.0\r\n\r\n')
  let head = Buffer.alloc(0)
  while (!head.includes('\r\n\r\n')) {
    const [bytes] = (await once(socket, 'data')) as [Buffer]
    head = Buffer.concat([head, bytes])
  }
  socket.pause()
  socket.unshift(head.subarray(head.indexOf('\r\n\r\n') + 4))
  return { body: socket }
}

const gunzipped = async (port: number): Promise<{ body: Readable }> => {
  const { body } = await http1(port)
  return { body: body.pipe(createGunzip()) }
}

/** Wraps the response like middleware that logs or counts. */
function wrapWrite(res: NodeResponse): void {
  const { write } = res as ServerResponse
  ;(res as ServerResponse).write = ((...args: Parameters<typeof write>) => write.apply(res as ServerResponse, args)) as typeof write
}

/** Wraps the response like `compression`: bytes wait until `flush`, and it has its own `drain`. */
function compress(response: NodeResponse): void {
  const res = response as ServerResponse & { flush?: () => void }
  const gzip = createGzip()
  const write = res.write.bind(res)
  const end = res.end.bind(res)
  const on = res.on.bind(res)
  gzip.on('data', (bytes) => write(bytes) || gzip.pause())
  gzip.on('end', () => end())
  on('drain', () => gzip.resume())
  res.write = ((frames: string | Uint8Array) => gzip.write(frames)) as typeof res.write
  res.end = (() => gzip.end()) as unknown as typeof res.end
  res.flush = () => gzip.flush()
  res.on = ((name: string, listener: () => void) => (name === 'drain' ? gzip.on(name, listener) : on(name, listener))) as typeof res.on
}

const web: Transport = async (onStream) => {
  let stream: EventStream | undefined
  const response = eventStreamResponse(
    new Request('http://example.test/'),
    (opened) => {
      stream = opened
      onStream(opened)
    },
    OPTIONS,
  )
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  const first = await reader.read()
  const read = async function* (): AsyncGenerator<Uint8Array> {
    for (let next = first; !next.done; next = await reader.read()) yield next.value
  }
  return { stream: stream as unknown as EventStream, read: () => textOf(read()) }
}

const TRANSPORTS: [name: string, transport: Transport][] = [
  ['HTTP/1.1, where a chunk is framed once for all', over(http1)],
  ['HTTP/1.0', over(http10)],
  ['a response whose write is wrapped', over(http1, { wrap: wrapWrite })],
  ['a response that is compressed', over(gunzipped, { wrap: compress })],
  ['HTTP/2', over(http2, { http2: true })],
  ['a web stream', web],
]

describe('all ways to write give the same bytes', () => {
  const recordings = new Map<string, string>()

  test.each(TRANSPORTS)('C1 W9 batches, sends, comments and positions in the order in which they were written, over %s', async (name, transport) => {
    const { channel, join, id, log } = openChannel()
    // A reader in memory, for what must come out.
    const reference = join()
    const other = join({ topics: ['b'] })
    const { stream, read } = await transport((opened) => void channel.subscribe(opened))
    const text = read()
    const own = (frames: (to: EventStream) => unknown): void => {
      for (const to of [reference.stream, stream]) frames(to)
    }
    void channel.publish('ä\u2028\r\nb', { topic: 'a' })
    void channel.publish({ event: 'e', data: { deep: ['💥'] } }, { topic: 'b' })
    await flushed()
    own((to) => to.send({ event: 'own', data: 'between' }))
    void channel.publish('x'.repeat(15))
    void channel.publish('y'.repeat(16))
    own((to) => to.comment('while a batch is due'))
    await flushed()
    for (let index = 0; index < 20; index++) {
      void channel.publish('z'.repeat(index * 37))
      if (index % 3 === 0) own((to) => to.send(String(index)))
      if (index % 4 === 0) await flushed()
    }
    await flushed()
    own((to) => to.send('last'))
    own((to) => to.close())
    expect(await text).toBe(reference.sink.frames.join(''))
    expect(other.text).toBe(`id: ${id(0)}\n\nevent: e\ndata: {"deep":["💥"]}\nid: ${id(2)}\n\n`)
    recordings.set(name, (await text).replaceAll(log.idOf(0).split('-')[0] ?? '', 'epoch'))
    expect(new Set(recordings.values()).size).toBe(1)
  })

  test('C1 W9 each way was recorded', () => {
    expect(recordings.size).toBe(TRANSPORTS.length)
  })

  test.each(TRANSPORTS)('C1 B4 a reader that is slow and drains gets all messages, over %s', async (_, transport) => {
    const { channel, join } = openChannel({ history: { messages: 10_000, bytes: 100_000_000 } })
    const reference = join()
    const { stream, read } = await transport((opened) => void channel.subscribe(opened))
    // More than the buffers of both ends hold: several megabytes on the loopback.
    let published = 0
    while (published < 3_000) {
      for (let count = 0; count < 250; count++) void channel.publish({ data: { n: ++published, pad: (published % 10).toString().repeat(5_000) } })
      await flushed()
    }
    expect(stream.bufferedAmount).toBeLessThan(300_000)
    channel.end()
    const text = await read()
    await flushed()
    const withoutRetry = (frames: string) => frames.replace(/retry: [0-9]+\n\n$/, '')
    const expected = withoutRetry(reference.sink.frames.join(''))
    // Not `toBe`: a difference of megabytes takes minutes to print.
    expect(withoutRetry(text).length).toBe(expected.length)
    expect(withoutRetry(text) === expected).toBe(true)
  })

  test('C1 only a plain response is written without the stream', async () => {
    for (const [transport, isPast] of [
      [over(http1), true],
      [over(http1, { wrap: wrapWrite }), false],
      [over(http10), false],
    ] as const) {
      const { channel } = openChannel()
      const write = vi.spyOn(ServerResponse.prototype, 'write')
      const options: SubscribeOptions = {}
      const { stream, read } = await transport((opened) => void channel.subscribe(opened, options))
      const text = read()
      write.mockClear()
      void channel.publish('a')
      await flushed()
      expect(write).toHaveBeenCalledTimes(isPast ? 0 : 1)
      write.mockRestore()
      stream.close()
      expect(await text).toContain('data: a\n')
    }
  })

  test('C1 W9 a response that the app has corked keeps the order', async () => {
    const { channel } = openChannel()
    let response: ServerResponse | undefined
    const wrap = (res: NodeResponse): void => {
      response = res as ServerResponse
    }
    const { stream, read } = await over(http1, { wrap })((opened) => void channel.subscribe(opened))
    const text = read()
    const publish = async (data: string): Promise<void> => {
      void channel.publish(data)
      await flushed()
    }
    await publish('1')
    response?.cork()
    stream.send('2')
    await publish('3')
    stream.send('4')
    response?.uncork()
    await publish('5')
    stream.close()
    expect((await text).match(/(?<=data: ).*/g)).toEqual(['1', '2', '3', '4', '5'])
  })
})
