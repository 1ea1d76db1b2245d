import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const ANSWER_WITHIN = 60_000
// Each connection is a file on both sides, and the usual limit is 1,024.
const WITH_FILES = 'ulimit -n 20000 2>/dev/null || ulimit -n "$(ulimit -H -n)"; exec "$0" "$@"'

/** Starts a server and clients, runs `use(server, clients)`, and always ends both. `script` is the server's. */
export async function withServer(variant, serverArguments, use, script = file('server.mjs')) {
  const started = []
  try {
    const server = await start(started, ['--expose-gc', script, variant, ...serverArguments])
    const clients = await start(started, [file('clients.mjs'), String(server.ready.port)])
    return await use(server, clients)
  } finally {
    await Promise.all(started.map(stop))
  }
}

async function start(started, nodeArguments) {
  const options = { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }
  const child =
    process.platform === 'win32'
      ? spawn(process.execPath, nodeArguments, options)
      : spawn('sh', ['-c', WITH_FILES, process.execPath, ...nodeArguments], options)
  started.push(child)
  const failed = new Promise((_, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => reject(new Error(`${nodeArguments.join(' ')} ended with ${signal ?? code}`)))
  })
  // Reported only to a pending ask().
  failed.catch(() => {})
  let asked = 0
  const answer = (matches) => Promise.race([failed, answerOf(child, matches)])
  const ready = await answer(() => true)
  return {
    ready,
    async ask(ask, question) {
      const id = ++asked
      child.send({ ...question, ask, id })
      return (await answer((message) => message.id === id)).answer
    },
  }
}

async function answerOf(child, matches) {
  const signal = AbortSignal.timeout(ANSWER_WITHIN)
  for (;;) {
    const [message] = await once(child, 'message', { signal }).catch((cause) => {
      throw new Error(`No answer from ${child.spawnargs.join(' ')} within ${ANSWER_WITHIN / 1000} s`, { cause })
    })
    if (matches(message)) return message
  }
}

async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

const file = (name) => fileURLToPath(new URL(name, import.meta.url))
