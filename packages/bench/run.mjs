// node packages/bench/run.mjs [encode] [idle] [heartbeat] [--rounds n] [--readme]
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { encode } from './lib/encode.mjs'
import { heartbeat } from './lib/heartbeat.mjs'
import { idle } from './lib/idle.mjs'

const PARTS = { encode, idle, heartbeat }
const PEERS = ['better-sse', 'hono', 'h3', 'eventsource-encoder', '@fastify/sse', 'express']
const README = new URL('README.md', import.meta.url)

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string' }, readme: { type: 'boolean', default: false } },
})
const parts = positionals.length > 0 ? positionals : Object.keys(PARTS)
const unknown = parts.find((part) => !Object.hasOwn(PARTS, part))
if (unknown !== undefined) throw new Error(`${unknown} is not a part; there are ${Object.keys(PARTS).join(', ')}`)

show('machine', machine())
for (const part of parts) show(part, await PARTS[part](values.rounds === undefined ? {} : { rounds: Number(values.rounds) }))

function show(part, text) {
  console.log(`## ${part}\n\n${text}\n`)
  if (!values.readme) return
  const readme = readFileSync(README, 'utf8')
  const section = new RegExp(`(<!-- ${part} -->\n)[\\s\\S]*?(<!-- /${part} -->)`)
  writeFileSync(
    README,
    readme.replace(section, (_, begin, end) => `${begin}\n${text}\n\n${end}`),
  )
}

function machine() {
  const { resolve } = createRequire(import.meta.url)
  const versions = PEERS.map((peer) => `${peer} ${versionOf(resolve(peer), peer)}`)
  return `${cpus().length} cores (${cpus()[0]?.model.trim() ?? 'unknown'}), Node ${process.versions.node}, ${process.platform}; ${versions.join(', ')}.`
}

/** Reads the package.json by its path, since not every package exports it. */
function versionOf(entry, peer) {
  const end = entry.lastIndexOf(`node_modules/${peer}/`) + `node_modules/${peer}`.length
  return JSON.parse(readFileSync(`${entry.slice(0, end)}/package.json`, 'utf8')).version
}
