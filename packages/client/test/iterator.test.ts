import { expect, test, vi } from 'vitest'
import { connect } from '../src/index.ts'
import { driveTime, pass, settle } from './support/clock.ts'
import { fakeServer, holdStream, status, whole } from './support/fake-server.ts'

driveTime()

test('K5 reading stops at 1,000 messages, nothing is dropped, and goes on with the loop', async () => {
  let sent = 0
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        sent++
        controller.enqueue(new TextEncoder().encode(`id: ${sent}\ndata: ${sent}\n\n`))
      },
    },
    { highWaterMark: 0 },
  )
  const connection = connect<{ message: number }>(
    'https://example.com',
    fakeServer(() => new Response(body, { headers: { 'content-type': 'text/event-stream' } })),
  )
  const messages = connection[Symbol.asyncIterator]()
  await pass(1_000)
  expect(sent).toBe(1_001)
  for (let expected = 1; expected <= 3_000; expected++) expect((await messages.next()).value.data).toBe(expected)
  await pass(1_000)
  expect(sent).toBe(4_001)
  connection.close()
})

test('K5 nothing queues where nobody iterates', async () => {
  const server = fakeServer(whole('data: 1\n\n'.repeat(5_000)), status(204))
  const connection = connect('https://example.com', server)
  let seen = 0
  connection.onAny(() => seen++)
  await pass(10_000)
  expect(seen).toBe(5_000)
  const late = []
  for await (const message of connection) late.push(message)
  expect(late).toEqual([])
})

test('K5 a listener sees a message no earlier than there is room for it', async () => {
  const stream = holdStream()
  const connection = connect(
    'https://example.com',
    fakeServer(() => stream),
  )
  let seen = 0
  connection.onAny(() => seen++)
  const messages = connection[Symbol.asyncIterator]()
  await settle()
  stream.send('data: 1\n\n'.repeat(2_000))
  await settle()
  expect(seen).toBe(1_000)
  await messages.next()
  await settle()
  expect(seen).toBe(1_001)
  connection.close()
})

test('K5 close() while the iterator has enough leaves the stream', async () => {
  const stream = holdStream()
  const connection = connect(
    'https://example.com',
    fakeServer(() => stream),
  )
  const messages = connection[Symbol.asyncIterator]()
  await settle()
  stream.send('data: 1\n\n'.repeat(2_000))
  await settle()
  connection.close()
  await settle()
  expect(stream.left).toBe(true)
  expect(await messages.next()).toEqual({ done: true, value: undefined })
  expect(vi.getTimerCount()).toBe(0)
})

test('`break` closes the connection', async () => {
  const stream = holdStream()
  const connection = connect(
    'https://example.com',
    fakeServer(() => stream),
  )
  const seen: unknown[] = []
  const loop = (async () => {
    for await (const { data } of connection) {
      seen.push(data)
      if (data === 2) break
    }
  })()
  await settle()
  stream.send('data: 1\n\ndata: 2\n\ndata: 3\n\n')
  await loop
  await settle()
  expect(seen).toEqual([1, 2])
  expect(connection.status).toEqual({ state: 'closed', reason: 'local' })
  expect(stream.left).toBe(true)
})

test('return() ends a next() that waits', async () => {
  const connection = connect(
    'https://example.com',
    fakeServer(() => holdStream()),
  )
  const messages = connection[Symbol.asyncIterator]()
  const next = messages.next()
  await settle()
  await messages.return?.()
  expect(await next).toEqual({ done: true, value: undefined })
  expect(connection.status.state).toBe('closed')
})

test('the loop gets what waits, and ends after 204', async () => {
  const connection = connect('https://example.com', fakeServer(whole('data: 1\n\ndata: 2\n\n'), status(204)))
  const messages = connection[Symbol.asyncIterator]()
  await pass(10_000)
  expect(connection.status.state).toBe('closed')
  const seen = []
  for await (const { data } of messages) seen.push(data)
  expect(seen).toEqual([1, 2])
})

test('the loop gets what waits, and throws why the connection failed', async () => {
  const connection = connect('https://example.com', fakeServer(whole('data: 1\n\n'), status(403)))
  const messages = connection[Symbol.asyncIterator]()
  await pass(10_000)
  expect((await messages.next()).value.data).toBe(1)
  await expect(messages.next()).rejects.toMatchObject({ code: 'ERR_SSE_REFUSED', status: 403 })
})

test('a second iterator is refused', () => {
  const connection = connect(
    'https://example.com',
    fakeServer(() => holdStream()),
  )
  connection[Symbol.asyncIterator]()
  expect(() => connection[Symbol.asyncIterator]()).toThrow(expect.objectContaining({ code: 'ERR_SSE_INVALID_OPTION' }))
  connection.close()
})
