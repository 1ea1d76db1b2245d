import { expect, test, vi } from 'vitest'
import { type Connection, type ConnectOptions, connect } from '../src/index.ts'
import { driveTime, pass, settle } from './support/clock.ts'
import { type Asked, fakeServer, type HeldStream, holdStream } from './support/fake-server.ts'
import { type FakePage, fakePage } from './support/page.ts'

driveTime()

function open(options: ConnectOptions = {}): { page: FakePage; connection: Connection; asked: Asked[]; streams: HeldStream[] } {
  const page = fakePage()
  const streams: HeldStream[] = []
  const server = fakeServer(() => {
    const stream = holdStream()
    streams.push(stream)
    return stream
  })
  const connection = connect('/scores', { fetch: server.fetch, ...options })
  connection.onAny(() => {})
  return { page, connection, asked: server.asked, streams }
}

test.each([
  ['pagehide', 'window', 'pageshow', 'window'],
  ['freeze', 'document', 'resume', 'document'],
  ['freeze', 'document', 'pageshow', 'window'],
] as const)('K4 at %s of the %s nothing is open or tried, and at %s of the %s it reconnects at once', async (away, awayOn, back, backOn) => {
  const { page, connection, asked, streams } = open()
  await settle()
  streams[0]?.send('id: 7\ndata: 1\n\n')
  await settle()
  page[awayOn].dispatchEvent(new Event(away))
  expect(connection.status).toEqual({ state: 'paused', reason: 'frozen' })
  await settle()
  expect(streams[0]?.left).toBe(true)
  page.window.dispatchEvent(new Event('online'))
  await pass(600_000)
  expect(asked).toHaveLength(1)
  page[backOn].dispatchEvent(new Event(back))
  await settle()
  expect(connection.status).toEqual({ state: 'open' })
  expect(asked[1]?.headers.get('last-event-id')).toBe('7')
  connection.close()
})

test('K4 a page that is left and then frozen says so once', async () => {
  const { page, connection } = open()
  const states: string[] = []
  connection.subscribe(({ state }) => states.push(state))
  await settle()
  page.window.dispatchEvent(new Event('pagehide'))
  page.document.dispatchEvent(new Event('freeze'))
  page.document.dispatchEvent(new Event('resume'))
  page.window.dispatchEvent(new Event('pageshow'))
  await settle()
  expect(states).toEqual(['connecting', 'open', 'paused', 'connecting', 'open'])
  connection.close()
})

test('K4 a page that is frozen while a listener works resumes at once, also where the loop has enough', async () => {
  const { page, connection, asked, streams } = open()
  let finish!: () => void
  connection.on(
    'slow',
    () =>
      new Promise<void>((resolve) => {
        finish = resolve
      }),
  )
  connection[Symbol.asyncIterator]()
  await settle()
  streams[0]?.send(`${'data: 1\n\n'.repeat(999)}event: slow\ndata: 2\n\ndata: 3\n\n`)
  await settle()
  page.document.dispatchEvent(new Event('freeze'))
  finish()
  await settle()
  page.document.dispatchEvent(new Event('resume'))
  await settle()
  expect(asked).toHaveLength(2)
  connection.close()
})

test('K4 a page that leaves while it connects, or waits, starts nothing', async () => {
  const { page, connection, asked, streams } = open()
  await settle()
  streams[0]?.cut()
  await settle()
  expect(connection.status.state).toBe('waiting')
  page.window.dispatchEvent(new Event('pagehide'))
  await pass(600_000)
  expect(asked).toHaveLength(1)
  page.window.dispatchEvent(new Event('pageshow'))
  page.window.dispatchEvent(new Event('pagehide'))
  await pass(600_000)
  expect(asked).toHaveLength(1)
  expect(connection.status).toEqual({ state: 'paused', reason: 'frozen' })
  connection.close()
})

test('K4 `pauseWhenHidden` closes the stream in the background, and opens it when the page is back', async () => {
  const { page, connection, asked, streams } = open({ pauseWhenHidden: 10_000 })
  const look = (hidden: boolean) => {
    page.document.hidden = hidden
    page.document.dispatchEvent(new Event('visibilitychange'))
  }
  await settle()
  look(true)
  await pass(9_999)
  look(false)
  await pass(20_000)
  expect(connection.status.state).toBe('open')
  look(true)
  await pass(10_000)
  expect(connection.status).toEqual({ state: 'paused', reason: 'hidden' })
  expect(streams[0]?.left).toBe(true)
  await pass(600_000)
  expect(asked).toHaveLength(1)
  look(false)
  await settle()
  expect(connection.status.state).toBe('open')
  connection.close()
})

test('K4 a page that is both hidden and frozen waits for both', async () => {
  const { page, connection } = open({ pauseWhenHidden: 1_000 })
  page.document.hidden = true
  page.document.dispatchEvent(new Event('visibilitychange'))
  await pass(1_000)
  page.document.dispatchEvent(new Event('freeze'))
  page.document.dispatchEvent(new Event('resume'))
  await settle()
  expect(connection.status).toEqual({ state: 'paused', reason: 'hidden' })
  page.document.hidden = false
  page.document.dispatchEvent(new Event('visibilitychange'))
  await settle()
  expect(connection.status.state).toBe('open')
  connection.close()
})

test('the answer to a POST ends when the page is left', async () => {
  const { page, connection, asked } = open({ body: '{}', pauseWhenHidden: 1 })
  page.document.hidden = true
  page.document.dispatchEvent(new Event('visibilitychange'))
  await pass(1_000)
  expect(connection.status.state).toBe('open')
  page.window.dispatchEvent(new Event('pagehide'))
  await settle()
  expect(asked).toHaveLength(1)
  expect(connection.status).toMatchObject({ state: 'closed', reason: 'failed', error: { code: 'ERR_SSE_NETWORK', message: expect.stringContaining('left') } })
})

test('after close() no listener and no timer is left', async () => {
  const { page, connection } = open({ pauseWhenHidden: 1_000, signal: new AbortController().signal })
  await settle()
  page.document.hidden = true
  page.document.dispatchEvent(new Event('visibilitychange'))
  expect(page.listeners).toBeGreaterThan(5)
  connection.close()
  await settle()
  expect(page.listeners).toBe(0)
  expect(vi.getTimerCount()).toBe(0)
})

test('a page of another origin asks by the query, one of the same by the header', async () => {
  for (const [url, resumeBy, expected] of [
    ['https://example.com/scores', undefined, ['https://example.com/scores', 'ü 1']],
    ['/scores', undefined, ['/scores', 'ü 1']],
    ['https://api.example.com/scores?a=1#top', undefined, ['https://api.example.com/scores?a=1&lastEventId=%C3%BC%201#top', undefined]],
    ['https://api.example.com/scores?lastEventId=0&a=1', undefined, ['https://api.example.com/scores?a=1&lastEventId=%C3%BC%201', undefined]],
    ['https://api.example.com/scores', 'header', ['https://api.example.com/scores', 'ü 1']],
    ['/scores?lastEventId=0', 'query', ['/scores?lastEventId=%C3%BC%201', undefined]],
  ] as const) {
    fakePage()
    const server = fakeServer(() => holdStream())
    const connection = connect(url, { fetch: server.fetch, lastEventId: 'ü 1', ...(resumeBy && { resumeBy }) })
    connection.onAny(() => {})
    await settle()
    const header = server.asked[0]?.headers.get('last-event-id')
    expect([server.asked[0]?.url, header ? Buffer.from(header, 'latin1').toString() : undefined]).toEqual(expected)
    connection.close()
  }
})
