import { spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface RunningServer {
  url: string
  /** Resolves as soon as the server has printed this line. */
  said(line: string): Promise<void>
  /** Ends it as Ctrl-C does, and resolves to its exit code and the signal that killed it. */
  end(): Promise<unknown[]>
}

/** Starts the example as `npm start` does, on a free port. */
export async function startServer(env: Record<string, string> = {}): Promise<RunningServer> {
  const cwd = fileURLToPath(new URL('..', import.meta.url))
  const child = spawn(process.execPath, ['server.js'], { cwd, env: { ...process.env, PORT: '0', PACE: '25', ...env }, stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const lines: string[] = []
  const printed = new EventEmitter()
  createInterface(child.stdout).on('line', (line) => {
    lines.push(line)
    printed.emit('line')
  })
  while (lines.length === 0) await once(printed, 'line')
  return {
    url: /http:\S+/.exec(lines[0] ?? '')?.[0] ?? '',
    async said(line) {
      while (!lines.includes(line)) await once(printed, 'line')
    },
    end() {
      child.kill('SIGINT')
      return exited
    },
  }
}
