import { Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2'
import { createConnection } from 'node:net'
import type { Readable } from 'node:stream'
import { clearInterval, setInterval } from 'node:timers'
import { createGunzip } from 'node:zlib'
import type { RunningApp } from './running-app.ts'
import { eventually, within } from './within.ts'

/** The request of a test. */
export interface Ask {
  path?: string
  method?: string
  headers?: Record<string, string>
  /** Sent whole. `undefined` sends no body. */
  body?: string
  /**
   * Whether the response is read from the start, or only from `read()` on.
   * @default true
   */
  reads?: boolean
  /** Keep the HTTP/1.1 connection open for another request. */
  keepAlive?: boolean
}

/** The peer of one stream in a test, over either protocol. It can read, wait, and leave in several ways. */
export interface Client {
  status: number
  /** Names in lower case. */
  headers: Record<string, string | string[] | undefined>
  /** All that was read so far, decoded as UTF-8. */
  readonly text: string
  /** Resolves once the text has `enough`. Rejects when the response ends before. */
  until(enough: string | ((text: string) => boolean)): Promise<string>
  /** Resolves with the whole text once the server has ended the response cleanly. Rejects when it was cut. */
  readonly ended: Promise<string>
  /** Resolves when the response is over, cleanly or not. */
  readonly closed: Promise<void>
  /** Begins to read, for a client that did not read from the start. */
  read(): void
  /** Begins to read at a pace: `bytes` each `ms` milliseconds. It reads more where its timer comes late. */
  readSlowly(bytes: number, ms: number): void
  /** Begins to read, and only counts the bytes. */
  readInto(count: (bytes: number) => void): void
  /** Leaves as a browser tab does: FIN, or the session's end. */
  leave(): void
  /** Leaves with a reset: RST, or RST_STREAM. */
  reset(): void
}

export { eventually, within }

/** Sends a request and resolves when the head of its response is there. */
export function ask(app: RunningApp, asked: Ask = {}): Promise<Client> {
  const answer = app.protocol === 'HTTP/2' ? askHttp2(app.port, asked) : askHttp1(app.port, asked)
  return within(answer, 'the head of the response')
}

function askHttp1(port: number, { path = '/', method = 'GET', headers = {}, body, reads = true, keepAlive = false }: Ask): Promise<Client> {
  return new Promise((resolve, reject) => {
    const req: ClientRequest = httpRequest({ host: '127.0.0.1', port, path, method, headers, agent: new Agent({ keepAlive }) })
    req.on('error', reject)
    req.on('response', (res: IncomingMessage) => {
      req.on('error', () => {})
      resolve(
        clientOver(res, reads, res.statusCode ?? 0, res.headers, {
          complete: () => res.complete,
          leave: () => res.socket.destroy(),
          reset: () => res.socket.resetAndDestroy(),
        }),
      )
    })
    req.end(body)
  })
}

function askHttp2(port: number, { path = '/', method = 'GET', headers = {}, body, reads = true }: Ask): Promise<Client> {
  return new Promise((resolve, reject) => {
    const session: ClientHttp2Session = connect(`http://127.0.0.1:${port}`)
    session.on('error', reject)
    const stream: ClientHttp2Stream = session.request({ ':path': path, ':method': method, ...headers }, { endStream: body === undefined })
    stream.on('error', reject)
    stream.on('close', () => session.close())
    stream.on('response', ({ ':status': status, ...rest }) => {
      resolve(
        clientOver(stream, reads, status ?? 0, rest as Client['headers'], {
          complete: () => stream.rstCode === constants.NGHTTP2_NO_ERROR && stream.readableEnded,
          leave: () => session.destroy(),
          reset: () => stream.close(constants.NGHTTP2_CANCEL),
        }),
      )
    })
    if (body !== undefined) stream.end(body)
  })
}

interface Behaviour {
  complete(): boolean
  leave(): void
  reset(): void
}

function clientOver(encoded: Readable, reads: boolean, status: number, headers: Client['headers'], { complete, leave, reset }: Behaviour): Client {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  const body = headers['content-encoding'] === 'gzip' ? encoded.pipe(createGunzip()) : encoded
  let text = ''
  const waiting = new Set<() => void>()
  const closed = new Promise<void>((resolve) => encoded.once('close', () => resolve()))
  const ended = closed.then(() => {
    if (complete()) return text
    throw new Error(`the response was cut after ${JSON.stringify(text.slice(-200))}`)
  })
  // Most tests do not await it.
  ended.catch(() => {})
  for (const each of [encoded, body]) each.on('error', () => {})
  const read = (): void => {
    body.on('data', (chunk: Uint8Array) => {
      text += decoder.decode(chunk, { stream: true })
      for (const check of waiting) check()
    })
  }
  if (reads) read()
  return {
    status,
    headers,
    get text() {
      return text
    },
    ended,
    closed,
    read,
    readSlowly: (bytes, ms) => {
      let last = performance.now()
      const timer = setInterval(() => {
        const due = Math.ceil((bytes * (performance.now() - last)) / ms)
        last = performance.now()
        body.read(Math.min(due, body.readableLength))
      }, ms)
      body.on('close', () => clearInterval(timer))
    },
    readInto: (count) => body.on('data', (chunk: Uint8Array) => count(chunk.length)),
    leave,
    reset,
    until: async (enough) => {
      const isEnough = typeof enough === 'string' ? (read: string) => read.includes(enough) : enough
      const arrived = new Promise<string>((resolve, reject) => {
        const check = (): void => {
          if (!isEnough(text)) return
          waiting.delete(check)
          resolve(text)
        }
        waiting.add(check)
        closed.then(() => reject(new Error(`the response ended before ${enough}; it was ${JSON.stringify(text.slice(-500))}`)))
        check()
      })
      return within(arrived, () => `${enough} (read so far: ${JSON.stringify(text.slice(-500))})`)
    },
  }
}

/** Sends a request and leaves without waiting for an answer. Resolves when the connection is gone on this side. */
export function askAndLeave(app: RunningApp, { path = '/', method = 'GET', headers = {} }: Ask, when: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    if (app.protocol === 'HTTP/2') {
      const session = connect(`http://127.0.0.1:${app.port}`)
      session.on('error', () => {})
      session.on('close', () => resolve())
      const stream = session.request({ ':path': path, ':method': method, ...headers })
      stream.on('error', () => {})
      when.then(() => session.destroy())
    } else {
      const req = httpRequest({ host: '127.0.0.1', port: app.port, path, method, headers, agent: false })
      req.on('error', () => {})
      req.on('close', () => resolve())
      req.end()
      when.then(() => req.destroy())
    }
  })
}

/**
 * Sends a raw request. Resolves with all bytes of the answer, as latin1, once the server has closed the connection.
 */
export function rawExchange(port: number, request: string): Promise<string> {
  return within(
    new Promise((resolve, reject) => {
      let answer = ''
      const socket = createConnection({ host: '127.0.0.1', port }, () => socket.write(request))
      socket.setEncoding('latin1')
      socket.on('data', (chunk: string) => {
        answer += chunk
      })
      socket.on('end', () => {
        socket.end()
        resolve(answer)
      })
      socket.on('error', reject)
    }),
    'the end of the raw connection',
  )
}
