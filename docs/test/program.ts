import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Block } from './blocks.ts'

// Inside the package, so that imports resolve as they do for a user.
const DIRECTORY = fileURLToPath(new URL('../.artifacts/', import.meta.url))

/** Makes a directory for the files of a test. */
export function newDirectory(name: string): string {
  mkdirSync(DIRECTORY, { recursive: true })
  return mkdtempSync(`${DIRECTORY}${name}-`)
}

/** A program of a page in a child process. */
export interface Program {
  origin: string
  process: ChildProcess
  /** Its output on stderr so far. */
  errors(): string
  [Symbol.asyncDispose](): Promise<void>
}

/** Runs a block as a user would: saved as `server.mjs`, with `files` beside it. */
export async function start(block: Block, files: Readonly<Record<string, string>> = {}): Promise<Program> {
  const directory = newDirectory('program')
  for (const [name, text] of Object.entries({ ...files, 'server.mjs': block.code })) writeFileSync(`${directory}/${name}`, text)
  const child = fork(`${directory}/server.mjs`, {
    cwd: directory,
    execArgv: ['--import', new URL('any-port.mjs', import.meta.url).href],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  let errors = ''
  child.stderr?.on('data', (chunk) => {
    errors += chunk
  })
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', (message) => resolve((message as { port: number }).port))
    child.once('exit', (code) => reject(new Error(`${block.page}:${block.line} ended with ${code} before it listened: ${errors}`)))
  })
  // Otherwise the channel would keep the program alive.
  child.disconnect()
  return {
    origin: `http://localhost:${port}`,
    process: child,
    errors: () => errors,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL')
        await once(child, 'exit')
      }
      rmSync(directory, { recursive: true })
    },
  }
}
