import { expect, test, vi } from 'vitest'
import { type Connection, type ConnectOptions, connect, type Status } from '../src/index.ts'
import { driveTime, pass, settle } from './support/clock.ts'
import { fakeServer, holdStream, never, opens, status, whole } from './support/fake-server.ts'
import { fakePage } from './support/page.ts'

driveTime()

/** A connection, and the states that it went through. */
function watched(options: ConnectOptions): { connection: Connection; states: Status['state'][] } {
  const states: Status['state'][] = []
  const connection = connect('https://example.com', options)
  connection.subscribe(({ state }) => states.push(state))
  return { connection, states }
}

test('K4 an attempt that is given up while the store or the headers are read sends nothing', async () => {
  const server = fakeServer(opens)
  const asked: string[] = []
  const store = { get: () => void asked.push('store'), set: () => {} }
  const headers = () => {
    asked.push('headers')
    return {}
  }
  const first = connect('https://example.com', { ...server, headers, store })
  first.subscribe(({ state }) => {
    if (state === 'connecting') first.close()
  })
  await settle()
  expect([asked, server.asked]).toEqual([['store'], []])
  const second = connect('https://example.com', {
    ...server,
    headers: async () => {
      second.close()
      return {}
    },
  })
  second.onAny(() => {})
  await settle()
  expect(server.asked).toEqual([])
  for (const connection of [first, second]) expect(connection.status).toEqual({ state: 'closed', reason: 'local' })
})

test.each([
  ['a stream', () => holdStream()],
  ['204', status(204)],
  ['403', status(403)],
  ['503', status(503)],
] as const)('K4 the answer %s that comes with the freezing of the page changes nothing', async (_, answer) => {
  const page = fakePage()
  const server = fakeServer(answer, opens)
  const fetch: ConnectOptions['fetch'] = async (url, init) => {
    const response = await server.fetch(url, init)
    // The answer is there, and the client has not seen it.
    if (server.asked.length === 1) page.window.dispatchEvent(new Event('pagehide'))
    return response
  }
  const { connection, states } = watched({ fetch })
  await settle()
  expect(states).toEqual(['connecting', 'paused'])
  page.window.dispatchEvent(new Event('pageshow'))
  await settle()
  expect(states).toEqual(['connecting', 'paused', 'connecting', 'open'])
  connection.close()
})

test.each(['close', 'pagehide'] as const)('K1 after %s within a chunk no further message of it is delivered, and the position stays', async (how) => {
  const page = fakePage()
  const stream = holdStream()
  const stored: string[] = []
  const store = { get: () => undefined, set: ({ id }: { id: string }) => stored.push(id) }
  const connection = connect('https://example.com', { store, fetch: async () => stream.response })
  const got: unknown[] = []
  connection.onAny(({ data }) => {
    got.push(data)
    if (data !== 2) return
    if (how === 'close') connection.close()
    else page.window.dispatchEvent(new Event('pagehide'))
  })
  await settle()
  stream.send([1, 2, 3, 4].map((data) => `id: ${data}\ndata: ${data}\n\n`).join(''))
  await settle()
  expect([got, stored]).toEqual([[1, 2], ['2']])
  connection.close()
})

test('K4 a `fetch` that does not heed its signal holds up nothing, before the answer and in the stream', async () => {
  const page = fakePage()
  const stream = holdStream()
  const answers = [new Promise<Response>(() => {}), Promise.resolve(stream.response)]
  let asked = 0
  const fetch = async (): Promise<Response> => answers[asked++] ?? holdStream().response
  const { connection, states } = watched({ fetch })
  for (const step of [1, 2]) {
    await settle()
    page.window.dispatchEvent(new Event('pagehide'))
    await settle()
    page.window.dispatchEvent(new Event('pageshow'))
    await settle()
    expect(asked).toBe(step + 1)
  }
  expect(states).toEqual(['connecting', 'paused', 'connecting', 'open', 'paused', 'connecting', 'open'])
  expect(stream.left).toBe(true)
  connection.close()
})

test('K4 an attempt that is given up while a listener is pending ends when the listener has ended', async () => {
  const page = fakePage()
  const stream = holdStream()
  const server = fakeServer(() => stream, opens)
  const connection = connect('https://example.com', server)
  let finish = (): void => {}
  connection.onAny(() => new Promise<void>((resolve) => (finish = resolve)))
  await settle()
  stream.send('id: 1\ndata: 1\n\n')
  await settle()
  page.window.dispatchEvent(new Event('pagehide'))
  page.window.dispatchEvent(new Event('pageshow'))
  await settle()
  expect(server.asked).toHaveLength(1)
  finish()
  await settle()
  expect(server.asked.map(({ headers }) => headers.get('last-event-id'))).toEqual([null, '1'])
  expect(connection.status).toEqual({ state: 'open' })
  connection.close()
})

test('K4 a page that is left while a POST is answered ends the connection, and says why', async () => {
  const page = fakePage()
  const connection = connect('https://example.com', { ...fakeServer(never), body: 'x' })
  connection.onAny(() => {})
  await settle()
  page.window.dispatchEvent(new Event('pagehide'))
  await settle()
  expect(connection.status).toMatchObject({ state: 'closed', reason: 'failed', error: { code: 'ERR_SSE_NETWORK', message: 'The page was left or frozen' } })
})

test('K3 a signal that is aborted before the first listener starts nothing', async () => {
  const server = fakeServer(whole('data: 1\n\n'))
  const { connection, states } = watched({ ...server, signal: AbortSignal.abort() })
  await pass(60_000)
  expect([server.asked, states]).toEqual([[], ['closed']])
  expect(connection.status).toEqual({ state: 'closed', reason: 'local' })
})

test('K2 a connection that is closed at the time of an answer stays closed', async () => {
  // The answer passes through some promises before the client sees it.
  for (let turns = 0; turns < 20; turns++) {
    const fetch = async (): Promise<Response> => {
      void Array.from({ length: turns })
        .reduce((before: Promise<void>) => before.then(), Promise.resolve())
        .then(() => connection.close())
      return holdStream().response
    }
    const { connection, states } = watched({ fetch })
    await settle()
    expect(states.slice(states.indexOf('closed')), `${turns} turns`).toEqual(['closed'])
  }
})

test('K3 a connection that a listener of the status closes keeps no timer', async () => {
  const connection = connect('https://example.com', fakeServer(status(503)))
  connection.subscribe(({ state }) => {
    if (state === 'waiting') connection.close()
  })
  await settle()
  expect([connection.status.state, vi.getTimerCount()]).toEqual(['closed', 0])
})

test.each([status(204), status(503), status(403)])('K2 an answer that is no stream gives its connection back', async (answer) => {
  const server = fakeServer(answer)
  const connection = connect('https://example.com', server)
  connection.onAny(() => {})
  await settle()
  expect(server.asked.map(({ init }) => init.signal?.aborted)).toEqual([true])
  connection.close()
})
