import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'

const HERE = new URL('..', import.meta.url)
const FRAMEWORKS = ['express', 'koa', 'hono']

interface Newsroom {
  process: ChildProcess
  said: string
  url: string
}

/** Starts the server and reads the one address that it prints. */
async function start(port = '0'): Promise<Newsroom> {
  const child = spawn(process.execPath, ['server.js'], { cwd: fileURLToPath(HERE), env: { ...process.env, PORT: port }, stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  for await (const chunk of child.stdout) {
    said += chunk
    if (said.endsWith('\n')) break
  }
  const [url, ...others] = said.match(/http:\S+/g) ?? []
  if (url === undefined || others.length > 0) throw new Error(`not one address: ${said}`)
  return { process: child, said, url }
}

/** Reads an event stream frame by frame. */
class Reader {
  readonly #chunks: ReadableStreamDefaultReader<Uint8Array>
  readonly #decoder = new TextDecoder()
  readonly #leave: AbortController
  #rest = ''

  private constructor(body: ReadableStream<Uint8Array>, leave: AbortController) {
    this.#chunks = body.getReader()
    this.#leave = leave
  }

  static async open(url: string, lastEventId?: string): Promise<Reader> {
    const leave = new AbortController()
    const headers: Record<string, string> = lastEventId === undefined ? {} : { 'Last-Event-ID': lastEventId }
    const response = await fetch(url, { headers, signal: leave.signal })
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream'])
    if (!response.body) throw new Error('no body')
    return new Reader(response.body, leave)
  }

  /** Resolves with the next frame and its blank line, or with `undefined` at the end of the stream. */
  async next(): Promise<string | undefined> {
    for (;;) {
      const end = this.#rest.indexOf('\n\n')
      if (end !== -1) {
        const frame = this.#rest.slice(0, end + 2)
        this.#rest = this.#rest.slice(end + 2)
        return frame
      }
      const { done, value } = await this.#chunks.read()
      if (done) return this.#rest === '' ? undefined : this.#rest
      this.#rest += this.#decoder.decode(value, { stream: true })
    }
  }

  /** Resolves with the next frame that contains `text`. */
  async until(text: string): Promise<string> {
    for (;;) {
      const frame = await this.next()
      if (frame === undefined) throw new Error(`ended without ${text}`)
      if (frame.includes(text)) return frame
    }
  }

  /** Reads to the end of the stream. */
  async ended(): Promise<boolean> {
    while ((await this.next()) !== undefined);
    return true
  }

  /** Resolves with the headlines up to the one with this text. */
  async headlinesUntil(text: string): Promise<string[]> {
    const frames: string[] = []
    do frames.push(await this.until('event: headline\n'))
    while (!frames.at(-1)?.includes(text))
    return frames
  }

  leave(): void {
    this.#leave.abort()
  }
}

describe('the newsroom', () => {
  let newsroom: Newsroom

  beforeAll(async () => {
    newsroom = await start()
  })

  afterAll(async () => {
    newsroom.process.kill()
    await once(newsroom.process, 'exit')
  })

  const read = (name: string, lastEventId?: string, client = 'test'): Promise<Reader> =>
    Reader.open(`${newsroom.url}/${name}/events?client=${client}`, lastEventId)

  const send = (body: string, type = 'application/json'): Promise<Response> =>
    fetch(`${newsroom.url}/headlines`, { method: 'POST', headers: { 'content-type': type }, body })

  const publish = async (text: string): Promise<string> => {
    const response = await send(JSON.stringify({ text }))
    expect(response.status).toBe(201)
    return ((await response.json()) as { id: string }).id
  }

  it('serves the page under a policy that allows no other origin, and the page needs no other origin', async () => {
    const response = await fetch(newsroom.url)
    expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none'; connect-src 'self'; /)
    const page = await response.text()
    const asked = [...page.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, path]) => path)
    expect(asked).toEqual(['icon.svg', 'page.css', 'page.js'])
    for (const path of asked) expect((await fetch(`${newsroom.url}/${path}`)).status).toBe(200)
  })

  it('serves the packages that the page imports without a bundler, and allows the import map by its hash', async () => {
    const response = await fetch(newsroom.url)
    const [, map = ''] = /<script type="importmap">([^<]*)<\/script>/.exec(await response.text()) ?? []
    const hash = createHash('sha256').update(map).digest('base64')
    expect(response.headers.get('content-security-policy')).toContain(`; script-src 'self' 'sha256-${hash}'; `)
    const { imports } = JSON.parse(map) as { imports: Record<string, string> }
    expect(Object.keys(imports)).toEqual(['@tidings/client', 'eventsource-parser'])
    for (const path of Object.values(imports)) {
      const module = await fetch(newsroom.url + path)
      expect([module.status, module.headers.get('content-type')]).toEqual([200, 'text/javascript; charset=utf-8'])
    }
  })

  it('begins the stream of each framework with the reconnection time, then sends its own data', async () => {
    const own: Record<string, string> = { express: 'event: headline\n', koa: 'event: score\n', hono: 'event: load\n' }
    for (const name of FRAMEWORKS) {
      const reader = await read(name)
      expect(await reader.next()).toBe('retry: 1000\n\n')
      await reader.until(own[name] ?? '')
      reader.leave()
    }
  })

  it('measures the process that it runs in', async () => {
    const reader = await read('hono')
    const frame = await reader.until('event: load\n')
    const { cpu, memory, delay, machine, readers } = JSON.parse(frame.split('data: ')[1] ?? '')
    for (const number of [cpu, memory]) expect(number).toBeGreaterThan(0)
    for (const number of [delay, machine]) expect(number).toBeGreaterThanOrEqual(0)
    expect(readers).toBeGreaterThanOrEqual(1)
    reader.leave()
  })

  it('sends a posted headline to all three streams as the same frame', async () => {
    const readers = await Promise.all(FRAMEWORKS.map((name) => read(name)))
    const id = await publish('  Ferry \n “on time” <b> ')
    const frames = await Promise.all(readers.map((reader) => reader.until('Ferry “on time”')))
    const at = /"at":(\d+)/.exec(frames[0] ?? '')?.[1]
    const frame = `event: headline\ndata: {"text":"Ferry “on time” <b>","origin":"form","at":${at}}\nid: ${id}\n\n`
    expect(frames).toEqual([frame, frame, frame])
    for (const reader of readers) reader.leave()
  })

  it.each(FRAMEWORKS)('begins on %s with the current state, whose last message has the position', async (name) => {
    for (let number = 0; number < 22; number++) await publish(`Headline ${number}`)
    const reader = await read(name)
    const first = await reader.until('event: headline\n')
    // Twenty headlines are kept. On Express, one of the agency may be among them.
    expect(first).toMatch(/"Headline [23]"/)
    expect(first).not.toContain('id: ')
    const [, id = ''] = /^event: \w+\ndata: .*\nid: ([\w.~-]+)\n\n$/.exec(await reader.until('id: ')) ?? []
    reader.leave()
    await publish('Missed after the state')
    const returns = await read(name, id)
    expect(await returns.until('id: ')).toBe(`event: position\ndata: \nid: ${id}\n\n`)
    const missed = await returns.headlinesUntil('"Missed after the state"')
    expect(missed.join('')).not.toContain('"Headline ')
    returns.leave()
  })

  it.each(FRAMEWORKS)('sends a reader that reconnects on %s exactly the messages that it missed', async (name) => {
    const stays = await read(name)
    const leaves = await read(name)
    const seen = await publish(`Seen on ${name}`)
    await Promise.all([stays, leaves].map((reader) => reader.until(`"Seen on ${name}"`)))
    leaves.leave()
    await publish('Missed once')
    await publish('Missed twice')

    const returns = await read(name, seen)
    expect(await returns.until('id: ')).toBe(`event: position\ndata: \nid: ${seen}\n\n`)
    await publish(`Live again on ${name}`)
    const frames = await returns.headlinesUntil(`"Live again on ${name}"`)
    expect(frames.length).toBeGreaterThan(2)
    expect(frames).toEqual(await stays.headlinesUntil(`"Live again on ${name}"`))
    for (const reader of [stays, returns]) reader.leave()
  })

  it.each(FRAMEWORKS)('sends a reset and the current state on %s to a reader with an unknown id', async (name) => {
    await publish('Kept')
    const reader = await read(name, 'another-run')
    const [, reset] = [await reader.next(), await reader.next()]
    expect(reset).toBe('event: reset\ndata: {"reason":"unknown","lastEventId":"another-run"}\n\n')
    const state = await reader.headlinesUntil('"Kept"')
    expect(state.slice(0, -1).join('')).not.toContain('id: ')
    if (!state.at(-1)?.includes('id: ')) await reader.until('id: ')
    reader.leave()
  })

  it('begins a new epoch, which ends every stream and knows no earlier id', async () => {
    const readers = await Promise.all(FRAMEWORKS.map((name) => read(name)))
    const before = await publish('Of the old epoch')
    await Promise.all(readers.map((reader) => reader.until('"Of the old epoch"')))
    expect((await fetch(`${newsroom.url}/restart`, { method: 'POST' })).status).toBe(204)
    for (const reader of readers) expect(await reader.ended()).toBe(true)
    for (const name of FRAMEWORKS) {
      const reader = await read(name, before)
      expect(await reader.until('event: reset\n')).toContain(`{"reason":"unknown","lastEventId":"${before}"}`)
      await reader.until('"Of the old epoch"')
      const id = await publish(`Of the new epoch on ${name}`)
      expect(await reader.until(`"Of the new epoch on ${name}"`)).toContain(`id: ${id}\n`)
      reader.leave()
    }
  })

  it('sends the newest score of each match to a slow reader, and every minute to a fast one', async () => {
    const [slow, fast] = await Promise.all([Reader.open(`${newsroom.url}/koa/events?slow=yes`), read('koa')])
    // The minutes of the first match, after the state at the beginning.
    const minutes = async (reader: Reader): Promise<number[]> => {
      const found: number[] = []
      await reader.until('id: ')
      const end = Date.now() + 11_000
      while (Date.now() < end) {
        const { minute, over } = JSON.parse((await reader.until('"home":"Harbour Town"')).split('data: ')[1]?.split('\n')[0] ?? '')
        if (over) break
        found.push(minute)
      }
      reader.leave()
      return found
    }
    const [ofSlow, ofFast] = await Promise.all([minutes(slow), minutes(fast)])
    expect(ofFast.length).toBeGreaterThan(5)
    expect(ofFast).toEqual(ofFast.map((_, index) => (ofFast[0] ?? 0) + index))
    expect(ofSlow.length).toBeLessThan(5)
    expect(ofSlow.length).toBeGreaterThan(0)
  })

  it.each(FRAMEWORKS)('drops on %s only the stream of the client that asks', async (name) => {
    const [cut, other, nameless] = await Promise.all([read(name, undefined, 'one'), read(name, undefined, 'two'), read(name, undefined, '')])
    const ask = (query: string): Promise<Response> => fetch(`${newsroom.url}/${name}/drop?${query}`, { method: 'POST' })
    expect((await ask('client=one&away=8000')).status).toBe(204)
    expect(await cut.until('retry: 8000')).toBe('retry: 8000\n\n')
    expect(await cut.next()).toBeUndefined()
    await publish(`Still here on ${name}`)
    await other.until(`"Still here on ${name}"`)
    for (const query of ['client=one', 'client=', 'client=nobody', '']) expect((await ask(query)).status).toBe(404)
    expect((await ask('client=two&away=nonsense')).status).toBe(204)
    expect(await other.until('retry: ')).toBe('retry: 1000\n\n')
    nameless.leave()
  })

  it.each<[string, number, string, string?]>([
    ['no text', 400, '{}'],
    ['an empty text', 400, '{"text":" \\n\\u0000 "}'],
    ['a text that is too long', 400, JSON.stringify({ text: 'x'.repeat(121) })],
    ['a text that is no string', 400, '{"text":{"toString":"x"}}'],
    ['null', 400, 'null'],
    ['broken JSON', 400, '{"text":'],
    ['a content type that other sites may send', 400, '{"text":"x"}', 'text/plain'],
    ['a body over 2 kB', 413, JSON.stringify({ text: 'x'.repeat(3_000) })],
  ])('refuses %s', async (_, status, body, type) => {
    const before = await publish('Before')
    const response = await send(body, type)
    expect(response.status).toBe(status)
    expect(await response.json()).toEqual({ error: expect.any(String) })
    const reader = await read('hono', before)
    await publish('After')
    expect(await reader.until('event: headline\n')).toContain('"After"')
    reader.leave()
  })

  it.each(FRAMEWORKS)('shows the code of %s on the page as it runs', async (name) => {
    const page = await readFile(new URL('public/index.html', HERE), 'utf8')
    const app = await readFile(new URL(`${name}-app.js`, HERE), 'utf8')
    const shown = new RegExp(`<pre data-file="${name}-app.js"><code>([^<]*)</code>`).exec(page)?.[1] ?? ''
    const parts = shown.replaceAll('&gt;', '>').replaceAll('&amp;', '&').split('\n\n')
    expect(parts).toHaveLength(2)
    for (const part of parts) expect(withoutLayout(app)).toContain(withoutLayout(part))
  })
})

