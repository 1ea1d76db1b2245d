// Starts a Redis, two machines that share a channel on it, and the nginx in front of them. At Ctrl-C it ends them all.
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findBinary } from './binaries.js'
import { freePort } from './free-port.js'
import { Machine } from './machine.js'
import { nginxConfig } from './nginx-config.js'
import { publishScores } from './publisher.js'
import { Service } from './service.js'

const PORT = Number(process.env.PORT ?? 3000)
const PACE = Number(process.env.PACE ?? 500)
const PAGES = fileURLToPath(new URL('public', import.meta.url))

const needed = process.env.REDIS_URL ? ['nginx'] : ['redis-server', 'nginx']
const missing = needed.filter((name) => !findBinary(name))
if (missing.length > 0) {
  console.error(`Not installed: ${missing.join(', ')}. On Debian or Ubuntu: sudo apt-get install ${missing.join(' ')}`)
  if (missing.includes('redis-server')) console.error('Or have REDIS_URL name a Redis that runs: REDIS_URL=redis://localhost:6379 npm start')
  process.exit(1)
}

const folder = await mkdtemp(join(tmpdir(), 'tidings-two-machines-'))
/** The running processes, in the order in which they are ended. */
const running = { machines: [], services: [] }
const ending = new AbortController()

async function end(error) {
  if (ending.signal.aborted) return
  ending.abort()
  if (error) {
    console.error(error.message)
    process.exitCode = 1
  }
  await Promise.all(running.machines.map((machine) => machine.stop()))
  await Promise.all(running.services.map((service) => service.stop()))
  await rm(folder, { recursive: true, force: true })
}

// SIGHUP: the terminal was closed.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => end())

/** @param {string} name @param {string[]} args @param {RegExp} ready matches its output once it serves */
async function startService(name, args, ready) {
  ending.signal.throwIfAborted()
  const service = new Service(name, findBinary(name), args, end)
  running.services.push(service)
  await service.says(ready)
}

/** @param {string} name @param {NodeJS.ProcessEnv} env */
async function startMachine(name, env) {
  ending.signal.throwIfAborted()
  const machine = new Machine(name, env)
  running.machines.push(machine)
  await machine.start()
  return machine.port
}

async function startRedis() {
  const port = await freePort()
  await startService('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', ''], /Ready to accept/)
  return `redis://127.0.0.1:${port}`
}

async function start() {
  // A new log for each start, since scores are numbered from 1.
  const env = { REDIS_URL: process.env.REDIS_URL || (await startRedis()), LOG: `scores-${randomUUID()}` }
  const [expressPort, honoPort] = await Promise.all(['express', 'hono'].map((name) => startMachine(name, env)))
  const port = await freePort(PORT)
  await writeFile(join(folder, 'nginx.conf'), nginxConfig({ port, expressPort, honoPort, pages: PAGES }))
  await startService('nginx', ['-p', folder, '-c', 'nginx.conf', '-e', 'stderr'], /\[notice\].*nginx\//)
  console.log(`Two machines, one address: http://localhost:${port}`)
  await publishScores(`http://127.0.0.1:${port}`, PACE, ending.signal)
}

start().catch((error) => end(error))
