import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { BINARIES } from '../../../../scripts/requirements.ts'
import { until } from './reader.ts'
import { freePort, RedisServer } from './redis-server.ts'

/** The sentinel's name of its master. */
export const MASTER = 'main'

/** A master, its replica, and a sentinel that promotes the replica. */
export class RedisSentinel {
  readonly port: number
  readonly servers: readonly [RedisServer, RedisServer]
  readonly #folder: string
  readonly #process: ChildProcess
  readonly #client: Redis

  private constructor(port: number, folder: string, servers: readonly [RedisServer, RedisServer]) {
    this.port = port
    this.servers = servers
    this.#folder = folder
    this.#process = spawn(BINARIES['redis-server'], [join(folder, 'sentinel.conf'), '--sentinel'], { stdio: 'ignore' })
    this.#client = new Redis(port)
    this.#client.on('error', () => {})
  }

  static async start(): Promise<RedisSentinel> {
    const master = await RedisServer.start()
    const replica = await RedisServer.start('--replicaof', `127.0.0.1 ${master.port}`, '--repl-diskless-sync-delay', '0')
    const port = await freePort()
    const folder = mkdtempSync(join(tmpdir(), 'tidings-sentinel-'))
    const lines = [
      `port ${port}`,
      `dir ${folder}`,
      `sentinel monitor ${MASTER} 127.0.0.1 ${master.port} 1`,
      `sentinel down-after-milliseconds ${MASTER} 2000`,
      `sentinel failover-timeout ${MASTER} 2000`,
    ]
    writeFileSync(join(folder, 'sentinel.conf'), lines.join('\n'))
    const sentinel = new RedisSentinel(port, folder, [master, replica])
    await until(
      async () => String(await sentinel.run('SENTINEL', 'REPLICAS', MASTER)).includes('master-link-status,ok'),
      () => 'the sentinel knows the replica',
      30_000,
    )
    return sentinel
  }

  /** Runs a command on the sentinel. */
  run(name: string, ...args: string[]): Promise<unknown> {
    return this.#client.call(name, ...args)
  }

  /** The port of the current master. */
  async master(): Promise<number> {
    const [, port] = (await this.run('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER)) as [string, string]
    return Number(port)
  }

  /**
   * Makes the first master a replica of the second, and cuts its clients. The sentinel does the same some ten seconds
   * after it has named the new master.
   */
  async demote(): Promise<void> {
    const [{ port }, master] = this.servers
    const client = new Redis(port)
    try {
      await client.call('REPLICAOF', '127.0.0.1', String(master.port))
      for (const type of ['normal', 'pubsub']) await client.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes')
    } finally {
      client.disconnect()
    }
  }

  async stop(): Promise<void> {
    this.#client.disconnect()
    if (this.#process.exitCode === null) {
      this.#process.kill('SIGKILL')
      await once(this.#process, 'exit')
    }
    for (const server of this.servers) await server.stop()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
