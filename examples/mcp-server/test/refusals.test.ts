import { readEventStream } from '@tidings/testing'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { ENDLESS, PING, RawClient } from './raw-client.ts'
import { type RunningServer, startServer } from './running-server.ts'

describe('the endpoint', () => {
  let server: RunningServer
  let client: RawClient

  beforeAll(async () => {
    server = await startServer()
  })

  afterAll(async () => {
    expect(await server.end()).toEqual([0, null])
  })

  beforeEach(async () => {
    client = await RawClient.begin(server.url)
  })

  /** The status, and the message of an error that is no request's. */
  async function refusal(asked: Promise<Response>): Promise<[number, string]> {
    const answer = await asked
    const { error, ...rest } = (await answer.json()) as { error: { code: number; message: string } }
    expect(rest).toEqual({ jsonrpc: '2.0', id: null })
    return [answer.status, error.message]
  }

  it('answers 202 to notifications, and takes one message at a time', async () => {
    const answer = await client.post({ jsonrpc: '2.0', method: 'notifications/initialized' })
    expect([answer.status, await answer.text()]).toEqual([202, ''])
    expect(await refusal(client.post([PING]))).toEqual([400, 'The body is not one JSON-RPC message'])
    expect(await refusal(client.post('ping'))).toEqual([400, expect.stringContaining('JSON')])
    expect(await refusal(client.post(PING, { 'content-type': 'text/plain' }))).toEqual([415, 'Messages are application/json'])
  })

  it('refuses a second request of an id that is under way', async () => {
    const answer = await client.post(ENDLESS)
    expect(await refusal(client.post(ENDLESS))).toEqual([400, 'A request of this id is under way'])
    await answer.body?.cancel()
  })

  it('requires that POST accepts both types, and GET event streams', async () => {
    for (const accept of ['application/json', 'text/event-stream', 'text/html'])
      expect(await refusal(client.post(PING, { accept }))).toEqual([406, 'Accept has to allow application/json and text/event-stream'])
    expect(await refusal(client.get({ accept: 'application/json' }))).toEqual([406, 'Accept has to allow text/event-stream'])
  })

  it('refuses pages of other origins', async () => {
    for (const origin of ['https://example.com', 'http://localhost.example.com', 'null'])
      expect(await refusal(client.post(PING, { origin }))).toEqual([403, 'Only pages and programs of this machine are served'])
    expect((await client.post(PING, { origin: 'http://localhost:5173' })).status).toBe(200)
  })

  it('requires a known session and a supported version', async () => {
    expect(await refusal(new RawClient(server.url).post(PING))).toEqual([400, 'Mcp-Session-Id is missing'])
    expect(await refusal(client.post(PING, { 'mcp-session-id': 'unknown' }))).toEqual([404, 'This session is not known, or over: initialize another'])
    expect(await refusal(client.post(PING, { 'mcp-protocol-version': '1999-01-01' }))).toEqual([400, 'MCP-Protocol-Version 1999-01-01 is not supported'])
    expect(await refusal(client.resume('unknown'))).toEqual([400, 'No stream that is kept gave out this id'])
  })

  it('does not take the id of another session', async () => {
    const { events } = await readEventStream(client.post(PING))
    const another = await RawClient.begin(server.url)
    expect(await refusal(another.resume(events[0]?.id))).toEqual([400, 'No stream that is kept gave out this id'])
  })

  it('keeps one stream for messages that answer no request', async () => {
    const leave = new AbortController()
    onTestFinished(() => leave.abort())
    expect((await client.get({}, leave.signal)).status).toBe(200)
    expect(await refusal(client.get())).toEqual([409, 'A session has one stream without an id'])
  })

  it('refuses all other methods', async () => {
    const answer = await client.request('PUT')
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, POST, DELETE'])
    expect((await client.request('HEAD')).status).toBe(405)
  })
})
