import { fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { LogMessage } from '@tidings/core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { describeWith } from '../../../scripts/requirements.ts'
import { type RedisLog, redisLog } from '../src/index.ts'
import { type AppClient, CLUSTER_LIBRARIES, LIBRARIES } from './support/clients.ts'
import { until } from './support/reader.ts'
import { RedisCluster } from './support/redis-cluster.ts'
import { RedisServer } from './support/redis-server.ts'

const describe = describeWith('redis-server')
// No check finds a message within this time.
const DEAF = { checkInterval: 600_000 }

function message(data: string): LogMessage {
  return { block: `data: ${data}\n`, event: 'message', data, isText: true, topic: undefined, key: undefined }
}

/** Tests for the connections of every client. */
function proveConnections(apps: () => { app: AppClient; writer: AppClient }, received: () => Promise<number>): void {
  const opened: RedisLog[] = []
  const open = (name: string): RedisLog => {
    const log = redisLog(apps().app.client, name, DEAF)
    opened.push(log)
    return log
  }
  afterEach(async () => {
    for (const log of opened.splice(0)) await log.close()
  })

  test('G1 a log that is closed and at once opened again is followed', async () => {
    const name = randomUUID()
    // In a cluster these logs are on all nodes, so that the connection stays in use.
    for (let count = 0; count < 12; count++) {
      const other = open(randomUUID())
      other.follow({ entry: () => {} })
      await other.read(0, 1)
    }
    const source = redisLog(apps().writer.client, name, DEAF)
    opened.push(source)
    for (let round = 0; round < 10; round++) {
      const log = open(name)
      const told: string[] = []
      log.follow({ entry: ({ data }) => void told.push(data) })
      await log.read(0, 1)
      await source.append(message(`${round}`))
      await until(
        () => told.length === 1,
        () => `it hears of message ${round}`,
      )
      await log.close()
    }
  })

  test('G4 logs that are opened and closed one after the other share a connection', async () => {
    const visit = async (name: string): Promise<void> => {
      const log = open(name)
      log.follow({ entry: () => {} })
      await log.read(0, 1)
      await log.close()
    }
    const name = randomUUID()
    await visit(name)
    const before = await received()
    for (let request = 0; request < 110; request++) await visit(name)
    expect((await received()) - before).toBeLessThan(5)
  })
}

describe.each(Object.entries(LIBRARIES))('by way of %s', (_, connect) => {
  let server: RedisServer
  let observer: AppClient
  let app: AppClient
  let writer: AppClient
  beforeAll(async () => {
    server = await RedisServer.start()
    observer = await (LIBRARIES['ioredis 6'] as typeof connect)(server.url)
    app = await connect(server.url)
    writer = await connect(server.url)
  })
  afterAll(async () => {
    for (const { close } of [observer, app, writer]) close()
    await server.stop()
  })

  proveConnections(
    () => ({ app, writer }),
    async () => Number(/total_connections_received:(\d+)/.exec(String(await observer.run('INFO', 'stats')))?.[1]),
  )

  test('G4 closes an idle connection once the app has closed its client', async () => {
    const clients = async (): Promise<number> =>
      String(await observer.run('CLIENT', 'LIST', 'TYPE', 'normal'))
        .trim()
        .split('\n').length
    const before = await clients()
    const other = await connect(server.url)
    const log = redisLog(other.client, randomUUID())
    log.follow({ entry: () => {} })
    await log.read(0, 1)
    await log.close()
    await until(
      async () => (await clients()) === before + 2,
      () => 'it is kept',
    )
    other.close()
    await until(
      async () => (await clients()) <= before,
      () => 'it is closed',
    )
  })
})

describe.each(['redis', 'ioredis'])('a process with a client of %s', (library) => {
  test('G4 ends once it has closed its channel and its client, although an idle connection is kept for a while', async () => {
    const server = await RedisServer.start()
    const env = { ...process.env, REDIS_PORT: String(server.port), LIBRARY: library }
    const child = fork(fileURLToPath(new URL('./fixtures/closes.mjs', import.meta.url)), { env, execArgv: [] })
    try {
      const [word] = await once(child, 'message')
      expect(word).toBe('closed')
      const closedAt = performance.now()
      if (child.exitCode === null) await once(child, 'exit')
      expect(child.exitCode).toBe(0)
      // Otherwise it would end after 3 s or 30 s.
      expect(performance.now() - closedAt).toBeLessThan(2_500)
    } finally {
      child.kill('SIGKILL')
      await server.stop()
    }
  })
})

describe('on a cluster', () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await RedisCluster.start()
  })
  afterAll(() => cluster.stop())

  describe.each(Object.entries(CLUSTER_LIBRARIES))('by way of %s', (_, connect) => {
    let app: AppClient
    let writer: AppClient
    beforeAll(async () => {
      app = await connect(cluster.urls)
      writer = await connect(cluster.urls)
    })
    afterAll(() => {
      for (const { close } of [app, writer]) close()
    })

    proveConnections(
      () => ({ app, writer }),
      async () => {
        const infos = await Promise.all([0, 1, 2].map((node) => cluster.run(node, 'INFO', 'stats')))
        return infos.reduce<number>((sum, info) => sum + Number(/total_connections_received:(\d+)/.exec(String(info))?.[1]), 0)
      },
    )

    /** A log on two machines, and the messages and errors of the machine that follows it. */
    async function followed() {
      const name = randomUUID()
      const [log, source] = [redisLog(app.client, name, DEAF), redisLog(writer.client, name, DEAF)]
      const told: string[] = []
      const broken: number[] = []
      const failures: unknown[] = []
      log.follow({
        entry: ({ data }) => void told.push(data),
        breaking: (upTo) => void broken.push(upTo),
        failed: (error) => void failures.push(error),
      })
      await log.read(0, 1)
      return { name, log, source, told, broken, failures }
    }

    test('G3 a slot that moves takes its log with it: the next message comes within two seconds', async () => {
      const { name, log, source, told, failures } = await followed()
      for (let move = 0; move < 4; move++) {
        await cluster.moveOn(`{${name}}:s`)
        await source.append(message(`${move}`))
        await until(
          () => told.length === move + 1,
          () => `message ${move} after a move: ${told}`,
          2_000,
        )
      }
      expect(told).toEqual(['0', '1', '2', '3'])
      expect(failures).toEqual([])
      await Promise.all([log.close(), source.close()])
    })

    test('G3 slots that move while messages are published: each log is followed without a gap', async () => {
      const all = await Promise.all(Array.from({ length: 12 }, async () => ({ ...(await followed()), sent: 0 })))
      let isMoving = true
      const publishing = all.map(async (each) => {
        while (isMoving) {
          await each.source.append(message(`${each.sent++}`))
          await new Promise((resolve) => setTimeout(resolve, 5))
        }
      })
      for (const { name } of all) {
        await cluster.moveOn(`{${name}}:s`)
      }
      isMoving = false
      await Promise.all(publishing)
      await until(
        () => all.every(({ told, sent }) => told.length >= sent),
        () => all.map(({ told, sent }) => `${told.length} of ${sent}`).join(),
      )
      for (const { told, sent, broken } of all) {
        expect(told).toEqual(Array.from({ length: sent }, (_, index) => `${index}`))
        expect(broken).toEqual([])
      }
      for (const { log, source } of all) await Promise.all([log.close(), source.close()])
    })
  })
})
