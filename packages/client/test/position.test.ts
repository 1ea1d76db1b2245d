import { expect, test } from 'vitest'
import { connect, type Stored } from '../src/index.ts'
import { collectUncaught, driveTime, pass, settle } from './support/clock.ts'
import { fakeServer, type HeldStream, holdStream, opens, unreachable, whole } from './support/fake-server.ts'

driveTime()

const ids = (asked: { headers: Headers }[]): (string | null)[] => asked.map(({ headers }) => headers.get('last-event-id'))

test('K1 resumes with the last id whose listeners have returned, promises included', async () => {
  const server = fakeServer(whole('id: 1\ndata: 1\n\nid: 2\ndata: 2\n\n'), opens)
  let finish!: () => void
  const connection = connect('https://example.com', server)
  const seen: unknown[] = []
  connection.onAny(({ data }) => {
    seen.push(data)
    return data === 2 ? new Promise<void>((resolve) => (finish = resolve)) : undefined
  })
  await pass(10_000)
  expect(server.asked).toHaveLength(1)
  finish()
  await pass(3_000)
  expect(seen).toEqual([1, 2])
  expect(ids(server.asked)).toEqual([null, '2'])
  connection.close()
})

test('K1 an id alone moves the position, and `id:` without a value resets it', async () => {
  const server = fakeServer(whole('id: 5\n\n'), whole('data: 1\n\nid\n\n'), opens)
  const connection = connect('https://example.com', server)
  const seen: string[] = []
  connection.onAny(({ lastEventId }) => seen.push(lastEventId))
  await pass(10_000)
  expect(ids(server.asked)).toEqual([null, '5', null])
  expect(seen).toEqual(['5'])
  connection.close()
})

test('K1 an id whose block is cut does not count', async () => {
  const server = fakeServer(whole('id: 1\ndata: 1\n\nid: 2\ndata: 2\n'), opens)
  const connection = connect('https://example.com', server)
  const seen: unknown[] = []
  connection.onAny(({ data }) => seen.push(data))
  await pass(3_000)
  expect(ids(server.asked)).toEqual([null, '1'])
  expect(seen).toEqual([1])
  connection.close()
})

test('K1 the rest of a chunk waits when the listener closes, and nothing comes after close()', async () => {
  const server = fakeServer(whole('data: 1\n\ndata: 2\n\n'))
  const connection = connect('https://example.com', server)
  const seen: unknown[] = []
  connection.onAny(({ data }) => {
    seen.push(data)
    connection.close()
  })
  await pass(10_000)
  expect(seen).toEqual([1])
  expect(connection.status).toEqual({ state: 'closed', reason: 'local' })
})

/** A store in memory. */
function memoryStore(stored?: Stored): { calls: Stored[]; get(): Stored | undefined; set(stored: Stored): void } {
  const calls: Stored[] = []
  return { calls, get: () => calls.at(-1) ?? stored, set: (next) => calls.push(structuredClone(next)) }
}

test('K6 the stored id has the state of its message, one for each chunk', async () => {
  const store = memoryStore()
  const stream = holdStream()
  const state: unknown[] = []
  const connection = connect('https://example.com', { ...fakeServer(() => stream), store, state: () => state })
  connection.onAny(({ data }) => state.push(data))
  await settle()
  stream.send('id: 1\ndata: 1\n\nid: 2\ndata: 2\n\n')
  await settle()
  stream.send('id: 3\ndata: 3\n\n:\n\n')
  await settle()
  expect(store.calls).toEqual([
    { id: '2', state: [1, 2] },
    { id: '3', state: [1, 2, 3] },
  ])
  connection.close()
})

test('K6 nothing is stored before the listener of a message has returned', async () => {
  const store = memoryStore()
  const stream = holdStream()
  let finish!: () => void
  const connection = connect('https://example.com', { ...fakeServer(() => stream), store })
  connection.onAny(() => new Promise<void>((resolve) => (finish = resolve)))
  await settle()
  stream.send('id: 1\ndata: 1\n\n')
  await settle()
  expect(store.calls).toEqual([])
  finish()
  await settle()
  expect(store.calls).toEqual([{ id: '1' }])
  connection.close()
})

test('K6 with the iterator, asking for the next message stores the last', async () => {
  const store = memoryStore()
  const stream = holdStream()
  let state = 0
  const connection = connect<{ message: number }>('https://example.com', { ...fakeServer(() => stream), store, state: () => state })
  const messages = connection[Symbol.asyncIterator]()
  const first = messages.next()
  await settle()
  stream.send('id: 1\ndata: 1\n\nid: 2\ndata: 2\n\nid: 3\n\n')
  state = ((await first).value as { data: number }).data
  await settle()
  expect(store.calls).toEqual([])
  state = ((await messages.next()).value as { data: number }).data
  expect(store.calls).toEqual([{ id: '1', state: 1 }])
  void messages.next()
  await settle()
  expect(store.calls.at(-1)).toEqual({ id: '3', state: 2 })
  connection.close()
})

