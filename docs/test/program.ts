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

/** What a program of a page gets from its test. */
export interface Surroundings {
  /** The files beside it, by name. */
  files?: Readonly<Record<string, string>>
  env?: Readonly<Record<string, string>>
}

/** Runs a block with a server as a user would. Resolves once it listens. */
export async function start(block: Block, surroundings: Surroundings = {}): Promise<Program> {
  const program = run(block, surroundings)
  const port = await new Promise<number>((resolve, reject) => {
    program.process.once('message', (message) => resolve((message as { port: number }).port))
    program.process.once('exit', (code) => reject(new Error(`${block.page}:${block.line} ended with ${code} before it listened: ${program.errors()}`)))
  })
  // Otherwise the channel would keep the program alive.
  program.process.disconnect()
  return { ...program, origin: `http://localhost:${port}` }
}

/** Runs a block as a user would: saved as a file, with other files beside it. */
export function run(block: Block, { files = {}, env = {} }: Surroundings = {}): Omit<Program, 'origin'> {
  const directory = newDirectory('program')
  for (const [name, text] of Object.entries({ ...files, 'program.mjs': block.code })) writeFileSync(`${directory}/${name}`, text)
  const child = fork(`${directory}/program.mjs`, {
    cwd: directory,
    env: { ...process.env, ...env },
    execArgv: ['--import', new URL('any-port.mjs', import.meta.url).href],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  let errors = ''
  child.stderr?.on('data', (chunk) => {
    errors += chunk
  })
  return {
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
