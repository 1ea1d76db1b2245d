import { expect, test } from 'vitest'
import { connect, type Status } from '../src/index.ts'
import { collectUncaught, driveTime, pass, settle } from './support/clock.ts'
import { fakeServer, holdStream, opens, status, whole } from './support/fake-server.ts'

driveTime()

test('K7 a listener that throws or rejects stops no other, and is reported', async () => {
  const uncaught = collectUncaught()
  const server = fakeServer(whole('id: 1\ndata: 1\n\nid: 2\ndata: 2\n\n'), opens)
  const connection = connect('https://example.com', server)
  const seen: unknown[] = []
  connection.onAny(() => {
    throw new Error('thrown')
  })
  connection.onAny(() => Promise.reject(new Error('rejected')))
  connection.on('message', ({ data }) => seen.push(data))
  await pass(3_000)
  expect(seen).toEqual([1, 2])
  expect(uncaught.map((error) => (error as Error).message)).toEqual(['thrown', 'rejected', 'thrown', 'rejected'])
  expect(server.asked[1]?.headers.get('last-event-id')).toBe('2')
  connection.close()
})

test('K7 a subscriber of the status that throws stops no other, and is reported', async () => {
  const uncaught = collectUncaught()
  const connection = connect('https://example.com', fakeServer(status(204)))
  const seen: string[] = []
  connection.subscribe(() => {
    throw new Error('thrown')
  })
  connection.subscribe(({ state }) => seen.push(state))
  await settle()
  expect(seen).toEqual(['connecting', 'closed'])
  expect(uncaught).toHaveLength(2)
})

test('gives each listener the events of its name, and those without a name as message', async () => {
  const server = fakeServer(whole('event: goal\ndata: {"minute":12}\nid: 7\n\ndata: "text"\n\nevent: other\ndata: 1\n\n'), status(204))
  const connection = connect('https://example.com', server)
  const seen: unknown[] = []
  connection.on('goal', (message) => seen.push(['goal', message]))
  connection.on('message', (message) => seen.push(['message', message]))
  connection.onAny(({ event }) => seen.push(event))
  await pass(5_000)
  expect(seen).toEqual([
    ['goal', { event: 'goal', data: { minute: 12 }, lastEventId: '7' }],
    'goal',
    ['message', { event: 'message', data: 'text', lastEventId: '7' }],
    'message',
    'other',
  ])
})

test('K1 a character whose bytes come apart is one', async () => {
  const stream = holdStream()
  const connection = connect(
    'https://example.com',
    fakeServer(() => stream),
  )
  const seen: unknown[] = []
  connection.onAny(({ data }) => seen.push(data))
  await settle()
  for (const byte of new TextEncoder().encode('data: "naïve — 📰"\n\n')) {
    stream.send(Uint8Array.of(byte))
    await settle()
  }
  expect(seen).toEqual(['naïve — 📰'])
  connection.close()
})

test('one function that is added twice is called twice, until each is removed', async () => {
  const stream = holdStream()
  const connection = connect(
    'https://example.com',
    fakeServer(() => stream),
  )
  let calls = 0
  const listener = () => calls++
  const offs = [connection.on('message', listener), connection.on('message', listener)]
  await settle()
  stream.send('data: 1\n\n')
  await settle()
  expect(calls).toBe(2)
  offs[0]?.()
  offs[0]?.()
  stream.send('data: 1\n\n')
  await settle()
  expect(calls).toBe(3)
  connection.close()
})

test('data that is no JSON is reported and skipped, and the position moves', async () => {
  const uncaught = collectUncaught()
  const server = fakeServer(whole('id: 1\ndata: [DONE]\n\nevent: ping\ndata\n\ndata: 2\n\n'), opens)
  const connection = connect('https://example.com', server)
  const seen: unknown[] = []
  connection.onAny(({ data }) => seen.push(data))
  await pass(3_000)
  expect(seen).toEqual([undefined, 2])
  expect(uncaught).toEqual([expect.objectContaining({ code: 'ERR_SSE_INVALID_DATA', cause: expect.any(SyntaxError) })])
  expect(server.asked[1]?.headers.get('last-event-id')).toBe('1')
  connection.close()
})

