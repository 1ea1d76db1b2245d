import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

// Milliseconds.
const ABSENCE = 1_000
const PATIENCE = 5_000

/** A server process. It is started again on the same port a second after it has ended. */
export class Machine {
  port = 0
  #name
  #env
  #process
  #return
  #stopping = false

  /**
   * @param {string} name
   * @param {NodeJS.ProcessEnv} env
   */
  constructor(name, env) {
    this.#name = name
    this.#env = env
  }

  /** Resolves once it listens for the first time. */
  start() {
    return new Promise((resolve) => this.#run(resolve))
  }

  async stop() {
    this.#stopping = true
    clearTimeout(this.#return)
    const child = this.#process
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGTERM')
    const patience = setTimeout(() => child.kill('SIGKILL'), PATIENCE)
    await once(child, 'exit')
    clearTimeout(patience)
  }

  #run(onListening) {
    const file = fileURLToPath(new URL(`${this.#name}-machine.js`, import.meta.url))
    // In its own process group, like a service.
    this.#process = fork(file, { env: { ...process.env, ...this.#env, PORT: String(this.port) }, detached: true })
    this.#process.once('message', ({ port }) => {
      this.port = port
      console.log(`${this.#name} serves on port ${port}, as process ${this.#process.pid}`)
      onListening?.()
    })
    this.#process.once('exit', (code, signal) => {
      if (this.#stopping) return
      console.log(`${this.#name} has ended with ${signal ?? code}, and starts again in a second`)
      this.#return = setTimeout(() => this.#run(onListening), ABSENCE)
    })
  }
}
