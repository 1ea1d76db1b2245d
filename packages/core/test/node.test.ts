import { Agent, createServer, get, type IncomingMessage, type RequestListener, type Server, ServerResponse } from 'node:http'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { Duplex, PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createChannel, type EventStream, type TidingsError } from '../src/index.ts'
import { lastEventIdOf, openEventStream } from '../src/node.ts'

const servers: Server[] = []

afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections()
})

async function serve(listener: RequestListener): Promise<{ server: Server; port: number }> {
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, port: (server.address() as AddressInfo).port }
}

function response(port: number, options = {}): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => get({ host: '127.0.0.1', port, ...options }, resolve).on('error', reject))
}

const reasonOf = (stream: EventStream): Promise<TidingsError['reason']> => new Promise((resolve) => stream.onClose(({ reason }) => resolve(reason)))

async function raw(port: number, bytes: string): Promise<{ socket: Socket; until(part: string): Promise<string> }> {
  const socket = connect(port, '127.0.0.1')
  await new Promise((resolve) => socket.on('connect', resolve))
  // A server that closes while something is unread resets the connection.
  socket.on('error', () => {})
  let read = ''
  socket.setEncoding('latin1').on('data', (part) => {
    read += part
  })
  socket.write(bytes)
  const until = async (part: string): Promise<string> => {
    while (!read.includes(part)) await new Promise((resolve) => socket.once('data', resolve))
    return read
  }
  return { socket, until }
}

test('openEventStream() refuses arguments that are not a request and its response', async () => {
  const { port } = await serve((req, res) => {
    for (const [first, second] of [[], [req], [res, req]])
      expect(() => openEventStream(first as never, second as never)).toThrow(expect.objectContaining({ code: 'ERR_SSE_INVALID_OPTION' }))
    res.end('refused')
  })
  expect(await text(await response(port))).toBe('refused')
})

