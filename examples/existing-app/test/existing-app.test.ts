import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type EventStreamRecording, readEventStream } from '@tidings/testing'
import { EventSource } from 'eventsource'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PAGE, Visitor } from './visitor.ts'

const REPORT = Array.from({ length: 200 }, (_, index) => ({ article: index + 1, headline: 'Nothing has happened yet' }))

/** The apps, and what a stream of theirs varies by: middleware that could compress it may say so. */
const APPS = [
  { name: 'Express', vary: 'Origin' },
  { name: 'Koa', vary: 'Origin, Accept-Encoding' },
  { name: 'Hono', vary: 'Origin' },
]

describe('event streams in an existing app', () => {
  let server: ChildProcess
  let said = ''
  let complained = ''

  async function start(): Promise<void> {
    said = ''
    const cwd = fileURLToPath(new URL('..', import.meta.url))
    server = spawn(process.execPath, ['server.js'], { cwd, env: { ...process.env, PORT: '0' }, stdio: ['ignore', 'pipe', 'pipe'] })
    server.stdout?.on('data', (text) => {
      said += text
    })
    server.stderr?.on('data', (text) => {
      complained += text
    })
    await untilSaid(/Hono listens at \S+\n/)
  }
  beforeAll(start)

  afterAll(() => server?.kill('SIGKILL'))

  const originOf = (name: string): string => new RegExp(`^${name} listens at (\\S+)$`, 'm').exec(said)?.[1] ?? ''

  describe.each(APPS)('$name', ({ name, vary }) => {
    let visitor: Visitor
    let saidBefore = 0
    beforeAll(() => {
      visitor = new Visitor(originOf(name))
      saidBefore = said.length
    })

    it('keeps strangers out', async () => {
      expect(await visitor.logIn('a guess')).toBe(401)
      for (const path of ['/report', '/news']) expect((await visitor.fetch(path)).status).toBe(401)
    })

    it('lets users in, counts their visits and compresses its page, as before', async () => {
      expect(await visitor.logIn('enchantress')).toBeLessThan(300)
      for (const visits of [1, 2]) {
        const response = await visitor.fetch('/report')
        expect(response.headers.get('content-encoding')).toBe('gzip')
        expect(await response.json()).toEqual({ visits, report: REPORT })
      }
    })

    it('streams to users: whole frames, as they were sent', async () => {
      const { text, id } = await readNews(visitor, 'It works')
      const [position] = /^id: .+$/m.exec(text) ?? []
      expect(text).toBe(`:\n\nevent: welcome\ndata: {"name":"ada","visits":3}\n\n${position}\n\nevent: news\ndata: {"text":"It works"}\nid: ${id}\n\n`)
    })

    it('has on a stream the headers that it has on a page', async () => {
      const { 'content-encoding': encoding, etag, ...page } = headersOf(await visitor.fetch('/report'))
      const stream = await visitor.fetch('/news')
      await stream.body?.cancel()

      expect(encoding).toBe('gzip')
      expect(page).toMatchObject({ 'access-control-allow-origin': PAGE, 'access-control-allow-credentials': 'true', 'x-frame-options': 'SAMEORIGIN' })
      expect(headersOf(stream)).toEqual({
        ...page,
        vary,
        'content-type': 'text/event-stream',
        'cache-control': 'no-cache, no-transform',
        'x-accel-buffering': 'no',
        incremental: '?1',
      })
    })

    it('streams to an EventSource, and has counted its visit in the session', async () => {
      const events: string[][] = []
      const source = new EventSource(`${originOf(name)}/news`, { fetch: visitor.fetch as typeof fetch })
      const next = (type: string): Promise<void> =>
        new Promise((resolve) => {
          source.addEventListener(type, ({ data }) => {
            events.push([type, data])
            resolve()
          })
        })
      await next('welcome')
      const told = next('news')
      await visitor.post('/news', { text: 'From across the origins' })
      await told
      source.close()

      const { visits } = (await (await visitor.fetch('/report')).json()) as { visits: number }
      expect(events).toEqual([
        ['welcome', `{"name":"ada","visits":${visits - 2}}`],
        ['news', '{"text":"From across the origins"}'],
      ])
    })

    it('logs a stream as any request', () => untilSaid(/GET \/news (\S+\[32m)?200/, saidBefore))
  })

  it.each(['SIGINT', 'SIGTERM'] as const)('ends the streams of all three at %s, and itself', async (signal) => {
    if (server.exitCode !== null) await start()
    const streams: Response[] = []
    for (const { name } of APPS) {
      const visitor = new Visitor(originOf(name))
      await visitor.logIn('enchantress')
      streams.push(await visitor.fetch('/news'))
    }

    server.kill(signal)

    expect(await once(server, 'close')).toEqual([0, null])
    expect(complained).toBe('')
    for (const stream of streams) {
      const { ended, events, retry } = await readEventStream(stream)
      expect([ended, events.map(({ event }) => event)]).toEqual([true, ['welcome']])
      expect(retry).toBeGreaterThanOrEqual(3_000)
    }
  })

  async function untilSaid(pattern: RegExp, from = 0): Promise<void> {
    while (!pattern.test(said.slice(from))) await once(server.stdout as NodeJS.ReadableStream, 'data')
  }
})

/** Reads a stream until something was published that follows its welcome. */
async function readNews(visitor: Visitor, text: string): Promise<EventStreamRecording & { id: string }> {
  let posted: Promise<Response> | undefined
  const recording = await readEventStream(visitor.fetch('/news'), {
    until({ events }) {
      if (events.length === 1) posted ??= visitor.post('/news', { text })
      return events.length === 2
    },
  })
  const response = await posted
  if (!response) throw new Error(`ended before its welcome: ${recording.text}`)
  const { id } = (await response.json()) as { id: string }
  return { ...recording, id }
}

/** All that do not differ with each response. */
function headersOf({ headers }: Response): Record<string, string> {
  const { date, 'set-cookie': cookie, ...others } = Object.fromEntries(headers)
  return others
}
