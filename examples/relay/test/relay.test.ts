import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { type Change, Reader } from './reader.ts'
import { makeUpstream, type Upstream } from './upstream.ts'

const SAMPLE: Change[] = readFileSync(new URL('../sample.ndjson', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => {
    const { id: number, wiki, title, user, comment } = JSON.parse(line)
    return { number, wiki, title, user, comment }
  })
const CHOICES = [[], ['enwiki'], ['wikidatawiki'], ['dewiki', 'frwiki'], ['jawiki', 'commonswiki', 'enwiki'], ['a wiki that does not change']]
const READERS = 48

interface State {
  received: number
  connections: number
  readers: number
  lastEventId: string
}

async function stateOf(origin: string): Promise<State> {
  return (await fetch(`${origin}/state`)).json() as Promise<State>
}

describe('a relay', () => {
  let server: ChildProcess
  /** Its output on stderr. */
  let complained = ''
  let upstream: Upstream | undefined
  let readers: Reader[] = []

  afterEach(() => {
    for (const reader of readers) reader.leave()
    readers = []
    server.kill('SIGKILL')
    upstream?.close()
    upstream = undefined
    expect(complained).toBe('')
  })

  async function start(env: NodeJS.ProcessEnv = {}): Promise<string> {
    const cwd = fileURLToPath(new URL('..', import.meta.url))
    server = spawn(process.execPath, ['server.js'], { cwd, env: { ...process.env, PORT: '0', ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    complained = ''
    server.stderr?.on('data', (text) => {
      complained += text
    })
    const [said] = await once(server.stdout as NodeJS.ReadableStream, 'data')
    return /http:\/\/localhost:\d+/.exec(String(said))?.[0] ?? ''
  }

  async function open(origin: string, wikis: readonly string[]): Promise<Reader> {
    const reader = new Reader(origin, wikis)
    readers.push(reader)
    await reader.come()
    return reader
  }

  it('sends each reader all changes of its wikis, although the upstream is cut again and again', async () => {
    upstream = makeUpstream()
    const origin = await start({ UPSTREAM: await upstream.listen() })
    for (let index = 0; index < READERS; index++) await open(origin, CHOICES[index % CHOICES.length] ?? [])
    let happened = 0
    const happen = (count: number): void => {
      for (let left = count; left > 0; left--) upstream?.change()
      happened += count
    }
    const relayReads = (): Promise<void> => expect.poll(() => upstream?.readers).toBe(1)
    const expectedBy = ({ wikis }: Reader): Change[] => SAMPLE.slice(0, happened).filter(({ wiki }) => wikis.length === 0 || wikis.includes(wiki))
    const everybodyHasAll = (): Promise<unknown> => Promise.all(readers.map((reader) => reader.has(expectedBy(reader).length)))

    await relayReads()
    happen(20)
    await everybodyHasAll()
    upstream.drop()
    happen(15) // While the relay is away.
    await relayReads()
    happen(10)
    await everybodyHasAll()
    happen(10)
    upstream.drop() // The changes on their way are lost.
    const [comesAndGoes] = readers
    comesAndGoes?.leave()
    happen(10)
    await relayReads()
    happen(20)
    await comesAndGoes?.come()
    await everybodyHasAll()

    for (const reader of readers) expect([reader.changes, reader.resets]).toEqual([expectedBy(reader), 0])
    const state = await stateOf(origin)
    expect(state).toMatchObject({ connections: 3, readers: READERS })
    // The upstream gave some twice, and the relay did not pass them on.
    expect(state.received).toBeGreaterThan(happened)
    expect(state.lastEventId).toMatch(/^\[{"topic":"eqiad.mediawiki.recentchange","partition":0,"timestamp":17150000\d{5}}\]$/)
  })

  it('reconnects when its upstream is silent, and misses nothing', async () => {
    upstream = makeUpstream()
    const origin = await start({ UPSTREAM: await upstream.listen(), SILENCE: '300' })
    const reader = await open(origin, [])
    let happened = 0
    const change = (): void => {
      upstream?.change()
      happened++
    }
    // The relay can resume once it has an id. It may have reconnected before, on a busy machine.
    await expect
      .poll(async () => {
        change()
        return (await stateOf(origin)).received
      })
      .toBeGreaterThan(0)
    await reader.has(1)
    const first = SAMPLE.findIndex(({ number }) => number === reader.changes[0]?.number)
    const { connections } = await stateOf(origin)
    await expect.poll(async () => (await stateOf(origin)).connections).toBeGreaterThan(connections)
    change()
    await expect.poll(() => reader.changes).toEqual(expect.arrayContaining(SAMPLE.slice(first, happened)))
    // The upstream resumes at a time. So it may also send a change of that time from before the relay's first one.
    const numbers = reader.changes.map(({ number }) => number)
    expect(new Set(numbers).size).toBe(numbers.length)
    expect(numbers.filter((number) => number >= (numbers[0] ?? 0))).toEqual(SAMPLE.slice(first, happened).map(({ number }) => number))
    // It sends the last change again.
    expect((await stateOf(origin)).received).toBeGreaterThan(happened - first)
  })

  it('reports an event that it cannot read, and goes on', async () => {
    upstream = makeUpstream()
    const origin = await start({ UPSTREAM: await upstream.listen() })
    const reader = await open(origin, [])
    await expect.poll(() => upstream?.readers).toBe(1)
    upstream.garble()
    upstream.change()
    await reader.has(1)
    expect(reader.changes).toEqual(SAMPLE.slice(0, 1))
    expect(await stateOf(origin)).toMatchObject({ received: 2, connections: 1 })
    expect(complained).toMatch(/^SyntaxError: .*no JSON/)
    complained = ''
  })

  it('refuses too many topics', async () => {
    const origin = await start()
    expect((await fetch(`${origin}/changes?${'wiki=enwiki&'.repeat(51)}`)).status).toBe(400)
  })

  it.each(['SIGINT', 'SIGTERM'] as const)('runs by itself, and ends cleanly at %s', async (signal) => {
    const reader = await open(await start(), [])
    await reader.has(4)
    server.kill(signal)
    expect(await once(server, 'exit')).toEqual([0, null])
    const first = SAMPLE.findIndex(({ number }) => number === reader.changes[0]?.number)
    expect(reader.changes).toEqual(SAMPLE.slice(first, first + reader.changes.length))
  })
})
