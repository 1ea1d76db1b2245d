import { once } from 'node:events'
import { readEventStream } from '@tidings/testing'
import { describe, expect, test } from 'vitest'
import { type Block, blocksOf, pages } from './blocks.ts'
import { type Program, start } from './program.ts'
import { runPage } from './run-page.ts'

const programs = pages()
  .flatMap(blocksOf)
  .filter(({ run }) => run)

function ask({ run }: Block, { origin }: Program): Promise<Response> {
  return fetch(origin + run?.path, {
    method: run?.method ?? 'GET',
    ...(run?.body === undefined ? {} : { body: run.body, headers: { 'content-type': 'application/json' } }),
  })
}

function only(page: string, part: string): Block {
  const found = programs.filter((block) => block.page === page && block.code.includes(part))
  expect(found).toHaveLength(1)
  return found[0] as Block
}

test('a block that imports and listens is run', () => {
  const whole = pages()
    .flatMap(blocksOf)
    .filter(({ code, context, notChecked }) => !context && !notChecked && /\.listen\(|\bserve\(/.test(code) && code.startsWith('import '))
  expect(whole.filter(({ run, recipe }) => !run && !recipe).map(({ page, line }) => `${page}:${line}`)).toEqual([])
  expect(programs.length).toBeGreaterThan(5)
})

const named = programs.map((block) => [`${block.page}:${block.line}`, block] as const)
test.concurrent.each(named)('%s sends events, and nothing to stderr', async (_, block) => {
  await using program = await start(block)
  const { status, headers, events } = await readEventStream(ask(block, program), { until: 1, timeout: 15_000 })
  expect(status).toBe(200)
  expect(headers['content-type']).toBe('text/event-stream')
  expect(events).not.toEqual([])
  expect(program.errors()).toBe('')
})

describe('the page of the README', () => {
  const page = blocksOf('README.md').find(({ language }) => language === 'html')?.code ?? ''
  const servers = programs.filter((block) => block.page === 'README.md' && block.code.includes("'index.html'"))

  test.each(servers.map((block) => [/@tidings\/\w+/.exec(block.code)?.[0], block] as const))('shows the events of the server of %s', async (_, block) => {
    await using program = await start(block, { files: { 'index.html': page } })
    const response = await fetch(program.origin)
    expect(response.headers.get('content-type')).toMatch(/^text\/html/)
    const html = await response.text()
    expect(html).toBe(page)

    // Stands in for the parts of a browser that the script uses.
    const now = { textContent: '' }
    using _page = runPage(html, program, { document: { querySelector: (selector: string) => html.includes(`id="${selector.slice(1)}"`) && now } })
    await expect.poll(() => Date.parse(now.textContent)).toBeGreaterThan(Date.now() - 10_000)
  })

  test('has a server of each framework, in fewer than ten lines beside the imports', () => {
    expect(servers.map(({ code }) => /@tidings\/\w+/.exec(code)?.[0])).toEqual(['@tidings/express', '@tidings/koa', '@tidings/hono'])
    for (const { code } of servers) expect(code.split('\n').filter((line) => line !== '' && !line.startsWith('import ')).length).toBeLessThan(10)
  })
})

describe.each(['docs/express.md', 'docs/koa.md', 'docs/hono.md'])('%s', (page) => {
  const [first, ...others] = programs.filter((block) => block.page === page) as [Block, ...Block[]]

  test('begins with a page that shows the events of its server', async () => {
    await using program = await start(first)
    const response = await fetch(program.origin)
    expect(response.headers.get('content-type')).toMatch(/^text\/html/)
    const html = await response.text()
    expect(html).toContain('id="now"')
    const now = { textContent: '' }
    using _page = runPage(html, program, { now })
    await expect.poll(() => Date.parse(now.textContent)).toBeGreaterThan(Date.now() - 10_000)
  })

  test('begins with fewer than ten lines beside the imports', () => {
    expect(first.code.split('\n').filter((line) => line !== '' && !line.startsWith('import ')).length).toBeLessThan(10)
  })

  test('ends with a channel whose clients get the messages that they missed', async () => {
    const channel = others.find(({ code }) => code.includes('createChannel')) as Block
    await using program = await start(channel)
    const { events } = await readEventStream(ask(channel, program), { until: 1 })
    expect(events[0]?.event).toBe('goal')
    const [, method, path = ''] = /\.(post)\('([^']+)'/.exec(channel.code) ?? []
    const body = { method: method ?? '', headers: { 'content-type': 'application/json' }, body: '{"team":"away"}' }
    const { id } = (await (await fetch(program.origin + path.replace(':team', 'away'), body)).json()) as { id: string }
    const back = await readEventStream(fetch(program.origin + channel.run?.path, { headers: { 'last-event-id': events[0]?.id ?? '' } }), { until: 1 })
    expect(back.events).toEqual([{ event: 'goal', data: '{"team":"away"}', id }])
  })
})

test('the README: tokens come one by one, and [DONE] comes last', async () => {
  const block = only('README.md', '[DONE]')
  await using program = await start(block)
  const { text, ended } = await readEventStream(ask(block, program))
  expect(text).toBe(':\n\ndata: {"token":"You "}\n\ndata: {"token":"said "}\n\ndata: {"token":"hello"}\n\ndata: [DONE]\n\n')
  expect(ended).toBe(true)
})

test('docs/hono.md: the countdown ends by itself', async () => {
  const block = only('docs/hono.md', 'countdown')
  await using program = await start(block)
  const { events, ended } = await readEventStream(ask(block, program))
  expect(events.map(({ data }) => data)).toEqual(['{"left":3}', '{"left":2}', '{"left":1}'])
  expect(ended).toBe(true)
})

test('docs/channels.md: a client that reconnects gets exactly the messages that it missed, and one of another epoch gets a reset', async () => {
  const block = only('docs/channels.md', 'history: { messages: 10_000 }')
  await using program = await start(block)
  const read = (lastEventId: string): ReturnType<typeof readEventStream> =>
    readEventStream(fetch(program.origin + block.run?.path, { headers: { 'last-event-id': lastEventId } }), { until: 3, timeout: 15_000 })
  const minutes = ({ events }: Awaited<ReturnType<typeof read>>): number[] => events.map(({ data }) => JSON.parse(data).minute)

  const before = await readEventStream(ask(block, program), { until: 2, timeout: 15_000 })
  const [, last = 0] = minutes(before)
  await readEventStream(ask(block, program), { until: 2, timeout: 15_000 }) // Waits until two more messages were published.
  expect(minutes(await read(before.events[1]?.id ?? ''))).toEqual([last + 1, last + 2, last + 3])
  const [reset] = (await read('of-another-epoch')).events
  expect([reset?.event, reset?.data]).toEqual(['reset', '{"reason":"unknown","lastEventId":"of-another-epoch"}'])
})

test('docs/channels.md: beyond the limit a room without readers is closed', async () => {
  const block = only('docs/channels.md', 'MOST')
  await using program = await start({ ...block, code: block.code.replace('MOST = 1_000', 'MOST = 2') })
  const enter = (name: string, lastEventId = ''): Promise<Response> => fetch(`${program.origin}/rooms/${name}`, { headers: { 'last-event-id': lastEventId } })
  const kitchen = await enter('kitchen')
  const { events } = await readEventStream(enter('attic'), { until: 1 })
  await readEventStream(enter('cellar'), { until: 1 })
  const [reset] = (await readEventStream(enter('attic', events[0]?.id), { until: 1 })).events
  expect([reset?.event, reset?.data]).toEqual(['reset', `{"reason":"unknown","lastEventId":"${events[0]?.id}"}`])
  await enter('kitchen')
  const [, second] = (await readEventStream(kitchen, { until: 2 })).events
  expect(second?.event).toBe('joined')
})

test('docs/migration.md: a client of a chat learns who is there, who comes and who leaves, and gets nothing of its own', async () => {
  const block = only('docs/migration.md', 'sessions.set(')
  await using program = await start(block)
  const enter = (user: string): Promise<Response> => fetch(`${program.origin}/chat?user=${user}`)
  const ada = await enter('ada')
  const grace = await enter('grace')
  await readEventStream(enter('alan'), { until: 1 }) // Leaves then.
  const told = async (response: Response, until: number): Promise<unknown[]> => {
    const { events } = await readEventStream(response, { until })
    return events.map(({ event, data }) => [event, JSON.parse(data)])
  }
  expect(await told(grace, 3)).toEqual([
    ['present', ['ada']],
    ['joined', 'alan'],
    ['left', 'alan'],
  ])
  expect(await told(ada, 5)).toEqual([
    ['present', []],
    ['joined', 'grace'],
    ['joined', 'alan'],
    ['left', 'alan'],
    ['left', 'grace'],
  ])
  expect(await (await fetch(`${program.origin}/joined`)).json()).toBe(3)
  // The filter also holds for what a client missed.
  const first = await readEventStream(enter('ada'), { until: ({ text }) => /^id: /m.test(text) })
  const id = /^id: (.*)$/m.exec(first.text)?.[1] ?? ''
  await readEventStream(enter('grace'), { until: 1 })
  const back = await readEventStream(fetch(`${program.origin}/chat?user=ada`, { headers: { 'last-event-id': id } }), { until: 3 })
  expect(back.events.slice(1).map(({ event, data }) => [event, data])).toEqual([
    ['joined', '"grace"'],
    ['left', '"grace"'],
  ])
  expect(program.errors()).toBe('')
})

test.each(['SIGTERM', 'SIGINT'] as const)('docs/shutdown.md: %s tells clients when to reconnect, and ends the stream and the process', async (signal) => {
  const block = only('docs/shutdown.md', "'SIGINT'")
  await using program = await start(block)
  const response = await ask(block, program)
  const exited = once(program.process, 'exit')
  program.process.kill(signal)
  const { retry, ended } = await readEventStream(response)
  expect(ended).toBe(true)
  expect(retry).toBeGreaterThanOrEqual(3_000)
  expect(retry).toBeLessThanOrEqual(6_000)
  expect(await exited).toEqual([0, null])
})

test('docs/shutdown.md: a program that is about to end is not ready, and ends its streams later', async () => {
  const block = only('docs/shutdown.md', 'HEARD')
  await using program = await start({ ...block, code: block.code.replace('HEARD = 12_000', 'HEARD = 2_000') })
  const ready = async (): Promise<number> => (await fetch(`${program.origin}/ready`)).status
  expect(await ready()).toBe(200)
  const response = await ask(block, program)
  const exited = once(program.process, 'exit')
  program.process.kill('SIGTERM')
  await expect.poll(() => ready()).toBe(503)
  const { events, retry, ended } = await readEventStream(response)
  expect(events).not.toEqual([])
  expect(ended).toBe(true)
  expect(retry).toBeGreaterThanOrEqual(3_000)
  expect(await exited).toEqual([0, null])
})
