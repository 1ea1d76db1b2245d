import { once } from 'node:events'
import { Agent, get, type IncomingMessage } from 'node:http'
import { type ClientHttp2Session, connect } from 'node:http2'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Child } from '../support/child.ts'
import { frameworks } from '../support/frameworks.ts'

const SERVER = fileURLToPath(new URL('../fixtures/server.mjs', import.meta.url))
const CLIENTS = 100
const SESSIONS = 10

/** A client that has the head and the first bytes of its response. */
interface Client {
  text: string
  /** Resolves at the clean end of the body. */
  ended: Promise<void>
}

for (const { name, http2 } of frameworks) {
  describe(`${name} over HTTP/1.1`, () => endsAtSigterm('http1', name, 'http1'))
  // server.close() closes idle connections, but at this time no connection is idle.
  describe(`${name} over HTTP/1.1, its server closed first`, () => endsAtSigterm('http1', name, 'http1', 'close-first'))
  if (http2) describe(`${name} over HTTP/2`, () => endsAtSigterm('http2', name, 'http2'))
}

function endsAtSigterm(protocol: 'http1' | 'http2', ...args: string[]): void {
  let server: Child
  let origin: string
  let release: () => void

  beforeEach(async () => {
    server = new Child(process.execPath, [SERVER, ...args])
    const [, port] = await server.says('stdout', /^port (\d+)$/m)
    origin = `http://127.0.0.1:${port}`
  })
  afterEach(async () => {
    release?.()
    await server?.end()
  })

  it(`L6 ends ${CLIENTS} streams cleanly at SIGTERM, with reconnection times that differ, and exits`, async () => {
    const connections = await (protocol === 'http1' ? overHttp1(origin) : overHttp2(origin))
    release = connections.release
    const { clients } = connections

    server.signal('SIGTERM')
    const exit = await server.exited
    await Promise.all(clients.map(({ ended }) => ended))

    expect(exit).toEqual({ code: 0, signal: null })
    expect(server.stderr).toBe('')
    const retries = clients.map(({ text }) => Number(/^:\n\nretry: (\d+)\n\n$/.exec(text)?.[1] ?? text))
    for (const retry of retries) {
      expect(retry).toBeGreaterThanOrEqual(3_000)
      expect(retry).toBeLessThanOrEqual(6_000)
    }
    expect(new Set(retries).size).toBeGreaterThan(CLIENTS / 2)
  })
}

interface Connections {
  clients: Client[]
  /** Closes the connections that are still open. */
  release(): void
}

/** One connection per client, kept alive as in browsers, so that the server has to close it. */
async function overHttp1(origin: string): Promise<Connections> {
  const agent = new Agent({ keepAlive: true })
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      const [response] = (await once(get(`${origin}/stream`, { agent }), 'response')) as [IncomingMessage]
      return clientOf(response, () => response.complete)
    }),
  )
  return { clients, release: () => agent.destroy() }
}

async function overHttp2(origin: string): Promise<Connections> {
  const sessions = Array.from({ length: SESSIONS }, () => connect(origin))
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, async (_, index) => {
      const stream = (sessions[index % SESSIONS] as ClientHttp2Session).request({ ':path': '/stream' })
      await once(stream, 'response')
      return clientOf(stream, () => stream.rstCode === 0)
    }),
  )
  const release = (): void => {
    for (const session of sessions) session.destroy()
  }
  return { clients, release }
}

async function clientOf(body: Readable, complete: () => boolean): Promise<Client> {
  const closed = once(body, 'close')
  const client: Client = {
    text: '',
    ended: closed.then(() => {
      if (!complete()) throw new Error(`cut after ${JSON.stringify(client.text)}`)
    }),
  }
  client.ended.catch(() => {})
  body.setEncoding('utf8').on('data', (text: string) => {
    client.text += text
  })
  await once(body, 'data')
  return client
}
