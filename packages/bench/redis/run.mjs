// node packages/bench/redis/run.mjs [delivery] [publish] [followers] [keep] [--rounds n] [--ms n] [--node path]
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { compile } from '../fan-out/processes.mjs'
import { connect } from './clients.mjs'
import { delivery } from './delivery.mjs'
import { followers } from './followers.mjs'
import { keep } from './keep.mjs'
import { publish } from './publish.mjs'

const PARTS = { delivery, publish, followers, keep }
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string' }, ms: { type: 'string' }, node: { type: 'string', default: process.execPath } },
})
const parts = positionals.length > 0 ? positionals : Object.keys(PARTS)
const unknown = parts.find((part) => !Object.hasOwn(PARTS, part))
if (unknown !== undefined) throw new Error(`${unknown} is not a part; there are ${Object.keys(PARTS).join(', ')}`)

const folder = mkdtempSync(join(tmpdir(), 'bench-redis-'))
const redis = await freePort()
const server = spawn('redis-server', ['--port', `${redis}`, '--dir', folder, '--save', '', '--appendonly', 'no'], { stdio: 'ignore' })
process.on('exit', () => {
  server.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})
await delay(500)
const client = await connect('redis', redis)
const version = /redis_version:([0-9.]+)/.exec(String(await client.sendCommand(['INFO', 'server'])))?.[1]
await client.close()

console.log(`Redis ${version}, Node ${execFileSync(values.node, ['--version'], { encoding: 'utf8' }).trim()}\n`)
const options = {
  node: values.node,
  load: compile().load,
  redis,
  ...(values.rounds && { rounds: Number(values.rounds) }),
  ...(values.ms && { ms: Number(values.ms) }),
}
for (const part of parts) console.log(`## ${part}\n\n${await PARTS[part](options)}\n`)
process.exit()

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })
}
