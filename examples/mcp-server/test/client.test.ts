import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { RequestOptions } from '@modelcontextprotocol/sdk/shared/protocol.js'
import { CallToolResultSchema, LoggingMessageNotificationSchema, type Progress } from '@modelcontextprotocol/sdk/types.js'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Line, layLine } from './line.ts'
import { type RunningServer, startServer } from './running-server.ts'

describe("the SDK's client", () => {
  let server: RunningServer
  let line: Line
  let client: Client
  let transport: StreamableHTTPClientTransport

  beforeAll(async () => {
    server = await startServer()
  })

  afterAll(async () => {
    expect(await server.end()).toEqual([0, null])
  })

  beforeEach(async () => {
    line = await layLine(server.url)
    client = new Client({ name: 'test', version: '1.0.0' })
    transport = new StreamableHTTPClientTransport(new URL(line.url))
    await client.connect(transport as Parameters<Client['connect']>[0])
  })

  afterEach(async () => {
    await client.close()
    line.close()
  })

  /** Counts down, and collects the progress. */
  async function countDown(from: number, onProgress: (progress: Progress) => void = () => {}, options: RequestOptions = {}): Promise<object> {
    const progress: Progress[] = []
    const result = await client.callTool({ name: 'countdown', arguments: { from, interval: 20 } }, CallToolResultSchema, {
      ...options,
      onprogress(told) {
        progress.push(told)
        onProgress(told)
      },
    })
    return { progress, result }
  }

  const wholeOf = (from: number): object => ({
    progress: Array.from({ length: from }, (_, index) => ({ progress: index + 1, total: from, message: `${from - index}` })),
    result: { content: [{ type: 'text', text: 'Lift-off' }] },
  })

  it('gets a session, the tools and an answer', async () => {
    expect(transport.sessionId).toMatch(/^[\da-f-]{36}$/)
    expect(client.getServerVersion()).toEqual({ name: 'tidings-example', version: '1.0.0' })
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['add', 'countdown', 'remind'])
    expect(await client.callTool({ name: 'add', arguments: { a: 2, b: 40 } })).toEqual({ content: [{ type: 'text', text: '42' }] })
  })

  it('gets the progress of a slow tool, and then its result', async () => {
    expect(await countDown(10)).toEqual(wholeOf(10))
  })

  it('loses nothing and gets nothing twice when its connection is cut twice', async () => {
    const counted = await countDown(60, ({ progress }) => {
      if (progress === 10 || progress === 30) line.cut()
    })
    expect(counted).toEqual(wholeOf(60))
  })

  it('gets the result when its connection was cut before any progress', async () => {
    const tokens: string[] = []
    const told: boolean[] = []
    const counted = await countDown(5, () => told.push(true), {
      onresumptiontoken(token) {
        if (tokens.push(token) > 1) return
        expect(told).toEqual([])
        line.cut()
      },
    })
    expect(counted).toEqual(wholeOf(5))
    expect(new Set(tokens).size).toBe(1 + 5 + 1)
  })

  it('reads several answers at once, each on its own stream', async () => {
    const counts = [12, 7, 20]
    const counted = await Promise.all(
      counts.map((from) =>
        countDown(from, ({ progress }) => {
          if (from === 7 && progress === 4) line.cut()
        }),
      ),
    )
    expect(counted).toEqual(counts.map(wholeOf))
  })

  it('gets messages that answer no request, even those from a time without a connection', async () => {
    const said: unknown[] = []
    client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
      said.push(params.data)
    })
    const remind = (of: string, after: number): Promise<unknown> => client.callTool({ name: 'remind', arguments: { of, after } })
    await remind('first', 0)
    await expect.poll(() => said).toEqual(['first'])
    // Sent before the client reconnects.
    await remind('second', 50)
    await remind('third', 60)
    line.cut()
    await expect.poll(() => said).toEqual(['first', 'second', 'third'])
  })

  it('stops a call that it cancels, and the session goes on', async () => {
    const leave = new AbortController()
    const told: number[] = []
    const call = client.callTool({ name: 'countdown', arguments: { from: 100, interval: 20 } }, CallToolResultSchema, {
      signal: leave.signal,
      onprogress({ progress }) {
        told.push(progress)
        if (progress === 3) leave.abort('enough')
      },
    })
    await expect(call).rejects.toThrow('enough')
    expect(told).toEqual([1, 2, 3])
    expect(await countDown(3)).toEqual(wholeOf(3))
  })

  it('ends its session, which the server then no longer knows', async () => {
    await transport.terminateSession()
    expect(transport.sessionId).toBeUndefined()
    await expect(client.listTools()).rejects.toMatchObject({ code: 400 })
  })
})
