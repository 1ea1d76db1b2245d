import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, createServer as createProxy, type Server, type Socket } from 'node:net'
import type { ServedStream, ServerForClients } from '../client-under-test.ts'
import type { ClientAnswer, SentMessage } from './client-answers.ts'

// Milliseconds. A reset may overtake the bytes, so it waits until the client can have read them.
const BEFORE_A_RESET = 20

/** The bytes of a message, with the line ends that a cut may part. */
const blockOf = (message: SentMessage): string =>
  `${Object.entries(message)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`

/** Serves the answers by node:http, and stops each at its byte. `present` is the answer to the newest request. */
export function bareServer(present: () => ClientAnswer): ServerForClients {
  return {
    isPlain: true,
    async start(answer) {
      const server = createServer((req, res) => {
        const served = answer({ lastEventId: lastEventIdOf(req), authorization: String(req.headers.authorization) })
        const { at, after } = present()
        if (after === 'nothing') return void res.socket?.destroy()
        if (typeof served !== 'function') return void res.writeHead(served.status, served.headers).end(served.body)
        // Without `no-store`, Chromium reads far ahead of a page that has stopped.
        res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
        served(at === undefined ? streamOn(res) : stoppedAt(at, after, res))
      })
      const url = await listen(server)
      return { url, close: () => end(server, server.closeAllConnections.bind(server)) }
    },
  }
}

function streamOn(res: ServerResponse): ServedStream {
  const write = async (text: string): Promise<boolean> => {
    if (res.destroyed || res.write(text)) return !res.destroyed
    return new Promise((resolve) => {
      const settle = (): void => {
        res.off('drain', settle).off('close', settle)
        resolve(!res.destroyed)
      }
      res.on('drain', settle).on('close', settle)
    })
  }
  return {
    send: (message) => write(blockOf(message as SentMessage)),
    comment: () => write(':\r\n\r\n'),
    close: () => res.end(),
    onClose(callback) {
      res.once('close', callback as () => void)
      return () => {}
    },
  }
}

/** Collects what is sent. Its end writes so many bytes behind the first message, and ends or breaks the response. */
function stoppedAt(at: number, after: ClientAnswer['after'], res: ServerResponse): ServedStream {
  const blocks: string[] = []
  return {
    ...streamOn(res),
    async send(message) {
      return blocks.push(blockOf(message as SentMessage)) > 0
    },
    close() {
      const bytes = Buffer.from(blocks.join('')).subarray(0, (blocks[0]?.length ?? 0) + at)
      if (after === 'end') res.end(bytes)
      else res.write(bytes, () => setTimeout(() => res.socket?.destroy(), BEFORE_A_RESET))
    },
  }
}

/** Puts a proxy in front of a server, which breaks each answer at its byte. It holds nothing back. */
export function behindCuts(server: ServerForClients, present: () => ClientAnswer): ServerForClients {
  return {
    ...server,
    async start(answer) {
      const { url, close } = await server.start(answer)
      const sockets = new Set<Socket>()
      const proxy = createProxy((downstream) => {
        const upstream = connect(Number(new URL(url).port), '127.0.0.1')
        for (const socket of [downstream, upstream]) {
          sockets.add(socket)
          socket.on('error', () => {}).once('close', () => sockets.delete(socket))
        }
        join(downstream, upstream, present)
      })
      return {
        url: await listen(proxy),
        close: async () => {
          await end(proxy, () => {
            for (const socket of sockets) socket.destroy()
          })
          await close()
        },
      }
    },
  }
}

function join(downstream: Socket, upstream: Socket, present: () => ClientAnswer): void {
  let answer = Buffer.alloc(0)
  let left: number | undefined
  downstream.on('data', (bytes) => {
    // A client may use a connection again. The next answer is another one.
    answer = Buffer.alloc(0)
    left = undefined
    upstream.write(bytes)
  })
  upstream.on('data', (bytes) => {
    const { at, after } = present()
    if (after === 'nothing') return void downstream.destroy()
    if (at === undefined) {
      if (!downstream.write(bytes)) upstream.pause()
      return
    }
    if (left === undefined) {
      answer = Buffer.concat([answer, bytes])
      // A stream may begin with a comment.
      const data = answer.indexOf('data: ')
      const first = data === -1 ? -1 : answer.indexOf('\n\n', data)
      if (first === -1) return void downstream.write(bytes)
      left = at + bytes.length - (answer.length - first - 2)
    }
    if (left <= 0) return
    downstream.write(bytes.subarray(0, left))
    left -= bytes.length
    if (left <= 0) setTimeout(() => downstream.destroy(), BEFORE_A_RESET)
  })
  downstream.on('drain', () => upstream.resume())
  downstream.once('close', () => upstream.destroy())
  upstream.once('close', () => downstream.end())
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

function end(server: Server, cut: () => void): Promise<unknown> {
  const closed = new Promise((resolve) => server.close(resolve))
  cut()
  return closed
}

/** The client's last event ID, from the header or the query. */
function lastEventIdOf({ headers, url }: IncomingMessage): string {
  return String(headers['last-event-id'] ?? new URL(url ?? '', 'http://localhost').searchParams.get('lastEventId') ?? '')
}
