import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export interface RunningServer {
  /** The address of its endpoint. */
  url: string
  /** Ends it as Ctrl-C does, and resolves to its exit code and the signal that killed it. */
  end(): Promise<unknown[]>
}

/** Starts the example as `npm start` does, on a free port. */
export async function startServer(env: Record<string, string> = {}, script = 'server.js'): Promise<RunningServer> {
  const cwd = fileURLToPath(new URL('..', import.meta.url))
  const child = spawn(process.execPath, [script], { cwd, env: { ...process.env, PORT: '0', RETRY: '200', ...env }, stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const [said] = await once(child.stdout, 'data')
  return {
    url: /http:\S+/.exec(String(said))?.[0] ?? '',
    end() {
      child.kill('SIGINT')
      return exited
    },
  }
}
