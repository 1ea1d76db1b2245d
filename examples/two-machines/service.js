import { spawn } from 'node:child_process'
import { once } from 'node:events'

// Milliseconds.
const PATIENCE = 5_000
const MOST_OUTPUT = 2_000

/** A program that runs until it is stopped. */
export class Service {
  #name
  #process
  #exited
  #output = ''
  #stopping = false

  /**
   * @param {string} name
   * @param {string} command
   * @param {string[]} args
   * @param {(error: Error) => void} onEnd called when it ends by itself
   */
  constructor(name, command, args, onEnd) {
    this.#name = name
    // In its own process group, so that Ctrl-C reaches only the process that ends all others in order.
    this.#process = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    this.#exited = once(this.#process, 'close')
    this.#exited.catch(() => {}).then(() => this.#stopping || onEnd(this.#failure()))
    for (const output of [this.#process.stdout, this.#process.stderr]) {
      output.setEncoding('utf8').on('data', (text) => {
        this.#output = (this.#output + text).slice(-MOST_OUTPUT)
      })
    }
  }

  /**
   * Resolves once it has printed text that matches.
   * @param {RegExp} pattern
   */
  async says(pattern) {
    const failed = this.#exited.then(() => Promise.reject(this.#failure()))
    failed.catch(() => {})
    while (!pattern.test(this.#output)) {
      await Promise.race([once(this.#process.stdout, 'data'), once(this.#process.stderr, 'data'), failed])
    }
  }

  async stop() {
    this.#stopping = true
    this.#process.kill('SIGTERM')
    const patience = setTimeout(() => this.#process.kill('SIGKILL'), PATIENCE)
    await this.#exited.catch(() => {})
    clearTimeout(patience)
  }

  #failure() {
    return new Error(`${this.#name} has ended:\n${this.#output}`)
  }
}
