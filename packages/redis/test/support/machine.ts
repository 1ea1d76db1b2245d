import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { ChannelOptions } from '@tidings/core'

/** The answer of a machine's `publish`: an id, or the code of the rejection. */
export interface Published {
  readonly id?: string
  readonly code?: string
}

/** A server process of one test. */
export class Machine {
  readonly port: number
  readonly #process: ChildProcess
  readonly #answers = new Map<number, (answer: never) => void>()
  #asked = 0
  stderr = ''

  private constructor(child: ChildProcess, port: number) {
    this.#process = child
    this.port = port
    child.on('message', ({ number, answer }: { number: number; answer: never }) => {
      this.#answers.get(number)?.(answer)
      this.#answers.delete(number)
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
  }

  /**
   * @param log options of its log
   * @param release the release of Tidings that it runs
   * @param channel options of its channel
   */
  static async start(
    redisPort: number,
    library: 'redis' | 'ioredis',
    name: string,
    log: object = {},
    release: 'first' | 'this' = 'this',
    channel: ChannelOptions = {},
  ): Promise<Machine> {
    const child = fork(fileURLToPath(new URL('../fixtures/machine.mjs', import.meta.url)), {
      env: {
        ...process.env,
        REDIS_PORT: String(redisPort),
        LIBRARY: library,
        NAME: name,
        LOG: JSON.stringify(log),
        RELEASE: release,
        CHANNEL: JSON.stringify(channel),
      },
      execArgv: ['--unhandled-rejections=strict'],
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    })
    const [{ port }] = (await once(child, 'message')) as [{ port: number }]
    return new Machine(child, port)
  }

  get isAlive(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null
  }

  publish(data: string, options: { topic?: string | readonly string[]; keep?: false; key?: string; idempotencyKey?: string } = {}): Promise<Published> {
    return this.#ask('publish', { data, ...options })
  }

  /** Publishes `count` messages in one turn: `from`, `from + 1` and so on. Resolves to ids or codes of rejections. */
  async burst(from: number, count: number): Promise<string[]> {
    const { ids } = await this.#ask<{ ids: string[] }>('burst', { from, count })
    return ids
  }

  /** The data of the first messages that are kept, as `messages()` gives it. */
  read(count: number): Promise<unknown[]> {
    return this.#ask('read', count)
  }

  errors(): Promise<{ stage: string; code: string; message: string }[]> {
    return this.#ask('errors')
  }

  subscribers(): Promise<number> {
    return this.#ask('subscribers')
  }

  /** The share of a core that it uses during a time, in milliseconds. */
  async cpuShare(milliseconds: number): Promise<number> {
    const used = ({ user, system }: NodeJS.CpuUsage): number => (user + system) / 1_000
    const before = used(await this.#ask('cpu'))
    const began = performance.now()
    await new Promise((resolve) => setTimeout(resolve, milliseconds))
    return (used(await this.#ask('cpu')) - before) / (performance.now() - began)
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    if (!this.isAlive) return
    this.#process.kill('SIGKILL')
    await once(this.#process, 'exit')
  }

  #ask<Answer>(ask: string, value?: unknown): Promise<Answer> {
    const number = ++this.#asked
    this.#process.send({ number, ask, value })
    return new Promise((resolve) => this.#answers.set(number, resolve))
  }
}
