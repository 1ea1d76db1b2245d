import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { BINARIES } from '../../../../scripts/requirements.ts'

/** A Redis for one test, on a free port, with a folder for its data. */
export class RedisServer {
  readonly port: number
  readonly #options: readonly string[]
  readonly #folder: string
  #process: ChildProcess | undefined

  private constructor(port: number, options: readonly string[]) {
    this.port = port
    this.#options = options
    this.#folder = mkdtempSync(join(tmpdir(), 'tidings-redis-'))
  }

  /** Starts a Redis that writes each command to disk before it answers, so that confirmed messages survive it. */
  static async start(...options: string[]): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), options)
    await server.start()
    return server
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  async start(): Promise<void> {
    const always = ['--port', String(this.port), '--dir', this.#folder, '--save', '', '--appendonly', 'yes', '--appendfsync', 'always']
    this.#process = spawn(BINARIES['redis-server'], [...always, ...this.#options], { stdio: 'ignore' })
    await answers(this.port)
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGCONT')
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  /** Stops it without notice to its clients. */
  freeze(): void {
    this.#process?.kill('SIGSTOP')
  }

  thaw(): void {
    this.#process?.kill('SIGCONT')
  }

  /** Deletes its data on disk. */
  loseData(): void {
    rmSync(join(this.#folder, 'appendonlydir'), { recursive: true, force: true })
    rmSync(join(this.#folder, 'dump.rdb'), { force: true })
  }

  async stop(): Promise<void> {
    await this.kill()
    // A child that rewrites the file may outlive it for a moment.
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
  }
}

/** A port that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

async function answers(port: number): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt++) {
    if (await pong(port)) return
    await pause(25)
  }
  throw new Error(`No Redis answers on port ${port}`)
}

function pong(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'))
    socket.once('data', (data) => {
      socket.destroy()
      resolve(String(data).startsWith('+PONG'))
    })
    socket.once('error', () => resolve(false))
  })
}