test('K6 with the iterator, the next chunk stores nothing that the loop has not had', async () => {
  const store = memoryStore()
  const stream = holdStream()
  const connection = connect('https://example.com', { ...fakeServer(() => stream), store })
  const messages = connection[Symbol.asyncIterator]()
  const first = messages.next()
  await settle()
  for (const id of [1, 2, 3]) {
    stream.send(`id: ${id}\ndata: 1\n\n`)
    await settle()
  }
  await first
  expect(store.calls).toEqual([])
  await messages.next()
  expect(store.calls).toEqual([{ id: '1' }])
  connection.close()
})

test('K6 a position is stored once, and one from the store not again', async () => {
  const store = memoryStore({ id: '1' })
  const stream = holdStream()
  const connection = connect('https://example.com', { ...fakeServer(() => stream), store })
  connection.onAny(() => {})
  await settle()
  for (const text of [':\n\n', 'data: 1\n\n', 'id: 2\ndata: 2\n\n', ':\n\n', 'data: 3\n\n']) {
    stream.send(text)
    await settle()
  }
  expect(store.calls).toEqual([{ id: '2' }])
  connection.close()
})

test('K6 a store that is slow gets one position at a time, and the newest', async () => {
  const stream = holdStream()
  const calls: Stored[] = []
  let finish!: () => void
  const set = (stored: Stored) => {
    calls.push(stored)
    return new Promise<void>((resolve) => (finish = resolve))
  }
  const connection = connect('https://example.com', { ...fakeServer(() => stream), store: { get: () => undefined, set } })
  connection.onAny(() => {})
  await settle()
  for (const id of [1, 2, 3]) {
    stream.send(`id: ${id}\ndata: 1\n\n`)
    await settle()
  }
  expect(calls).toMatchObject([{ id: '1' }])
  finish()
  await settle()
  expect(calls).toMatchObject([{ id: '1' }, { id: '3' }])
  connection.close()
})

test('K6 a position that waits for a slow store has the state of its own time', async () => {
  const stream = holdStream()
  const calls: Stored[] = []
  const finish: (() => void)[] = []
  const set = (stored: Stored) => {
    calls.push(structuredClone(stored))
    return new Promise<void>((resolve) => finish.push(resolve))
  }
  const had: unknown[] = []
  const connection = connect('https://example.com', { ...fakeServer(() => stream), store: { get: () => undefined, set }, state: () => [...had] })
  connection.onAny(({ data }) => {
    had.push(data)
    return data === 3 ? new Promise(() => {}) : undefined
  })
  await settle()
  for (const id of [1, 2, 3]) {
    stream.send(`id: ${id}\ndata: ${id}\n\n`)
    await settle()
  }
  finish[0]?.()
  await settle()
  expect(calls).toEqual([
    { id: '1', state: [1] },
    { id: '2', state: [1, 2] },
  ])
  connection.close()
})

test('K6 the first request resumes from the stored id, which wins over lastEventId', async () => {
  const server = fakeServer(opens)
  const connection = connect('https://example.com', { ...server, store: { get: async () => ({ id: '9' }), set() {} }, lastEventId: '3' })
  connection.onAny(() => {})
  await settle()
  expect(ids(server.asked)).toEqual(['9'])
  connection.close()
})

test('K6 a store that cannot be read is asked again, and one that cannot be written is reported', async () => {
  const uncaught = collectUncaught()
  const server = fakeServer(whole('id: 1\ndata: 1\n\n'), opens)
  let reads = 0
  const store = {
    get() {
      reads++
      if (reads === 1) throw new Error('locked')
      return null
    },
    set: () => Promise.reject(new Error('full')),
  }
  const connection = connect('https://example.com', { ...server, store })
  connection.onAny(() => {})
  await settle()
  expect(connection.status).toMatchObject({ state: 'waiting', error: { code: 'ERR_SSE_NOT_SENT', cause: new Error('locked') } })
  await pass(10_000)
  expect(uncaught).toEqual([new Error('full')])
  expect(ids(server.asked)).toEqual([null, '1'])
  connection.close()
})

test('K1 a network error keeps the position', async () => {
  const server = fakeServer(whole('id: 1\ndata: 1\n\n'), unreachable, opens)
  const connection = connect('https://example.com', server)
  connection.onAny(() => {})
  await pass(20_000)
  expect(ids(server.asked)).toEqual([null, '1', '1'])
  connection.close()
})

test('K1 with the iterator, a reconnect resumes after the messages that wait for it', async () => {
  const streams: HeldStream[] = []
  const server = fakeServer(() => {
    const stream = holdStream()
    streams.push(stream)
    return stream
  })
  const connection = connect('https://example.com', server)
  const messages = connection[Symbol.asyncIterator]()
  await settle()
  streams[0]?.send('id: 1\ndata: 1\n\nid: 2\ndata: 2\n\n')
  await settle()
  streams[0]?.end()
  await pass(3_000)
  expect(ids(server.asked)).toEqual([null, '2'])
  streams[1]?.send('id: 3\ndata: 3\n\n')
  const seen = []
  for (let index = 0; index < 3; index++) seen.push((await messages.next()).value.data)
  expect(seen).toEqual([1, 2, 3])
  connection.close()
})
