import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'

/** How a child ended. */
export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
}

/** A child process that does not outlive the tests. */
export class Child {
  readonly exited: Promise<Exit>
  stdout = ''
  stderr = ''
  readonly #process: ChildProcess
  readonly #endWithUs = (): void => this.signal('SIGKILL')

  constructor(command: string, args: readonly string[], options: SpawnOptions = {}) {
    this.#process = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
    })
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    // Not 'exit': 'close' comes after both outputs were read to their end.
    this.exited = once(this.#process, 'close').then(([code, signal]) => ({ code, signal }))
    this.exited.catch(() => {})
    process.once('exit', this.#endWithUs)
  }

  /** Resolves with the first match in an output. Rejects with the whole output if the child exits before. */
  async says(output: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpExecArray> {
    const ended = this.exited.then((exit) => {
      throw new Error(`exited with ${exit.code ?? exit.signal} before it said ${pattern}\n${this.stdout}${this.stderr}`)
    })
    ended.catch(() => {})
    for (;;) {
      const match = pattern.exec(this[output])
      if (match) return match
      await Promise.race([once(this.#process[output] as NodeJS.ReadableStream, 'data'), ended])
    }
  }

  signal(name: NodeJS.Signals): void {
    if (this.#process.exitCode === null && this.#process.signalCode === null) this.#process.kill(name)
  }

  /** Ends it by SIGTERM, and after two seconds by SIGKILL. Does nothing to a child that has ended. */
  async end(): Promise<void> {
    this.signal('SIGTERM')
    const patience = setTimeout(() => this.signal('SIGKILL'), 2_000)
    await this.exited.catch(() => {})
    clearTimeout(patience)
    process.off('exit', this.#endWithUs)
  }
}
