import { describe, expect, test } from 'vitest'
import { type Connection, type ConnectOptions, connect } from '../src/index.ts'
import { driveTime, pass, settle } from './support/clock.ts'
import { type Asked, fakeServer, holdStream, never, opens, status, TYPE, unreachable, whole } from './support/fake-server.ts'

driveTime()

/** Connects to a server that answers by a script. */
function open(script: Parameters<typeof fakeServer>, options: ConnectOptions = {}): { connection: Connection; asked: Asked[] } {
  const server = fakeServer(...script)
  const connection = connect('https://example.com/scores', { fetch: server.fetch, ...options })
  connection.onAny(() => {})
  return { connection, asked: server.asked }
}

test('K2 204 ends the connection', async () => {
  const { connection, asked } = open([status(204)])
  await pass(60_000)
  expect(connection.status).toEqual({ state: 'closed', reason: 'ended' })
  expect(asked).toHaveLength(1)
})

describe('401', () => {
  test('K2 asks the headers again, at once', async () => {
    let token = 0
    const { connection, asked } = open([status(401), opens], { headers: async () => ({ authorization: `Bearer ${++token}` }) })
    await settle()
    expect(asked.map(({ headers }) => headers.get('authorization'))).toEqual(['Bearer 1', 'Bearer 2'])
    expect(connection.status).toEqual({ state: 'open' })
  })

  test('K2 twice in a row ends the connection', async () => {
    const { connection, asked } = open([status(401)], { headers: () => ({ authorization: 'stale' }) })
    await pass(60_000)
    expect(asked).toHaveLength(2)
    expect(connection.status).toMatchObject({ state: 'closed', reason: 'failed', error: { code: 'ERR_SSE_REFUSED', status: 401 } })
  })

  test('K2 asks the headers again after each stream that opened', async () => {
    const { asked, connection } = open([status(401), whole('data: 1\n\n'), status(401), opens], { headers: () => ({}) })
    await pass(5_000)
    expect(asked).toHaveLength(4)
    expect(connection.status.state).toBe('open')
  })

  test('K2 ends the connection at once if the headers cannot be other ones', async () => {
    const { connection, asked } = open([status(401)], { headers: { authorization: 'stale' } })
    await pass(60_000)
    expect(asked).toHaveLength(1)
    expect(connection.status).toMatchObject({ state: 'closed', error: { status: 401 } })
  })
})

test.each([408, 425, 429, 500, 502, 503, 504])('K2 %i backs off', async (code) => {
  const { connection, asked } = open([status(code), status(code), opens])
  await settle()
  expect(connection.status).toEqual({
    state: 'waiting',
    reason: 'failed',
    until: Date.now() + 3_000,
    error: expect.objectContaining({ code: 'ERR_SSE_REFUSED', status: code }),
  })
  await pass(9_000)
  expect(asked.map(({ at }) => at - (asked[0] as Asked).at)).toEqual([0, 3_000, 9_000])
  expect(connection.status.state).toBe('open')
})

test.each([
  ['seconds', () => '120'],
  ['a date', () => new Date(Date.now() + 120_000).toUTCString()],
])('K2 Retry-After in %s is the least wait', async (_, value) => {
  const { asked } = open([() => new Response(null, { status: 503, headers: { 'retry-after': value() } }), opens])
  await pass(118_000)
  expect(asked).toHaveLength(1)
  await pass(2_000)
  expect(asked).toHaveLength(2)
})

test('K2 a Retry-After that is no time, or is over, counts for nothing', async () => {
  const { asked } = open([status(503, { 'retry-after': 'soon' }), status(503, { 'retry-after': 'Fri, 31 Dec 1999 23:59:59 GMT' }), opens])
  await pass(9_000)
  expect(asked).toHaveLength(3)
})

test('K2 a network error backs off, and names what browsers do not tell apart', async () => {
  const { connection, asked } = open([unreachable, opens])
  await settle()
  expect(connection.status).toMatchObject({
    state: 'waiting',
    reason: 'failed',
    error: { name: 'TidingsError', code: 'ERR_SSE_NETWORK', cause: new TypeError('fetch failed') },
  })
  expect(connection.status).toMatchObject({ error: { message: expect.stringMatching(/redirect loop.*CORS/) } })
  await pass(3_000)
  expect(asked).toHaveLength(2)
})

test('K2 headers that cannot be made back off', async () => {
  let calls = 0
  const { connection } = open([opens], {
    headers() {
      calls += 1
      if (calls === 1) throw new Error('no token')
      return {}
    },
  })
  await settle()
  expect(connection.status).toMatchObject({ state: 'waiting', error: { code: 'ERR_SSE_NOT_SENT', cause: new Error('no token') } })
  await pass(3_000)
  expect(connection.status.state).toBe('open')
})

