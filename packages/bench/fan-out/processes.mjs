import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const ANSWER_WITHIN = 90_000
// Each connection is a file on both sides, and the usual limit is 1,024.
const WITH_FILES = 'ulimit -n 20000 2>/dev/null || ulimit -n "$(ulimit -H -n)"; exec "$0" "$@"'
const SERVER_CORE = 0
const LOAD_CORE = 1

const running = new Set()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))

/** Compiles the load and the floor, and returns their paths. */
export function compile() {
  const folder = mkdtempSync(join(tmpdir(), 'fan-out-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const build = (name) => {
    const binary = join(folder, name)
    execFileSync('gcc', ['-O2', '-Wall', '-Wextra', '-o', binary, file(`${name}.c`)], { stdio: 'inherit' })
    return binary
  }
  return { load: build('load'), floor: build('floor') }
}

/**
 * Starts a server and a load on a core each, runs `use(server, load)`, and always ends both. The load gets the flags
 * of `binaries` and `loadFlags`. `script` is the server's.
 */
export async function withServer({ node, binaries, variant, channels = 1, history = 10_000, flags = [], loadFlags = [], script = file('server.mjs') }, use) {
  const started = []
  try {
    const command = variant === 'floor' ? [binaries.floor] : [node, ...flags, script, variant, `${channels}`, `${history}`]
    const server = await start(started, SERVER_CORE, command, variant === 'floor' ? floorCommand : JSON.stringify)
    const load = await start(
      started,
      LOAD_CORE,
      [binaries.load, `${server.ready.port}`, `${server.ready.control}`, ...binaries.loadFlags, ...loadFlags],
      String,
    )
    return await use(server, load)
  } finally {
    await Promise.all(started.map(stop))
  }
}

/** Runs a script in a child process and returns the JSON that it prints. `flags` are Node's. */
export async function runScript(node, name, flags = [], args = []) {
  const started = []
  try {
    const { ready } = await start(started, SERVER_CORE, [node, ...flags, file(name), ...args], String)
    return ready
  } finally {
    await Promise.all(started.map(stop))
  }
}

export async function start(started, core, command, encode) {
  const pinned = cpus().length > 1 ? ['taskset', '-c', `${core}`, ...command] : command
  const child = spawn('sh', ['-c', WITH_FILES, ...pinned], { stdio: ['pipe', 'pipe', 'inherit'] })
  started.push(child)
  running.add(child)
  child.stdin.on('error', () => {})
  const failed = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`${command.join(' ')} ended with ${signal ?? code}`)
  })
  // Reported only to a pending ask().
  failed.catch(() => {})
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const answer = async () => {
    const { value, done } = await Promise.race([failed, lines.next(), timeout(command)])
    return done ? failed : JSON.parse(value)
  }
  return {
    ready: await answer(),
    ask(question) {
      child.stdin.write(`${encode(question)}\n`)
      return answer()
    },
  }
}

function timeout(command) {
  return new Promise((_, reject) => {
    const within = () => reject(new Error(`No answer from ${command.join(' ')} within ${ANSWER_WITHIN / 1000} s`))
    setTimeout(within, ANSWER_WITHIN).unref()
  })
}

export async function stop(child) {
  running.delete(child)
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

function floorCommand({ ask, messages, window, warmUp, ms }) {
  return `${ask} ${messages ?? window} ${warmUp} ${ms}`
}

const file = (name) => fileURLToPath(new URL(name, import.meta.url))
