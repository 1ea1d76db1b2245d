import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { describeWith } from '../../../../scripts/requirements.ts'
import { LIBRARIES } from './clients.ts'
import { RedisServer } from './redis-server.ts'
import { Switch } from './switch.ts'
import { World } from './world.ts'

const READERS = 12
/** `TIDINGS_FAULTS=20 npx vitest run faults` repeats each fault 20 times. */
const ROUNDS = Number(process.env['TIDINGS_FAULTS'] ?? 1)

/** Faults of Redis, of a connection or of a process, with machines that use this library. */
export function describeFaults(library: 'redis' | 'ioredis'): void {
  const describe = describeWith('redis-server')
  const ended: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    for (const end of ended.splice(0).reverse()) await end()
  })
  const startRedis = async (...options: string[]): Promise<RedisServer> => {
    const redis = await RedisServer.start(...options)
    ended.push(() => redis.stop())
    return redis
  }
  const startWorld = async (port: number, log?: object): Promise<World> => {
    const world = await World.start(port, library, log)
    ended.push(() => world.end())
    return world
  }
  /** Runs a command for the test on a Redis. */
  const command = async (redis: RedisServer, ...words: string[]): Promise<unknown> => {
    const { run, close } = await (LIBRARIES['ioredis 6'] as (typeof LIBRARIES)[string])(redis.url)
    try {
      return await run(...words)
    } finally {
      close()
    }
  }
  const rounds = async (run: () => Promise<void>): Promise<void> => {
    for (let round = 0; round < ROUNDS; round++) await run()
  }
  /**
   * Has something happen to Redis while messages are published. Each page keeps its stream, gets all, and is told of
   * `reset` each time or of nothing.
   */
  const outlast = async (happen: (redis: RedisServer, world: World) => Promise<void>, reset?: string): Promise<World> => {
    const redis = await startRedis()
    const world = await startWorld(redis.port)
    await world.read(READERS)
    world.publish()
    await rounds(async () => {
      await world.confirmMore(50)
      await happen(redis, world)
      await world.confirmMore(50)
    })
    await world.stopPublishing()
    await world.allHaveTheLast()
    world.expectNoFaults()
    const expected = reset === undefined ? [] : Array<string>(ROUNDS).fill(reset)
    for (const { resets, drops } of world.readers) expect({ resets, drops }).toEqual({ resets: expected, drops: 0 })
    expect(world.rejected).toEqual([])
    return world
  }
  const patience = 60_000 * ROUNDS

  describe(`with ${library}`, { timeout: patience }, () => {
    test('G2 pages that move between two machines miss nothing and get nothing twice', async () => {
      const world = await startWorld((await startRedis()).port)
      await world.read(READERS)
      world.publish()
      await rounds(async () => {
        for (let drops = 0; drops < 40; drops++) {
          await pause(10)
          world.readers[drops % READERS]?.drop()
        }
      })
      await world.stopPublishing()
      await world.allHaveTheLast()
      world.expectNoFaults()
      expect(world.readers.flatMap(({ resets }) => resets)).toEqual([])
      expect(world.rejected).toEqual([])
    })

    test('G3 Redis killed and started again with its data: streams stay open, no message is lost, and there is no reset', async () => {
      await outlast(async (redis, { machines, readers }) => {
        await redis.kill()
        const heartbeats = readers.map((reader) => reader.heartbeats)
        expect(await machines[0]?.cpuShare(1_500)).toBeLessThan(0.05)
        expect(readers.every((reader, index) => reader.heartbeats > (heartbeats[index] as number))).toBe(true)
        await redis.start()
      })
    })

    test('G3 Redis killed and started again without its data: a reset, then new messages', async () => {
      const startAnew = async (redis: RedisServer): Promise<void> => {
        await redis.kill()
        redis.loseData()
        await redis.start()
      }
      await outlast(startAnew, 'lost')
    })

    test('G3 Redis frozen for ten seconds: streams stay open, and nothing is lost', async () => {
      await outlast(async (redis, { machines }) => {
        redis.freeze()
        const share = machines[0]?.cpuShare(9_000)
        await pause(10_000)
        redis.thaw()
        expect(await share).toBeLessThan(0.05)
      })
    })

    test('G3 connections cut again and again: nothing is lost, and nothing comes twice', async () => {
      const { readers } = await outlast(async (redis) => {
        for (let cuts = 0; cuts < 20; cuts++) {
          await pause(40)
          await command(redis, 'CLIENT', 'KILL', 'TYPE', cuts % 2 === 0 ? 'normal' : 'pubsub', 'SKIPME', 'yes')
        }
      })
      // A message that was sent again after a cut was kept once.
      const datas = readers[0]?.messages.map(({ data }) => data) ?? []
      expect(new Set(datas).size).toBe(datas.length)
    })

    test('G3 FLUSHALL, which Redis does not announce: a reset at the next message, or at the next check if none comes', async () => {
      const redis = await startRedis()
      const world = await startWorld(redis.port)
      await world.read(READERS)
      await world.publishOne()
      await world.allHaveTheLast()
      await command(redis, 'FLUSHALL')
      await world.publishOne()
      await world.allHaveTheLast()
      await command(redis, 'FLUSHALL')
      await pause(1_500)
      for (const { seen } of world.readers)
        expect(seen.map((each) => ('reset' in each ? each.reset : each.data))).toEqual(['message 1', 'lost', 'message 2', 'lost'])
      world.expectNoFaults()
    })

    test('G1 G3 Redis out of memory: publish rejects with the cause, and works again when there is memory', async () => {
      const redis = await startRedis('--maxmemory-policy', 'noeviction')
      const world = await startWorld(redis.port, { publishTimeout: 1_000 })
      await world.read(READERS)
      await world.publishOne()
      await command(redis, 'CONFIG', 'SET', 'maxmemory', '1')
      await world.publishOne()
      expect(world.rejected).toEqual(['ERR_SSE_LOG_UNAVAILABLE'])
      await command(redis, 'CONFIG', 'SET', 'maxmemory', '0')
      await world.publishOne()
      await world.allHaveTheLast()
      for (const { seen } of world.readers) expect(seen.map((each) => ('data' in each ? each.data : each))).toEqual(['message 1', 'message 3'])
      world.expectNoFaults()
      const told = (await Promise.all(world.machines.map((machine) => machine.errors()))).flat()
      expect(told.map(({ stage, code }) => [stage, code])).toEqual([['publish', 'ERR_SSE_LOG_UNAVAILABLE']])
    })

    test('G1 a publish that Redis refuses rejects, goes to onError, and stops nothing', async () => {
      const redis = await startRedis()
      const world = await startWorld(redis.port, { publishTimeout: 300 })
      await world.read(READERS)
      await world.publishOne()
      const [stream] = (await command(redis, 'KEYS', '*:s')) as [string]
      await command(redis, 'RENAME', stream, `${stream}:away`)
      await command(redis, 'SET', stream, 'no stream')
      await world.publishOne()
      await command(redis, 'DEL', stream)
      await command(redis, 'RENAME', `${stream}:away`, stream)
      await world.publishOne()
      await world.allHaveTheLast()
      expect(world.rejected).toEqual(['ERR_SSE_LOG_UNAVAILABLE'])
      for (const { seen } of world.readers) expect(seen.map((each) => ('data' in each ? each.data : each))).toEqual(['message 1', 'message 3'])
      world.expectNoFaults()
    })

    test('G3 a promoted replica that lacks the newest entries: a reset for clients that had them, and never a wrong message', async () => {
      const master = await startRedis()
      const replica = await startRedis('--replicaof', `127.0.0.1 ${master.port}`)
      const way = await Switch.start(master.port)
      ended.push(() => way.close())
      const world = await startWorld(way.port)
      await world.read(READERS)
      world.publish()
      await world.confirmMore(50)
      await world.stopPublishing()
      await world.allHaveTheLast()
      expect(await command(master, 'WAIT', '1', '5000')).toBe(1)
      const kept = world.confirmed.length
      // From here on the replica gets nothing.
      await command(replica, 'REPLICAOF', 'NO', 'ONE')
      world.publish()
      await world.confirmMore(30)
      await world.stopPublishing()
      await world.allHaveTheLast()
      const lost = new Set(world.confirmed.slice(kept).map(({ id }) => id))
      await master.kill()
      way.lead(replica.port)
      world.publish()
      await world.confirmMore(50)
      await world.stopPublishing()
      await world.allHaveTheLast()
      world.expectNoFaults()
      for (const { seen, resets, drops } of world.readers) {
        expect({ resets, drops }).toEqual({ resets: ['lost'], drops: 0 })
        const after = seen.slice(seen.findIndex((each) => 'reset' in each))
        expect(after.filter((each) => 'id' in each && lost.has(each.id))).toEqual([])
      }
    })

    test('G2 G3 a machine killed while 200 pages read: each page goes on at another machine, and misses nothing', async () => {
      const redis = await startRedis()
      const world = await startWorld(redis.port)
      await world.read(200)
      world.publish()
      await world.confirmMore(50)
      // Messages that the dying machine had not confirmed do not count.
      await world.stopPublishing()
      const [doomed, other] = world.machines
      const burst = other?.burst(0, 500)
      await doomed?.kill()
      for (const id of (await burst) ?? []) world.publishedById.set(id, String(world.publishedById.size - 50))
      world.publish()
      await world.confirmMore(50)
      await world.stopPublishing()
      await world.allHaveTheLast()
      world.publishedById.clear()
      for (const { id, data } of world.confirmed) world.publishedById.set(id, data)
      world.expectNoFaults()
      for (const { resets, messages } of world.readers) {
        expect(resets).toEqual([])
        expect(messages).toHaveLength(world.confirmed.length + 500)
      }
      expect(world.readers.filter(({ drops }) => drops > 0).length).toBeGreaterThan(50)
    })
  })
}
