import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const HERE = fileURLToPath(new URL('..', import.meta.url))

/** The example as `npm start` runs it, with its own temporary folder. */
export class Example {
  readonly #process: ChildProcess
  readonly #folder = mkdtempSync(join(tmpdir(), 'tidings-example-'))
  readonly #exited: Promise<unknown[]>
  /** Those that it had when it was last asked. */
  #children: number[] = []
  stdout = ''
  stderr = ''

  constructor(env: NodeJS.ProcessEnv = {}) {
    const { REDIS_URL: _, ...inherited } = process.env
    this.#process = spawn(process.execPath, ['start.js'], {
      cwd: HERE,
      env: { ...inherited, PORT: '0', PACE: '10', TMPDIR: this.#folder, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
    })
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    // 'close' comes after 'exit', when both outputs have been read to their end.
    this.#exited = once(this.#process, 'close')
  }

  /** Resolves once it has said this. */
  async says(pattern: RegExp): Promise<string> {
    for (;;) {
      const [found] = pattern.exec(this.stdout) ?? []
      if (found !== undefined) return found
      const ended = this.#exited.then(() => Promise.reject(new Error(`ended before it said ${pattern}: ${this.stdout}${this.stderr}`)))
      await Promise.race([once(this.#process.stdout as NodeJS.ReadableStream, 'data'), ended])
    }
  }

  /** Where the page is. */
  origin(): Promise<string> {
    return this.says(/http:\/\/localhost:\d+/)
  }

  /** Resolves to the exit code and signal. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<unknown[]> {
    if (this.#process.exitCode === null) this.children()
    this.#process.kill(signal)
    return this.exited()
  }

  exited(): Promise<unknown[]> {
    return this.#exited
  }

  /** Returns the processes and files that it should have cleaned up. Removes the folder. */
  left(): { processes: number[]; files: string[] } {
    const files = readdirSync(this.#folder)
    rmSync(this.#folder, { recursive: true })
    return { processes: this.#children.filter(isAlive), files }
  }

  /** Processes that it runs at present, in the order of their start. */
  children(): number[] {
    const { pid } = this.#process
    this.#children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
    return this.#children
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