test('K2 no head within connectTimeout is given up, and the error names the six connections', async () => {
  const { connection, asked } = open([never, opens], { connectTimeout: 10_000 })
  await pass(9_999)
  expect(connection.status.state).toBe('connecting')
  await pass(1)
  expect(connection.status).toMatchObject({ state: 'waiting', error: { code: 'ERR_SSE_CONNECT_TIMEOUT', message: expect.stringContaining('six connections') } })
  expect(asked[0]?.init.signal?.aborted).toBe(true)
  await pass(3_000)
  expect(connection.status.state).toBe('open')
})

const PORTAL = () => new Response('<html>', { headers: { 'content-type': 'text/html' } })

describe('before a stream has opened', () => {
  test.each([400, 402, 403, 404, 406, 410, 418, 304])('K2 %i ends the connection', async (code) => {
    const { connection, asked } = open([status(code)])
    await pass(60_000)
    expect(asked).toHaveLength(1)
    expect(connection.status).toMatchObject({ state: 'closed', reason: 'failed', error: { code: 'ERR_SSE_REFUSED', status: code } })
  })

  test.each(['text/html', 'application/json', 'text/event-stream-not', undefined])('K2 the type %s ends the connection', async (type) => {
    const { connection } = open([() => new Response(new Uint8Array(1), { headers: type ? { 'content-type': type } : {} })])
    await pass(60_000)
    expect(connection.status).toMatchObject({ state: 'closed', reason: 'failed', error: { code: 'ERR_SSE_WRONG_TYPE', status: 200 } })
  })

  test('K2 a response without a stream as its body ends the connection, and says what to pass', async () => {
    const { connection } = open([() => new Response(null, { headers: TYPE })])
    await settle()
    expect(connection.status).toMatchObject({ state: 'closed', error: { code: 'ERR_SSE_WRONG_TYPE', message: expect.stringContaining('pass a fetch') } })
  })
})

describe('after a stream has opened', () => {
  test.each([401, 403, 404, 410])('K2 %i ends the connection', async (code) => {
    const { connection } = open([whole('data: 1\n\n'), status(code)])
    await pass(60_000)
    expect(connection.status).toMatchObject({ state: 'closed', error: { status: code } })
  })

  test.each([400, 402, 406, 418, 511])('K2 %i backs off', async (code) => {
    const { connection } = open([whole('data: 1\n\n'), status(code), opens])
    await pass(30_000)
    expect(connection.status.state).toBe('open')
  })

  test("K2 a captive portal's page backs off", async () => {
    const { connection } = open([whole('data: 1\n\n'), PORTAL, PORTAL, opens])
    await pass(4_000)
    expect(connection.status).toMatchObject({ state: 'waiting', error: { code: 'ERR_SSE_WRONG_TYPE' } })
    await pass(30_000)
    expect(connection.status.state).toBe('open')
  })
})

test.each(['text/event-stream', 'text/event-stream; charset=utf-8', 'Text/Event-Stream ;charset=utf-8'])('K2 the type %s is a stream', async (type) => {
  const { connection } = open([() => holdStream({ 'content-type': type })])
  await settle()
  expect(connection.status).toEqual({ state: 'open' })
})

describe('another method than GET', () => {
  test('K2 never reconnects after the end of the answer', async () => {
    const { connection, asked } = open([whole('data: 1\n\n')], { body: '{}' })
    await pass(60_000)
    expect(asked.map(({ init }) => [init.method, init.body])).toEqual([['POST', '{}']])
    expect(connection.status).toEqual({ state: 'closed', reason: 'ended' })
  })

  test.each([
    [
      'a cut',
      'ERR_SSE_NETWORK',
      () => {
        const stream = holdStream()
        stream.cut()
        return stream
      },
    ],
    ['no network', 'ERR_SSE_NETWORK', unreachable],
    ['503', 'ERR_SSE_REFUSED', status(503)],
  ] as const)('K2 never reconnects after %s, and says why', async (_, code, answer) => {
    const { connection, asked } = open([answer], { method: 'POST' })
    await pass(60_000)
    expect(asked).toHaveLength(1)
    expect(connection.status).toMatchObject({ state: 'closed', reason: 'failed', error: { code } })
  })

  test('K2 401 asks the headers again, since the request was not served', async () => {
    const { connection, asked } = open([status(401), whole('data: 1\n\n')], { body: '{}', headers: () => ({}) })
    await pass(60_000)
    expect(asked).toHaveLength(2)
    expect(connection.status).toEqual({ state: 'closed', reason: 'ended' })
  })
})
