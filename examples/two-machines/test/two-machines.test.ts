import { tmpdir } from 'node:os'
import { afterEach, describe, expect, it } from 'vitest'
import { RedisServer } from '../../../packages/redis/test/support/redis-server.ts'
import { describeWith } from '../../../scripts/requirements.ts'
import { Example } from './example.ts'
import { Reader, type Served } from './reader.ts'

const READERS = 6
const MACHINES = ['express', 'hono']

describeWith('nginx', 'redis-server')('two machines, one channel', { timeout: 600_000 }, () => {
  let example: Example
  let readers: Reader[] = []

  afterEach(async () => {
    for (const reader of readers) reader.leave()
    readers = []
    await example.end()
    expect(example.left()).toEqual({ processes: [], files: [] })
    expect(example.stderr).toBe('')
  })

  async function startAndRead(env: NodeJS.ProcessEnv = {}): Promise<string> {
    example = new Example(env)
    const origin = await example.origin()
    readers = Array.from({ length: READERS }, () => new Reader(origin))
    await haveMore(20)
    return origin
  }

  /** Resolves once each reader has this number of further scores. */
  async function haveMore(count: number): Promise<void> {
    const enough = readers.map(({ scores }) => scores.length + count)
    await expect.poll(() => readers.every(({ scores }, index) => scores.length >= (enough[index] as number))).toBe(true)
  }

  const servedNow = (name: string): Served[] => readers.flatMap(({ servedBy }) => (servedBy?.name === name ? [servedBy] : []))
  const allAreServedBy = (name: string) => expect.poll(() => servedNow(name).length).toBe(READERS)
  const serves = async (origin: string, name: string): Promise<boolean> => (await fetch(`${origin}/${name}/scores`, { method: 'HEAD' })).ok
  const isBack = (origin: string, name: string) => expect.poll(() => serves(origin, name)).toBe(true)

  /** The numbers go up by one. */
  function expectNothingLost(): void {
    for (const { scores, resets } of readers) {
      const first = scores[0]?.number ?? 0
      expect(scores.map(({ number }) => number)).toEqual(scores.map((_, index) => first + index))
      expect(resets).toBe(0)
    }
    expectOneLog()
  }

  /** Each id stands for one score, and each score has one id, for all readers and machines. */
  function expectOneLog(): void {
    const scoreById = new Map<string, string>()
    for (const { scores, ids } of readers) {
      expect(new Set(ids).size).toBe(scores.length)
      for (const [index, id] of ids.entries()) {
        const score = JSON.stringify(scores[index])
        expect(scoreById.get(id) ?? score).toBe(score)
        scoreById.set(id, score)
      }
    }
    // A score that was published twice would have two ids.
    expect(new Set(scoreById.values()).size).toBe(scoreById.size)
  }

  it('loses and repeats nothing when the machines are killed in turn, again and again', async () => {
    const origin = await startAndRead()
    expect([...servedNow('express'), ...servedNow('hono')]).toHaveLength(READERS)
    for (const [dies, other] of [MACHINES, MACHINES.toReversed(), MACHINES, MACHINES.toReversed()] as [string, string][]) {
      await isBack(origin, dies)
      const [served] = servedNow(dies)
      process.kill((served as Served).pid, 'SIGKILL')
      await allAreServedBy(other)
      await haveMore(20)
      await isBack(origin, dies)
      await haveMore(20)
    }
    for (const { connections } of readers) expect([...new Set(connections.map(({ name }) => name))].sort()).toEqual(MACHINES)
    expectNothingLost()
  })

  it.each(MACHINES)('moves the readers of %s to the other machine when it ends at a signal', async (name) => {
    const origin = await startAndRead()
    const moving = readers.filter(({ servedBy }) => servedBy?.name === name)
    expect(moving.length).toBeGreaterThan(1)
    const lines = moving.map(({ connections }) => connections.at(-1))
    process.kill(lines[0]?.pid as number, 'SIGTERM')
    await allAreServedBy(MACHINES.find((each) => each !== name) as string)
    await haveMore(20)
    await isBack(origin, name)

    // The option at the opening. At the end a random time, so that clients do not all reconnect at once.
    for (const line of lines) {
      expect(line).toMatchObject({ ended: 'whole', retries: [500, expect.any(Number)] })
      expect(line?.retries[1]).toBeGreaterThanOrEqual(500)
      expect(line?.retries[1]).toBeLessThanOrEqual(1_000)
    }
    expect(new Set(lines.map((line) => line?.retries[1])).size).toBeGreaterThan(1)
    expectNothingLost()
  })

  it('loses nothing when both machines are away for a while', async () => {
    const origin = await startAndRead()
    for (const name of MACHINES) process.kill((servedNow(name)[0] as Served).pid, 'SIGKILL')
    await expect.poll(() => readers.every(({ servedBy }) => !servedBy)).toBe(true)
    expect((await fetch(`${origin}/scores`, { method: 'HEAD' })).status).toBe(502)
    await haveMore(20)
    expectNothingLost()
  })

  it('publishes a score once if both machines get it with one key', async () => {
    example = new Example({ PACE: '1000000' })
    const origin = await example.origin()
    readers = MACHINES.map((name) => new Reader(`${origin}/${name}`))
    await expect.poll(() => readers.map(({ servedBy }) => servedBy?.name)).toEqual(MACHINES)
    const publish = async (name: string, number: number): Promise<unknown> => {
      const headers = { 'content-type': 'application/json', 'idempotency-key': `test-${number}` }
      const response = await fetch(`${origin}/${name}/scores`, { method: 'POST', headers, body: JSON.stringify({ number }) })
      return [response.status, await response.json()]
    }
    for (const number of [2, 3]) expect(await publish('express', number)).toEqual(await publish('hono', number))
    await publish('hono', 4)
    await expect.poll(() => readers.every(({ scores }) => scores.some(({ number }) => number === 4))).toBe(true)
    // The example's own first score comes before, among or after them.
    for (const { scores } of readers) expect(scores.map(({ number }) => number).filter((number) => number > 1)).toEqual([2, 3, 4])
    expectOneLog()
  })

  it('serves the page, and its buttons end each process', async () => {
    const origin = await startAndRead()
    const page = await (await fetch(origin)).text()
    const script = await fetch(`${origin}/page.js`)
    expect([script.status, script.headers.get('content-type')]).toEqual([200, 'text/javascript'])
    const paths = [...page.matchAll(/data-path="(.+?)"/g)].map(([, path]) => path as string)
    expect(paths).toEqual(['express/kill', 'hono/kill', 'express/restart', 'hono/restart'])
    for (const path of paths) {
      const [name = '', action] = path.split('/')
      const signal = action === 'kill' ? 'SIGKILL' : 0
      const before = example.stdout.length
      await fetch(`${origin}/${path}`, { method: 'POST' })
      await expect.poll(() => example.stdout.slice(before)).toContain(`${name} has ended with ${signal}`)
      await isBack(origin, name)
    }
    await haveMore(20)
    expectNothingLost()
  })

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('ends cleanly at %s, with readers', async (signal) => {
    await startAndRead()
    expect(example.children()).toHaveLength(4)
    expect(await example.end(signal)).toEqual([0, null])
    for (const { connections } of readers) expect(connections.at(-1)?.ended).toBe('whole')
    expectNothingLost()
  })

  it('uses the Redis of REDIS_URL, and starts none', async () => {
    const redis = await RedisServer.start()
    try {
      await startAndRead({ REDIS_URL: redis.url })
      expect(example.children()).toHaveLength(3)
      await example.end()
      expectNothingLost()
    } finally {
      await redis.stop()
    }
  })

  it('ends with the last output of nginx if nginx ends by itself', async () => {
    await startAndRead()
    // It is started last.
    process.kill(example.children().at(-1) as number, 'SIGKILL')
    expect(await example.exited()).toEqual([1, null])
    expect(example.stderr).toMatch(/^nginx has ended:\n/)
    example.stderr = ''
  })

  it('ends cleanly while it starts', async () => {
    example = new Example()
    await example.says(/serves on port/)
    expect(await example.end('SIGINT')).toEqual([0, null])
  })
})

describe('two machines without a program that they need', () => {
  it.each([
    [{}, 'Not installed: redis-server, nginx. On Debian or Ubuntu: sudo apt-get install redis-server nginx\nOr have REDIS_URL name a Redis'],
    [{ REDIS_URL: 'redis://127.0.0.1:1' }, 'Not installed: nginx. On Debian or Ubuntu: sudo apt-get install nginx\n'],
  ])('name what is missing: %o', async (env, words) => {
    const example = new Example({ BINARIES: tmpdir(), ...env })
    expect(await example.exited()).toEqual([1, null])
    expect(example.stderr).toContain(words)
    expect(example.left()).toEqual({ processes: [], files: [] })
  })
})
