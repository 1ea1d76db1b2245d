import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { readEventStream } from '@tidings/testing'
import { afterEach, describe, expect, it } from 'vitest'

/** What each library reads for a board with these items, without the line of the id. */
const FRAMES: Record<string, (items: string[]) => string> = {
  htmx2: (items) => `event: board\n${dataOf(boardWith(items))}`,
  htmx4: (items) => dataOf(boardWith(items)),
  turbo: (items) => dataOf(`<turbo-stream action="replace" target="board"><template>${boardWith(items)}</template></turbo-stream>`),
  datastar: (items) => `event: datastar-patch-elements\n${dataOf(boardWith(items), 'elements ')}`,
}

// Its pages are tested in a browser, by packages/tests/test/hypermedia.test.ts.
describe('the streams of four libraries', () => {
  let server: ChildProcess
  let origin = ''

  async function start(pace: string): Promise<void> {
    const cwd = fileURLToPath(new URL('..', import.meta.url))
    server = spawn(process.execPath, ['server.js'], { cwd, env: { ...process.env, PORT: '0', PACE: pace }, stdio: ['ignore', 'pipe', 'inherit'] })
    const [said] = await once(server.stdout as NodeJS.ReadableStream, 'data')
    origin = /http:\S+/.exec(String(said))?.[0] ?? ''
  }
  afterEach(() => server.kill('SIGKILL'))

  const post = (body: string | URLSearchParams): Promise<Response> => fetch(`${origin}/ships`, { method: 'POST', body })

  it.each(Object.keys(FRAMES))('are what %s reads, the board as it is and then as it changes', async (library) => {
    await start('0')
    await post(new URLSearchParams({ ship: 'Calypso' }))
    let posted = false
    const { text } = await readEventStream(fetch(`${origin}/events/${library}`), {
      until({ events }) {
        if (events.length === 1 && !posted) {
          posted = true
          post(new URLSearchParams({ ship: '<i>Færder</i> & "crew"' }))
        }
        return events.length === 2
      },
    })

    const frame = FRAMES[library] ?? String
    const [position, id] = text.match(/^id: .+$/gm) ?? []
    const second = '<li>&lt;i&gt;Færder&lt;/i&gt; &amp; &quot;crew&quot;</li>'
    expect(text).toBe(`retry: 1000\n\n${frame(['<li>Calypso</li>'])}${position}\n\n${frame(['<li>Calypso</li>', second])}${id}\n\n`)
    expect(position).not.toBe(id)
  })

  it('come with pages whose scripts are all here', async () => {
    await start('0')
    for (const library of Object.keys(FRAMES)) {
      const page = await (await fetch(`${origin}/${library}`)).text()
      const scripts = [...page.matchAll(/ src="(libraries[^"]+)"/g)].map(([, path]) => path)
      expect(scripts.length).toBeGreaterThan(0)
      for (const path of scripts) expect((await fetch(`${origin}/${path}`)).headers.get('content-type')).toBe('text/javascript; charset=utf-8')
    }
  })

  it('stand beside a 404 for what there is not, and a 400 for no ship', async () => {
    await start('0')
    for (const path of ['/events/jquery', '/events/toString', '/libraries/jquery.js', '/libraries/toString'])
      expect((await fetch(origin + path)).status).toBe(404)
    expect((await post('Calypso')).status).toBe(400)
    expect((await post(new URLSearchParams({ ship: '' }))).status).toBe(400)
  })

  it.each(['SIGINT', 'SIGTERM'] as const)('run by themselves, and end cleanly at %s', async (signal) => {
    await start('100')
    const stream = await fetch(`${origin}/events/htmx4`)
    const { events } = await readEventStream(await fetch(`${origin}/events/turbo`), { until: 3 })
    server.kill(signal)
    expect(await once(server, 'exit')).toEqual([0, null])
    expect((await readEventStream(stream)).ended).toBe(true)
    expect(events.length).toBe(3)
  })
})

function boardWith(items: string[]): string {
  return ['<section id="board">', `  <h2>In the harbour: ${items.length}</h2>`, '  <ol>', ...items.map((item) => `    ${item}`), '  </ol>', '</section>'].join(
    '\n',
  )
}

function dataOf(html: string, prefix = ''): string {
  const lines = html.split('\n')
  return lines.map((line) => `data: ${prefix}${line}\n`).join('')
}
