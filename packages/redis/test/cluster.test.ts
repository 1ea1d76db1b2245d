import { randomUUID } from 'node:crypto'
import type { LogMessage } from '@tidings/core'
import { describeLog } from '@tidings/testing'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { describeWith } from '../../../scripts/requirements.ts'
import { type RedisLog, redisLog } from '../src/index.ts'
import { type AppClient, CLUSTER_LIBRARIES } from './support/clients.ts'
import { until } from './support/reader.ts'
import { RedisCluster } from './support/redis-cluster.ts'

const describe = describeWith('redis-server')

function message(data: string): LogMessage {
  return { block: `data: ${data}\n`, event: 'message', data, isText: true, topic: undefined, key: undefined }
}

describe('on a cluster', () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await RedisCluster.start()
  })
  afterAll(() => cluster.stop())

  describe.each(Object.entries(CLUSTER_LIBRARIES))('by way of %s', (name, connect) => {
    let apps: AppClient[]
    const opened: RedisLog[] = []
    /** A log on two machines, and the messages that the second one gets. */
    const openPair = async (id: string, options = {}): Promise<{ log: RedisLog; other: RedisLog; told: string[]; failures: unknown[] }> => {
      const [log, other] = apps.map(({ client }) => redisLog(client, id, { checkInterval: 200, ...options })) as [RedisLog, RedisLog]
      opened.push(log, other)
      const told: string[] = []
      const failures: unknown[] = []
      other.follow({ entry: ({ data }) => void told.push(data), failed: (error) => void failures.push(error) })
      await other.read(0, 1)
      return { log, other, told, failures }
    }
    beforeAll(async () => {
      apps = [await connect(cluster.urls), await connect(cluster.urls)]
    })
    afterEach(async () => {
      for (const log of opened.splice(0)) await log.close()
    })
    afterAll(() => {
      for (const { close } of apps) close()
    })

    describeLog({
      name: `redisLog on a cluster by way of ${name}`,
      create: (history) => redisLog((apps[0] as AppClient).client, randomUUID(), { history }),
      hasOwnClock: true,
    })

    test('G2 logs on all nodes of the cluster are followed, by one connection to each node', async () => {
      const clientsOf = async (): Promise<number> => {
        const lists = await Promise.all([0, 1, 2].map((node) => cluster.run(node, 'CLIENT', 'LIST', 'TYPE', 'pubsub')))
        return lists.flatMap((list) => String(list).trim().split('\n')).filter((line) => line.includes(' ssub=') && !line.includes(' ssub=0')).length
      }
      const pairs = await Promise.all(Array.from({ length: 30 }, () => openPair(randomUUID())))
      for (const { log } of pairs) await Promise.all([log.append(message('a')), log.append(message('b'))])
      await until(
        () => pairs.every(({ told }) => told.length === 2),
        () => `all are told: ${pairs.map(({ told }) => told.join('')).join()}`,
      )
      expect(pairs.map(({ told }) => told)).toEqual(pairs.map(() => ['a', 'b']))
      expect(await clientsOf()).toBe(3)
      for (const log of opened.splice(0)) await log.close()
      await until(
        async () => (await clientsOf()) === 0,
        () => 'the connections are closed with the last log',
      )
    })

    test('G3 a node that dies and comes back stops only its own logs, and they lose nothing', async () => {
      const ids = await namesOnAllNodes()
      const pairs = await Promise.all(ids.map((id) => openPair(id)))
      for (const { log } of pairs) await log.append(message('before'))
      const [dying, ...others] = pairs as [(typeof pairs)[number], ...typeof pairs]
      await cluster.servers[0]?.kill()
      const waiting = dying.log.append(message('while it was away'))
      for (const { log } of others) await log.append(message('meanwhile'))
      await until(
        () => others.every(({ told }) => told.length === 2) && dying.failures.length === 1,
        () => 'the others go on',
      )
      await cluster.servers[0]?.start()
      await waiting
      await until(
        () => dying.told.length === 2,
        () => `it goes on, too: ${dying.told}`,
      )
      expect(dying.told).toEqual(['before', 'while it was away'])
      expect(others.map(({ failures }) => failures)).toEqual(others.map(() => []))
    })

    test('G3 a slot that moves to another node takes its log with it', async () => {
      const id = randomUUID()
      const { log, told } = await openPair(id)
      await log.append(message('before'))
      await cluster.moveOn(`{${id}}:s`)
      for (const data of ['b', 'c', 'd', 'e', 'f']) {
        await log.append(message(data))
        await new Promise((resolve) => setTimeout(resolve, 150))
      }
      await until(
        () => told.length === 6,
        () => `all are told: ${told}`,
      )
      expect(told).toEqual(['before', 'b', 'c', 'd', 'e', 'f'])
    })

    async function namesOnAllNodes(): Promise<string[]> {
      const byNode = new Map<number, string>()
      while (byNode.size < 3) {
        const id = randomUUID()
        const node = await cluster.nodeOf(`{${id}}:s`)
        if (!byNode.has(node)) byNode.set(node, id)
      }
      return [0, 1, 2].map((node) => byNode.get(node) as string)
    }
  })
})
