import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'
import { workerdConfig } from './workerd-config.ts'

export type ServerName = 'node' | 'bun' | 'deno' | 'workerd' | 'workerd-object'

/** A server of one runtime, in a separate process. */
export interface RunningServer {
  url: string
  /** All output of the process so far. Runtimes print uncaught errors there. */
  readonly output: string
  close(): Promise<void>
}

const inFolder = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url))

/** @param executable the path of the runtime */
export async function startServer(name: ServerName, executable: string): Promise<RunningServer> {
  const folder = await mkdtemp(join(tmpdir(), 'tidings-runtime-'))
  const program = inFolder(`servers/${name}.js`)
  const child = name.startsWith('workerd')
    ? // It reports its port on a separate descriptor.
      spawn(executable, ['serve', await bundledFor(name, program, folder), '--control-fd=3'], { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] })
    : spawn(executable, [...(name === 'deno' ? ['run', '-A'] : []), program], { stdio: ['ignore', 'pipe', 'pipe'] })
  const endWithUs = (): void => void child.kill('SIGKILL')
  process.once('exit', endWithUs)

  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const port = await portOf(child, () => output)
  return {
    url: `http://127.0.0.1:${port}`,
    get output() {
      return output
    },
    async close() {
      const exited = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined
      child.kill('SIGKILL')
      await exited
      process.off('exit', endWithUs)
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Bundles the app into one file with a configuration beside it, since workerd takes no folder of modules. */
async function bundledFor(name: string, input: string, folder: string): Promise<string> {
  const bundle = await rolldown({ input, platform: 'neutral', logLevel: 'warn' })
  await bundle.write({ file: join(folder, 'worker.js'), format: 'esm' })
  await bundle.close()
  const config = join(folder, 'config.capnp')
  await writeFile(config, workerdConfig({ object: name === 'workerd-object' }))
  return config
}

/** The first port that the runtime reports, on stdout or on the control descriptor. */
function portOf(child: ChildProcess, output: () => string): Promise<number> {
  return new Promise((resolve, reject) => {
    let told = ''
    for (const stream of [child.stdout, child.stdio[3]] as Array<Readable | null | undefined>) {
      stream?.on('data', (text: string | Uint8Array) => {
        told += text
        const port = /listening at (\d+)|"port":(\d+)/.exec(told)
        if (port) resolve(Number(port[1] ?? port[2]))
      })
    }
    child.once('error', reject)
    child.once('exit', (code, signal) => reject(new Error(`ended with ${code ?? signal} before it listened\n${output()}`)))
  })
}
