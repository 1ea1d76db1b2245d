// node --expose-gc keeper.mjs <port of Redis> <redis|ioredis> <name>
// Follows many logs and keeps many messages.
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { createChannel } from '@tidings/core'
import { redisLog } from '@tidings/redis'
import { connect } from './clients.mjs'

const [port, library, name] = process.argv.slice(2)
const CHANNELS = 10_000
const MESSAGES = 10_000
const client = await connect(library, Number(port))
const send = (...command) => (library === 'ioredis' ? client.call(...command) : client.sendCommand(command))
const info = async (section, field) => Number(new RegExp(`${field}:([0-9.]+)`).exec(String(await send('INFO', section)))?.[1])

async function heapUsed() {
  for (let round = 0; round < 3; round++) {
    await delay(50)
    globalThis.gc()
  }
  return process.memoryUsage().heapUsed
}

async function run() {
  const heapBefore = await heapUsed()
  const redisBefore = await info('memory', 'used_memory')
  const clientsBefore = await info('clients', 'connected_clients')
  const began = performance.now()
  const logs = Array.from({ length: CHANNELS }, (_, index) => redisLog(client, `${library} ${name} ${index}`))
  const channels = logs.map((log) => createChannel({ log }))
  await Promise.all(logs.map((log) => log.read(0, 1)))
  const opened = performance.now() - began
  const heap = ((await heapUsed()) - heapBefore) / 1024 / channels.length
  const meta = ((await info('memory', 'used_memory')) - redisBefore) / 1024 / channels.length
  const connections = (await info('clients', 'connected_clients')) - clientsBefore

  const messagesBefore = await info('memory', 'used_memory')
  const published = Array.from({ length: MESSAGES }, () => channels[0].publish('x'.repeat(100)))
  await Promise.all(published)
  const message = ((await info('memory', 'used_memory')) - messagesBefore) / MESSAGES
  return { heap, opened, connections, meta, message }
}

createInterface({ input: process.stdin })
  .on('line', async () => console.log(JSON.stringify(await run())))
  .on('close', () => process.exit())
console.log('{}')