test('data of an event that nobody listens to is not parsed', async () => {
  const uncaught = collectUncaught()
  const connection = connect('https://example.com', fakeServer(whole('event: other\ndata: [DONE]\n\n'), status(204)))
  connection.on('goal', () => {})
  await pass(5_000)
  expect(uncaught).toEqual([])
})

test('K8 an event has the type that the events of the connection give it', async () => {
  const connection = connect<{ goal: { minute: number } }>('https://example.com', fakeServer(whole('event: goal\ndata: {"minute":12}\n\n'), status(204)))
  const minutes: number[] = []
  connection.on('goal', ({ data }) => minutes.push(data.minute))
  // test/types.ts has all that must compile and must not.
  // @ts-expect-error: no event of that name.
  connection.on('gaol', () => {})
  for await (const message of connection) {
    if (message.event === 'goal') minutes.push(message.data.minute)
    // @ts-expect-error: not every event has a minute.
    message.data.minute
    break
  }
  expect(minutes).toEqual([12, 12])
})

test('`parse` makes the data', async () => {
  const connection = connect('https://example.com', { ...fakeServer(whole('data: [DONE]\n\n'), status(204)), parse: String })
  const seen: unknown[] = []
  connection.onAny(({ data }) => seen.push(data))
  await pass(5_000)
  expect(seen).toEqual(['[DONE]'])
})

test('connects at the first listener, and not at the call', async () => {
  const server = fakeServer(opens)
  const connection = connect('https://example.com', server)
  await pass(10_000)
  expect(server.asked).toHaveLength(0)
  expect(connection.status).toEqual({ state: 'paused', reason: 'idle' })
  connection.on('goal', () => {})
  connection.subscribe(() => {})
  expect(connection.status).toEqual({ state: 'connecting' })
  await settle()
  expect(server.asked).toHaveLength(1)
  connection.close()
})

test('subscribe tells the present status and each change, each a new object, until it is removed', async () => {
  const { subscribe, close } = connect('https://example.com', fakeServer(whole('data: 1\n\n'), opens))
  const seen: Status[] = []
  const stop = subscribe((status) => seen.push(status))
  await pass(3_000)
  stop()
  close()
  expect(seen).toEqual([
    { state: 'connecting' },
    { state: 'open' },
    { state: 'waiting', reason: 'ended', until: Date.now() },
    { state: 'connecting' },
    { state: 'open' },
  ])
  expect(new Set(seen).size).toBe(5)
})

test('`signal` closes the connection, also before it has begun', async () => {
  for (const before of [true, false]) {
    const controller = new AbortController()
    const server = fakeServer(opens)
    const connection = connect('https://example.com', { ...server, signal: controller.signal })
    if (before) controller.abort()
    connection.onAny(() => {})
    await settle()
    controller.abort()
    expect(connection.status).toEqual({ state: 'closed', reason: 'local' })
    expect(server.asked).toHaveLength(before ? 0 : 1)
  }
})

test('close() before the first listener makes no request, and closing twice changes nothing', async () => {
  const server = fakeServer(opens)
  const connection = connect('https://example.com', server)
  connection.close()
  const { status } = connection
  connection.close()
  connection.onAny(() => {})
  await settle()
  expect(server.asked).toHaveLength(0)
  expect(connection.status).toBe(status)
})

test('a subscriber that closes at a status leaves nothing behind', async () => {
  for (const at of ['connecting', 'open', 'waiting'] as const) {
    const server = fakeServer(whole('data: 1\n\n'))
    const connection = connect('https://example.com', server)
    connection.subscribe(({ state }) => {
      if (state === at) connection.close()
    })
    await pass(60_000)
    expect(connection.status).toEqual({ state: 'closed', reason: 'local' })
    for (const { init } of server.asked) expect(init.signal?.aborted).toBe(true)
  }
})

test.each([
  ['silence', 0],
  ['silence', -1],
  ['silence', Number.NaN],
  ['connectTimeout', Number.POSITIVE_INFINITY],
  ['pauseWhenHidden', 2 ** 31],
])('%s: %s is refused at the call', (name, value) => {
  expect(() => connect('https://example.com', { [name]: value })).toThrow(
    expect.objectContaining({ code: 'ERR_SSE_INVALID_OPTION', message: expect.stringContaining(name) }),
  )
})