describe('a newsroom of one test', () => {
  let newsroom: Newsroom | undefined

  afterEach(() => {
    newsroom?.process.kill('SIGKILL')
    newsroom = undefined
  })

  it.each(['SIGTERM', 'SIGINT'] as const)('ends every stream at %s, and exits with 0', async (signal) => {
    newsroom = await start()
    const { process, url } = newsroom
    const readers = await Promise.all(FRAMEWORKS.map((name) => Reader.open(`${url}/${name}/events`)))
    for (const reader of readers) await reader.until('id: ')
    const exited = once(process, 'exit')
    process.kill(signal)
    for (const reader of readers) {
      await reader.until('retry: ')
      expect(await reader.next()).toBeUndefined()
    }
    expect(await exited).toEqual([0, null])
  })

  it('does not wait at its end for a connection without a request', async () => {
    newsroom = await start()
    const { process, url } = newsroom
    const ahead = connect(Number(new URL(url).port), '127.0.0.1')
    await once(ahead, 'connect')
    process.kill()
    expect(await once(process, 'exit')).toEqual([0, null])
    ahead.destroy()
  })

  it('takes another port if the wanted one is taken, and says so', async () => {
    const holder = createServer().listen(0, '127.0.0.1')
    await once(holder, 'listening')
    const { port } = holder.address() as AddressInfo
    newsroom = await start(String(port))
    expect(newsroom.said).toMatch(new RegExp(`^Port ${port} is taken\\. The newsroom is open at http://localhost:\\d+\\n$`))
    expect((await fetch(newsroom.url)).status).toBe(200)
    holder.close()
  })
})

/** Removes line ends, indents and trailing commas: the formatter sets them, and the page's columns are narrower. */
function withoutLayout(code: string): string {
  return code.replace(/\s+/g, '').replace(/,(?=[)}])/g, '')
}
