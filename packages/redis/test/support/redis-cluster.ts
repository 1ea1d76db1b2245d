import { Redis } from 'ioredis'
import { until } from './reader.ts'
import { RedisServer } from './redis-server.ts'

const SLOTS = 16_384

/** Three masters without replicas, which is the smallest cluster. */
export class RedisCluster {
  readonly servers: readonly RedisServer[]
  readonly #clients: readonly Redis[]

  private constructor(servers: readonly RedisServer[]) {
    this.servers = servers
    this.#clients = servers.map(({ port }) => {
      const client = new Redis(port)
      client.on('error', () => {})
      return client
    })
  }

  static async start(): Promise<RedisCluster> {
    const options = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '1000', '--cluster-require-full-coverage', 'no']
    const cluster = new RedisCluster(await Promise.all([1, 2, 3].map(() => RedisServer.start(...options))))
    await cluster.#join()
    return cluster
  }

  get urls(): string[] {
    return this.servers.map(({ url }) => url)
  }

  /** Runs a command on one of the nodes. */
  run(node: number, name: string, ...args: string[]): Promise<unknown> {
    return (this.#clients[node] as Redis).call(name, ...args)
  }

  /** The number of the node that has a key. */
  async nodeOf(key: string): Promise<number> {
    const slot = Number(await this.run(0, 'CLUSTER', 'KEYSLOT', key))
    for (const node of this.servers.keys()) if (await this.#serves(node, slot)) return node
    throw new Error(`No node has the slot ${slot}`)
  }

  /** Moves the slot of a key, with all its keys, to another node, as in a cluster that grows. */
  async moveSlotOf(key: string, to: number): Promise<void> {
    const slot = String(await this.run(0, 'CLUSTER', 'KEYSLOT', key))
    const from = await this.nodeOf(key)
    const [source, target] = [await this.#idOf(from), await this.#idOf(to)]
    await this.run(to, 'CLUSTER', 'SETSLOT', slot, 'IMPORTING', source)
    await this.run(from, 'CLUSTER', 'SETSLOT', slot, 'MIGRATING', target)
    const keys = (await this.run(from, 'CLUSTER', 'GETKEYSINSLOT', slot, '1000')) as string[]
    const port = String(this.servers[to]?.port)
    if (keys.length > 0) await this.run(from, 'MIGRATE', '127.0.0.1', port, '', '0', '5000', 'KEYS', ...keys)
    for (const node of [to, from, ...this.servers.keys()]) await this.run(node, 'CLUSTER', 'SETSLOT', slot, 'NODE', target)
  }

  /** Moves the slot of a key to the node after the one that has it. */
  async moveOn(key: string): Promise<void> {
    await this.moveSlotOf(key, ((await this.nodeOf(key)) + 1) % this.servers.length)
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.disconnect()
    for (const server of this.servers) await server.stop()
  }

  async #join(): Promise<void> {
    const share = Math.ceil(SLOTS / this.servers.length)
    for (const [node, { port }] of this.servers.entries()) {
      const [first, last] = [node * share, Math.min((node + 1) * share, SLOTS) - 1]
      await this.run(node, 'CLUSTER', 'ADDSLOTSRANGE', String(first), String(last))
      await this.run(0, 'CLUSTER', 'MEET', '127.0.0.1', String(port))
    }
    const isWhole = async (node: number) => {
      const info = String(await this.run(node, 'CLUSTER', 'INFO'))
      return info.includes('cluster_state:ok') && info.includes('cluster_slots_ok:16384') && info.includes('cluster_known_nodes:3')
    }
    await until(
      async () => (await Promise.all([0, 1, 2].map(isWhole))).every(Boolean),
      () => 'the cluster is whole',
    )
  }

  async #idOf(node: number): Promise<string> {
    return String(await this.run(node, 'CLUSTER', 'MYID'))
  }

  async #serves(node: number, slot: number): Promise<boolean> {
    const ranges = (await this.run(node, 'CLUSTER', 'SLOTS')) as [number, number, [string, number]][]
    const { port } = this.servers[node] as RedisServer
    return ranges.some(([first, last, [, itsPort]]) => first <= slot && slot <= last && itsPort === port)
  }
}
