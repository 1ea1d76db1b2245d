import { expect, test } from 'vitest'
import { type Connection, type ConnectOptions, connect } from '../src/index.ts'
import { driveTime, pass, settle, sleepFor } from './support/clock.ts'
import { type Asked, fakeServer, type HeldStream, holdStream } from './support/fake-server.ts'

driveTime()

/** Connects to a server that keeps each stream open. */
function open(options: ConnectOptions = {}): { connection: Connection; asked: Asked[]; streams: HeldStream[] } {
  const streams: HeldStream[] = []
  const server = fakeServer(() => {
    const stream = holdStream()
    streams.push(stream)
    return stream
  })
  const connection = connect('https://example.com', { fetch: server.fetch, ...options })
  connection.onAny(() => {})
  return { connection, asked: server.asked, streams }
}

test('K4 a stream without a byte for 45 s is replaced, and says so', async () => {
  const { connection, asked, streams } = open()
  await pass(44_999)
  expect(connection.status.state).toBe('open')
  await pass(1)
  expect(connection.status).toMatchObject({ state: 'waiting', error: { code: 'ERR_SSE_SILENT', message: expect.stringContaining('45000 ms') } })
  expect(streams[0]?.left).toBe(true)
  await pass(3_000)
  expect(asked).toHaveLength(2)
  connection.close()
})

test('K4 a comment is a byte', async () => {
  const { connection, asked, streams } = open()
  for (let beat = 0; beat < 20; beat++) {
    await pass(40_000)
    streams[0]?.send(':\n\n')
  }
  await settle()
  expect(asked).toHaveLength(1)
  connection.close()
})

test('K4 a part of a message is a byte', async () => {
  const { connection, asked, streams } = open({ silence: 1_000 })
  await settle()
  for (const letter of 'data: 12345') {
    streams[0]?.send(letter)
    await pass(900)
  }
  expect(asked).toHaveLength(1)
  connection.close()
})

test('K4 a replacement that is silent too doubles the limit, up to 5 min', async () => {
  const { asked, connection } = open()
  await pass(2_000_000)
  const gaps = asked.slice(1).map(({ at }, index) => at - (asked[index] as Asked).at - 3_000)
  expect(gaps.slice(0, 6)).toEqual([45_000, 45_000, 90_000, 180_000, 300_000, 300_000])
  connection.close()
})

test('K4 a replacement that gives bytes at first alone is silent too', async () => {
  const { asked, streams, connection } = open()
  for (let stream = 0; stream < 4; stream++) {
    streams[stream]?.send('data: 1\n\n')
    await pass(48_000 * (stream < 2 ? 1 : 2 ** (stream - 1)))
  }
  const gaps = asked.slice(1).map(({ at }, index) => at - (asked[index] as Asked).at - 3_000)
  expect(gaps.slice(0, 3)).toEqual([45_000, 45_000, 90_000])
  connection.close()
})

test('K4 a `silence` above 5 min stays as it is', async () => {
  const { asked, connection } = open({ silence: 600_000 })
  await pass(2_500_000)
  const gaps = asked.slice(1).map(({ at }, index) => at - (asked[index] as Asked).at - 3_000)
  expect(gaps).toEqual([600_000, 600_000, 600_000, 600_000])
  connection.close()
})

test('K4 the limit stays where the stream between gave bytes for longer than it', async () => {
  const { asked, streams, connection } = open()
  await pass(48_000)
  for (let beat = 0; beat < 3; beat++) {
    streams[1]?.send(':\n\n')
    await pass(30_000)
  }
  expect(asked).toHaveLength(2)
  await pass(18_000) // 45 s after the last byte, and 3 s
  expect(asked).toHaveLength(3)
  await pass(48_000)
  expect(asked).toHaveLength(4)
  connection.close()
})

test('K4 after a sleep the timer waits a second for the bytes that came in it', async () => {
  const { asked, streams, connection } = open()
  for (let night = 0; night < 3; night++) {
    await pass(10_000)
    sleepFor(8 * 3_600_000)
    // The timer is due: it fires late.
    await pass(35_000)
    streams[0]?.send(':\n\n')
    await settle()
  }
  expect(asked).toHaveLength(1)
  await pass(45_000)
  expect(connection.status.state).toBe('waiting')
  connection.close()
})

test('K4 after a sleep a stream without bytes is replaced after a second', async () => {
  const { connection } = open()
  await pass(10_000)
  sleepFor(60_000)
  await pass(35_000)
  expect(connection.status.state).toBe('open')
  await pass(1_000)
  expect(connection.status).toMatchObject({ state: 'waiting', error: { code: 'ERR_SSE_SILENT' } })
  connection.close()
})

test('K4 a sleep while connecting gives the response a second more', async () => {
  const later: Array<(stream: HeldStream) => void> = []
  const server = fakeServer(() => new Promise((resolve) => later.push(resolve)))
  const connection = connect('https://example.com', { fetch: server.fetch })
  connection.onAny(() => {})
  await pass(10_000)
  sleepFor(60_000)
  await pass(20_000)
  later[0]?.(holdStream())
  await settle()
  expect(connection.status.state).toBe('open')
  connection.close()
})

test('K4 the watchdog pauses while a listener works, and while the iterator has enough', async () => {
  let finish!: () => void
  const { connection, asked, streams } = open({ silence: 1_000 })
  connection.on(
    'slow',
    () =>
      new Promise<void>((resolve) => {
        finish = resolve
      }),
  )
  await settle()
  streams[0]?.send('event: slow\ndata: 1\n\n')
  await pass(60_000)
  expect(asked).toHaveLength(1)
  finish()
  await settle()
  connection[Symbol.asyncIterator]()
  streams[0]?.send('data: 1\n\n'.repeat(1_001))
  await pass(60_000)
  expect(asked).toHaveLength(1)
  connection.close()
})
