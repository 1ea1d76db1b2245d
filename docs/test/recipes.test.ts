import { once } from 'node:events'
import { type EventStreamRecording, type ReceivedEvent, readEventStream } from '@tidings/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { RedisServer } from '../../packages/redis/test/support/redis-server.ts'
import { describeWith } from '../../scripts/requirements.ts'
import { type Block, blocksOf } from './blocks.ts'
import { type Program, run, start } from './program.ts'
import { runPage } from './run-page.ts'

const PAGE = 'docs/recipes.md'
const TIMEOUT = 60_000
const blocks = blocksOf(PAGE)

/** The recipe of this name, with some of its words replaced. */
function recipe(name: string, words: Readonly<Record<string, string>> = {}): Block {
  const block = blocks.find((each) => each.recipe === name) as Block
  let { code } = block
  for (const [word, other] of Object.entries(words)) {
    expect(code).toContain(word)
    code = code.replace(word, other)
  }
  return { ...block, code }
}

function read(
  { origin }: Program,
  path: string,
  until: number | ((recording: EventStreamRecording) => boolean),
  lastEventId = '',
): Promise<EventStreamRecording> {
  return readEventStream(fetch(origin + path, { headers: { 'last-event-id': lastEventId } }), { until, timeout: TIMEOUT })
}