describe('H10 an unread body when the stream opens', () => {
  const post = (body: string, path = '/'): string => `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  const dropped = expect.objectContaining({ code: 'ERR_SSE_BODY_DROPPED', message: expect.stringContaining('read it first') })

  const ways: Record<string, (req: IncomingMessage) => unknown> = {
    "on('data')": (req) => req.on('data', () => {}),
    "once('readable')": (req) => req.once('readable', () => {}),
    'for await': (req) => text(req),
    pipe: (req) => req.pipe(new PassThrough()),
    pipeline: (req) => pipeline(req, new PassThrough()),
    'Readable.toWeb': (req) => Readable.toWeb(req),
  }
  const cases = Object.entries(ways).flatMap(([name, read]) => [10, 1_000_000].map((length) => [name, length, read] as const))

  test.each(cases)('is reported by %s if it had %i bytes', async (_, length, read) => {
    const caught = new Promise<unknown>((resolve) => {
      serve(async (req, res) => {
        const stream = openEventStream(req, res)
        await delay(20)
        await Promise.resolve(req)
          .then(read)
          .then(
            () => 'nothing',
            (error) => error,
          )
          .then(resolve)
        stream.close()
      }).then(({ port }) => raw(port, post('x'.repeat(length))))
    })
    expect(await caught).toEqual(dropped)
  })

  test('leaves the connection to the next request, even if that arrives after the end', async () => {
    const { port } = await serve((req, res) => {
      if (req.method === 'GET') return void res.end('next')
      const stream = openEventStream(req, res)
      setTimeout(() => stream.close(), 20)
    })
    const body = 'x'.repeat(1_000_000)
    const { socket, until } = await raw(port, post(body).slice(0, 500_000))
    await until('0\r\n\r\n')
    socket.write(`${post(body).slice(500_000)}GET / HTTP/1.1\r\nHost: a\r\n\r\n`)
    await until('next')
  })

  test('ends with its stream, and leaves no listener', async () => {
    const requests: IncomingMessage[] = []
    const { port } = await serve((req, res) => {
      requests.push(req)
      const stream = openEventStream(req, res)
      setTimeout(() => stream.close(), 20)
    })
    await raw(port, post('x'.repeat(100_000)))
    await expect.poll(() => requests[0]?.readableEnded).toBe(true)
    expect(['readable', 'newListener', 'data'].map((name) => requests[0]?.listenerCount(name))).toEqual([0, 0, 0])
  })
})

describe('openEventStream over HTTP/1.1', () => {
  test('L2 notices the end of a connection for a pipelined stream whose turn has not come', async () => {
    const streams: EventStream[] = []
    let bothOpen!: () => void
    const opened = new Promise<void>((resolve) => {
      bothOpen = resolve
    })
    const { port } = await serve((req, res) => {
      if (streams.push(openEventStream(req, res)) === 2) bothOpen()
    })
    const { socket } = await raw(port, 'GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n')
    await opened
    expect(streams.map(({ closed }) => closed)).toEqual([false, false])
    const reasons = Promise.all(streams.map(reasonOf))
    socket.destroy()
    expect(await reasons).toEqual(['peer', 'peer'])
  })

  test('sends a pipelined stream once the one before it has ended', async () => {
    const streams: EventStream[] = []
    const { port } = await serve((req, res) => {
      streams.push(openEventStream(req, res, { retry: 1 }))
      streams.at(-1)?.send(`from ${req.url}`)
    })
    const { socket, until } = await raw(port, 'GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n')
    await until('data: from /1\n\n')
    streams[0]?.close()
    await until('data: from /2\n\n')
    await streams[1]?.send('and on')
    expect(await until('data: and on\n\n')).toContain('0\r\n\r\nHTTP/1.1 200 OK')
    socket.destroy()
  })

  test('C1 a pipelined stream gets the messages of a channel from before and after its turn has come', async () => {
    const channel = createChannel()
    const streams: EventStream[] = []
    const { port } = await serve((req, res) => {
      const stream = openEventStream(req, res, { retry: 1 })
      streams.push(stream)
      if (req.url === '/2') channel.subscribe(stream)
    })
    const { socket, until } = await raw(port, 'GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n')
    await until('retry: 1\n\n')
    const second = streams[1] as EventStream
    const { bufferedAmount } = second
    channel.publish('before')
    while (second.bufferedAmount === bufferedAmount) await new Promise(setImmediate)
    streams[0]?.close()
    await until('data: before\n')
    await channel.publish('after')
    expect((await until('data: after\n')).match(/data: .*/g)).toEqual(['data: before', 'data: after'])
    socket.destroy()
  })

  test('C1 L8 a channel writes nothing after a response that the app has ended', async () => {
    const channel = createChannel()
    const { port } = await serve(async (req, res) => {
      if (req.url === '/next') return void res.end('next')
      const stream = openEventStream(req, res)
      const subscription = channel.subscribe(stream)
      const before = await channel.publish('before')
      while (subscription.lastEventId !== before) await new Promise(setImmediate)
      // What the peer has yet to take keeps the response open after its end.
      res.end('x'.repeat(10_000_000))
      await channel.publish('after')
    })
    const { socket, until } = await raw(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await until('data: before\n')
    socket.write('GET /next HTTP/1.1\r\nHost: a\r\n\r\n')
    const all = await until('next')
    expect(all.slice(-1_000)).toContain('xxx\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n')
    socket.destroy()
  })

  test('C1 L8 a channel writes nothing after a response that a filter has ended during a delivery', async () => {
    const channel = createChannel()
    let end = (): void => {}
    const { port } = await serve((req, res) => {
      if (req.url === '/next') return void res.end('next')
      const stream = openEventStream(req, res)
      if (req.url === '/ended') end = () => res.end()
      // This one's filter runs before the other is written to.
      const filter = ({ data }: { data: unknown }): boolean => {
        if (data === 'go') end()
        return true
      }
      channel.subscribe(stream, req.url === '/ended' ? {} : { filter })
    })
    const filtering = await raw(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await filtering.until('id: ')
    const ended = await raw(port, 'GET /ended HTTP/1.1\r\nHost: a\r\n\r\n')
    await ended.until('id: ')
    for (const data of ['1', '2', 'go']) {
      await channel.publish(data)
      await filtering.until(`data: ${data}\n`)
    }
    ended.socket.write('GET /next HTTP/1.1\r\nHost: a\r\n\r\n')
    const all = await ended.until('next')
    expect(all.match(/data: .*/g)).toEqual(['data: 1', 'data: 2'])
    expect(all).toContain('\n\n\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n')
    for (const { socket } of [filtering, ended]) socket.destroy()
  })

  test('C1 bytes that the app has corked in the response come before later messages of a channel', async () => {
    const channel = createChannel()
    const { port } = await serve(async (req, res) => {
      const stream = openEventStream(req, res)
      const subscription = channel.subscribe(stream)
      const delivered = async (data: string): Promise<void> => {
        const id = await channel.publish(data)
        while (subscription.lastEventId !== id) await new Promise(setImmediate)
      }
      await delivered('first')
      await delivered('second')
      res.cork()
      stream.send('corked')
      await delivered('third')
      res.uncork()
      await channel.publish('fourth')
    })
    const { socket, until } = await raw(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    expect((await until('data: fourth\n')).match(/data: .*/g)).toEqual(['data: first', 'data: second', 'data: corked', 'data: third', 'data: fourth'])
    socket.destroy()
  })

  test('C1 a response with one wrapped method is written to in the ordinary way', async () => {
    const channel = createChannel()
    const ordinary = vi.spyOn(ServerResponse.prototype, 'write')
    const { port } = await serve((req, res) => {
      if (req.url === '/wrapped') {
        const { end } = res
        res.end = ((...args: unknown[]) => Reflect.apply(end, res, args)) as never
      }
      channel.subscribe(openEventStream(req, res))
    })
    for (const [path, writes] of [
      ['/', 0],
      ['/wrapped', 1],
    ] as const) {
      const { socket, until } = await raw(port, `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
      await until('id: ')
      channel.publish('first')
      await until('data: first\n')
      ordinary.mockClear()
      channel.publish('second')
      await until('data: second\n')
      expect([path, ordinary.mock.calls.length]).toEqual([path, writes])
      socket.destroy()
      while (channel.subscribers > 0) await new Promise(setImmediate)
    }
    ordinary.mockRestore()
  })

  test('C1 a socket whose write was wrapped, and returns nothing, is written to once', async () => {
    const channel = createChannel()
    const { port } = await serve((req, res) => {
      channel.subscribe(openEventStream(req, res))
      const { write } = req.socket
      req.socket.write = ((...args: unknown[]) => void Reflect.apply(write, req.socket, args)) as never
    })
    const { socket, until } = await raw(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await until('id: ')
    for (const data of ['1', '2', '3']) {
      channel.publish(data)
      await until(`data: ${data}\n`)
    }
    expect((await until('data: 3\n')).match(/data: .*/g)).toEqual(['data: 1', 'data: 2', 'data: 3'])
    socket.destroy()
  })

  test('L6 B1 a stream that is closed while the second of two long batches waits sends all of it', async () => {
    const channel = createChannel({ history: { bytes: 100_000_000 } })
    for (const data of ['x', 'y']) channel.publish(data.repeat(20_000_000))
    const { server, port } = await serve((req, res) => {
      const stream = openEventStream(req, res)
      channel.subscribe(stream, { after: 'start' })
      // It has room for the second one now, and none any more.
      req.socket.once('drain', () => {
        setImmediate(() => {
          stream.close()
          // Destroys the connection of each response that was ended.
          server.close()
        })
      })
    })
    const body = await text(await response(port))
    expect(body.length).toBeGreaterThan(40_000_000)
    expect(body.slice(-60)).toMatch(/y\nid: .+\n\n$/)
  })

  test('L6 C7 a response that throws at its end does not keep other responses open', async () => {
    const shutdown = new AbortController()
    const streams: EventStream[] = []
    const errors: unknown[] = []
    const { port } = await serve((req, res) => {
      if (req.url === '/broken') {
        res.end = () => {
          throw new Error('of the test')
        }
      }
      streams.push(openEventStream(req, res, { signal: shutdown.signal, onError: (error, { stage }) => errors.push([stage, (error as Error).message]) }))
    })
    const clients: Awaited<ReturnType<typeof raw>>[] = []
    for (const path of ['/', '/broken', '/']) {
      const client = await raw(port, `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
      await client.until(':\n\n')
      clients.push(client)
    }
    const [first, broken, last] = clients as [(typeof clients)[0], (typeof clients)[0], (typeof clients)[0]]
    const cut = new Promise((resolve) => broken.socket.on('close', resolve))
    shutdown.abort()
    for (const { until } of [first, last]) expect(await until('0\r\n\r\n')).toContain('retry: ')
    await cut
    expect(await Promise.all(streams.map(reasonOf))).toEqual(['shutdown', 'shutdown', 'shutdown'])
    expect(errors).toEqual([['transport', 'of the test']])
  })

  test('B1 streams that were slow leave no listener on a connection that is kept for the next', async () => {
    const listeners: number[] = []
    const { port } = await serve(async (req, res) => {
      listeners.push(req.socket.listenerCount('drain'))
      const stream = openEventStream(req, res)
      await stream.send('x'.repeat(10_000_000))
      stream.close()
    })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    for (let count = 0; count < 3; count++) await text(await response(port, { agent }))
    agent.destroy()
    expect(listeners).toEqual([listeners[0], listeners[0], listeners[0]])
  })

  test('B1 a drain event of a response whose socket is full settles nothing', async () => {
    const opened: Array<{ stream: EventStream; res: ServerResponse }> = []
    const { port } = await serve((req, res) => {
      opened.push({ res, stream: openEventStream(req, res, { heartbeat: false, maxBufferedBytes: 100_000_000 }) })
    })
    const { socket, until } = await raw(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await until(':\n\n')
    socket.pause()
    const [{ stream, res }] = opened as [(typeof opened)[0]]
    let settled = 0
    // More than the kernel takes.
    for (let count = 0; count < 500; count++) stream.send('x'.repeat(100_000)).then(() => settled++)
    for (let turn = 0; turn < 10; turn++) await delay(1)
    // As Node does when further requests arrive on the connection.
    res.emit('drain')
    await delay(1)
    expect([settled, res.socket?.writableNeedDrain]).toEqual([0, true])
    socket.resume()
    while (settled < 500) await delay(1)
    socket.destroy()
  })

  test('B3 cuts a peer that takes nothing even if the connection is a stream that is not a socket', async () => {
    const { server } = await serve((req, res) => {
      const stream = openEventStream(req, res, { stallTimeout: 100, heartbeat: false })
      reason = reasonOf(stream)
      stream.send('x'.repeat(100_000))
    })
    let reason: ReturnType<typeof reasonOf> | undefined
    const given = new Duplex({ read() {}, write() {} })
    // Node asks these of it.
    Object.assign(given, { setTimeout: () => given, setNoDelay: () => given, setKeepAlive: () => given })
    server.emit('connection', given)
    given.push('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    while (!reason) await new Promise(setImmediate)
    expect(await reason).toBe('stalled')
  })

  test('ends as local when the app ends the response itself, and writes no more to it', async () => {
    const results: unknown[] = []
    const { port } = await serve(async (req, res) => {
      const stream = openEventStream(req, res)
      stream.onClose(({ reason }) => results.push(reason))
      res.end('data: by hand\n\n')
      results.push(await stream.send('too late'))
    })
    expect(await text(await response(port))).toBe(':\n\ndata: by hand\n\n')
    expect(results).toEqual(['local', false])
  })

  test('leaves the connection to the next request after close()', async () => {
    const { port } = await serve((req, res) => {
      const stream = openEventStream(req, res)
      stream.send(`at ${req.socket.remotePort}`)
      stream.close()
    })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const first = await text(await response(port, { agent }))
    const second = await text(await response(port, { agent }))
    expect(second).toBe(first)
    agent.destroy()
  })

  test('L6 sends the rest to a slow peer, although server.close() destroys connections whose response was ended', async () => {
    const shutdown = new AbortController()
    const data = 'x'.repeat(20_000_000)
    const { server, port } = await serve((req, res) => {
      openEventStream(req, res, { signal: shutdown.signal, retry: 1_000 }).send(data)
    })
    const res = await response(port)
    // Not read yet: most of it waits in the server.
    shutdown.abort()
    server.close()
    const body = await text(res)
    expect(res.complete).toBe(true)
    expect(body.length).toBeGreaterThan(data.length)
    expect(body.slice(-30)).toMatch(/x\n\nretry: 1\d\d\d\n\n$|x\n\nretry: 2000\n\n$/)
  })

  test('L2 does not write to a socket whose side Node has ended after the peer’s FIN', async () => {
    const channel = createChannel()
    const failed: unknown[] = []
    const reason = new Promise((resolve) => {
      serve((req, res) => {
        const stream = openEventStream(req, res)
        channel.subscribe(stream)
        req.socket.on('error', (error) => failed.push(error))
        req.socket.end()
        channel.publish('too late')
        stream.onClose((error) => resolve(error.reason))
      }).then(({ port }) => raw(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'))
    })
    expect(await reason).toBe('peer')
    expect(failed).toEqual([])
  })

  test('H6 lastEventIdOf gives before a stream opens the id that the stream gives later', async () => {
    const told: string[] = []
    const { port } = await serve((req, res) => {
      told.push(lastEventIdOf(req))
      const stream = openEventStream(req, res)
      told.push(stream.lastEventId)
      stream.close()
    })
    await text(await response(port, { headers: { 'last-event-id': 'a-1' } }))
    await text(await response(port, { path: '/?lastEventId=b-2' }))
    expect(told).toEqual(['a-1', 'a-1', 'b-2', 'b-2'])
  })
})

describe('openEventStream over HTTP/2', () => {
  test('L2 the streams of a closed session end with the reason peer, even one that was sent to just before', async () => {
    const streams: EventStream[] = []
    const reasons: Promise<TidingsError['reason']>[] = []
    const server = createHttp2Server((req, res) => {
      const stream = openEventStream(req, res)
      streams.push(stream)
      reasons.push(reasonOf(stream))
      stream.onClose(() => {
        for (const each of streams) each.send('who is left?')
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    const requests = [1, 2, 3].map(() => session.request({ ':path': '/' }))
    await Promise.all(requests.map((request) => new Promise((resolve) => request.on('data', resolve))))
    session.destroy()
    expect(await Promise.all(reasons)).toEqual(['peer', 'peer', 'peer'])
    await new Promise((resolve) => server.close(resolve))
  })

  test('W9 B1 frames of all sizes arrive whole and in order at a peer that is slow', async () => {
    const frames = Array.from({ length: 200 }, (_, count) => `${count} ${'äx'.repeat((count * 7_919) % 60_000)}`)
    const results: Promise<boolean>[] = []
    const server = createHttp2Server((req, res) => {
      const stream = openEventStream(req, res, { maxBufferedBytes: 100_000_000 })
      for (const frame of frames) results.push(stream.send(frame))
      stream.close()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    const request = session.request({ ':path': '/' })
    let read = ''
    for await (const chunk of request.setEncoding('utf8')) {
      read += chunk
      if (read.length < 100_000) await delay(1)
    }
    expect(read === `:\n\n${frames.map((frame) => `data: ${frame}\n\n`).join('')}`).toBe(true)
    // Closed while they waited.
    expect(new Set(await Promise.all(results))).toEqual(new Set([true, false]))
    session.close()
    await new Promise((resolve) => server.close(resolve))
  })
})