async function post({ origin }: Program, path: string, body: object = {}): Promise<Response> {
  const response = await fetch(origin + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  expect(response.ok).toBe(true)
  return response
}

/** The events with their data, and without ids. */
const told = (events: readonly ReceivedEvent[]): [string, unknown][] => events.map(({ event, data }) => [event, JSON.parse(data)])
/** The id that a client has after what it read. Some come without an event. */
const lastIdOf = ({ text }: EventStreamRecording): string => [...text.matchAll(/^id: (.*)$/gm)].at(-1)?.[1] ?? ''
const hasIdOf =
  (...names: readonly string[]) =>
  (recording: EventStreamRecording): boolean =>
    names.every((name) => lastIdOf(recording).split('~').includes(name))

test('docs/recipes.md has the recipes that the tests below run', () => {
  expect(blocks.flatMap(({ recipe }) => recipe ?? [])).toEqual(['chat', 'web process', 'worker process', 'board', 'page of the board', 'alarms'])
})

test('a chat: a user gets notifications, messages of the room and announcements on one stream, and those that were missed', async () => {
  await using program = await start(recipe('chat'))
  const talk = async (round: string): Promise<void> => {
    await post(program, '/users/grace/notifications', { text: `${round} for Grace` })
    await post(program, '/users/ada/notifications', { text: `${round} for Ada` })
    await post(program, '/rooms/attic?user=grace', { text: `${round} in the attic` })
    await post(program, '/rooms/kitchen?user=grace', { text: `${round} in the kitchen` })
    await post(program, '/announcements', { text: `${round} for everyone` })
  }
  // The three channels have no common order.
  const ofAda = (round: string): [string, unknown][] => [
    ['announcement', { text: `${round} for everyone` }],
    ['notification', { text: `${round} for Ada` }],
    ['said', { user: 'grace', text: `${round} in the kitchen` }],
  ]
  const response = await fetch(`${program.origin}/rooms/kitchen?user=ada`)
  await talk('first')
  const first = await readEventStream(response, { until: 3, timeout: TIMEOUT })
  expect(told(first.events).sort()).toEqual(ofAda('first'))
  await talk('second')
  const second = await read(program, '/rooms/kitchen?user=ada', 3, lastIdOf(first))
  expect(told(second.events).sort()).toEqual(ofAda('second'))
  // A new page begins with the messages of its room alone.
  const anew = await read(program, '/rooms/attic?user=ada', 2)
  expect(told(anew.events)).toEqual(['first', 'second'].map((round) => ['said', { user: 'grace', text: `${round} in the attic` }]))
  expect(program.errors()).toBe('')
})

describeWith('redis-server')('a job in a worker process', () => {
  let redis: RedisServer
  beforeAll(async () => {
    redis = await RedisServer.start()
  })
  afterAll(() => redis.stop())

  test('tells its progress to the page of its user, also where its worker dies and the page reconnects to another web process', async () => {
    const env = { REDIS_URL: redis.url }
    const words = { 'SILENCE = 30_000': 'SILENCE = 1_000', 'await setTimeout(100)': 'console.error(step); await setTimeout(30)' }
    const worker = recipe('worker process', words)
    // It has published its fifth step, and has not noted it.
    const noting = 'await job.updateProgress(step)'
    const mortal = recipe('worker process', { ...words, [noting]: `if (step === 5) process.kill(process.pid, 'SIGKILL'); else ${noting}` })
    const [web, other] = await Promise.all([start(recipe('web process'), { env }), start(recipe('web process'), { env })])
    await using _web = web
    await using _other = other

    const response = await fetch(`${web.origin}/progress?user=ada`)
    const { job } = (await (await post(web, '/reports?user=ada')).json()) as { job: string }
    await using dies = run(mortal, { env })
    const before = await readEventStream(response, { until: 5, timeout: TIMEOUT })
    if (dies.process.exitCode === null && dies.process.signalCode === null) await once(dies.process, 'exit')
    await using next = run(worker, { env })
    const isDone = ({ events }: EventStreamRecording): boolean => events.at(-1)?.event === 'done'
    const after = await read(other, '/progress?user=ada', isDone, before.events.at(-1)?.id)

    const steps = Array.from({ length: 20 }, (_, index) => index + 1)
    const whole = steps.map((step) => [step < 20 ? 'progress' : 'done', { job, step, steps: 20 }])
    expect(told([...before.events, ...after.events])).toEqual(whole)
    expect(told((await read(web, '/progress?user=ada', isDone)).events)).toEqual(whole)

    expect(next.errors()).toMatch(/^5\n6\n/)

    const graces = (await (await post(other, '/reports?user=grace')).json()) as { job: string }
    const [first] = (await read(web, '/progress?user=grace', 1)).events
    expect(JSON.parse(first?.data ?? '')).toEqual({ job: graces.job, step: 1, steps: 20 })
    expect([web.errors(), other.errors()]).toEqual(['', ''])
  })
})

test('everyone but the sender: a tab shows its own notes once, and those of the others', async () => {
  const files = { 'index.html': recipe('page of the board').code }
  await using program = await start(recipe('board'), { files })
  const html = await (await fetch(program.origin)).text()
  using ada = openBoard(html, program)
  using grace = openBoard(html, program)
  ada.pin('from Ada')
  await expect.poll(() => grace.notes).toEqual(['from Ada'])
  // The stream of Ada's tab has her own note before this one.
  grace.pin('from Grace')
  await expect.poll(() => ada.notes).toEqual(['from Ada', 'from Grace'])
  expect(grace.notes).toEqual(['from Ada', 'from Grace'])
  expect(program.errors()).toBe('')
})

test('everyone but the sender, with a filter: the stream of a tab has only the notes of the others', async () => {
  const filtered = blocks.find(({ context }) => context === 'board') as Block
  const code = recipe('board').code.replace("app.get('/board'", `${filtered.code}\napp.get('/board'`)
  await using program = await start({ ...filtered, code }, { files: { 'index.html': '' } })
  for (const tab of ['ada', 'grace', 'ada', 'grace']) await post(program, '/board', { tab, text: `of ${tab}` })
  const { events } = await read(program, '/board?tab=ada', 2)
  expect(told(events)).toEqual(Array(2).fill(['note', { tab: 'grace', text: 'of grace' }]))
})

test('a quiet channel beside a loud one: alarms are resumed exactly after the prices have rolled over', async () => {
  await using program = await start(recipe('alarms', { 'messages: 1_000 }': 'messages: 50 }' }))
  const response = await fetch(`${program.origin}/events`)
  const alarm = async (text: string): Promise<unknown> => post(program, '/alarms', { text })
  const alarms = ({ events }: EventStreamRecording): [string, unknown][] => told(events).filter(([event]) => event === 'alarm')
  await alarm('smoke')
  const before = await readEventStream(response, {
    until: (recording) => alarms(recording).length === 1 && hasIdOf('alarms', 'prices')(recording),
    timeout: TIMEOUT,
  })
  await alarm('water')
  // Another client counts the prices that are published while the first one is away.
  await read(program, '/events', 70)
  await alarm('fire')

  const after = await read(
    program,
    '/events',
    (recording) => alarms(recording).length === 2 && recording.events.some(({ event }) => event === 'price'),
    lastIdOf(before),
  )
  expect(alarms(after)).toEqual([
    ['alarm', { text: 'water' }],
    ['alarm', { text: 'fire' }],
  ])
  const resets = after.events.filter(({ event }) => event === 'reset').map(({ data }) => JSON.parse(data))
  expect(resets).toEqual([expect.objectContaining({ reason: 'trimmed', channel: 'prices' })])
  expect(program.errors()).toBe('')
})

/** The page of the board in a stand-in for a browser's tab. */
function openBoard(html: string, program: Program): Disposable & { readonly notes: string[]; pin(text: string): void } {
  const notes: string[] = []
  let submit: (event: object) => void = () => {}
  const elements: Readonly<Record<string, object>> = {
    '#notes': { append: ({ textContent }: { textContent: string }) => notes.push(textContent) },
    '#form': {
      addEventListener(_: string, listener: typeof submit) {
        submit = listener
      },
    },
  }
  const document = { querySelector: (selector: string) => elements[selector], createElement: () => ({}) }
  const page = runPage(html, program, { document })
  return {
    notes,
    pin: (value) => submit({ preventDefault() {}, target: { elements: { text: { value } } } }),
    [Symbol.dispose]: () => page[Symbol.dispose](),
  }
}
