// The floor of a delivery by Redis: XADD and XREAD alone. node raw.mjs <port of Redis>
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { connect } from './clients.mjs'

const port = Number(process.argv[2])
const [writer, reader] = [await connect('redis', port), await connect('redis', port)]
const stream = 'raw'
await writer.del(stream)

/** Measures the time from when a message was due until it was read. */
async function latency({ perSecond, ms }) {
  const count = Math.round((perSecond * ms) / 1000)
  const interval = 1000 / perSecond
  const began = performance.now()
  const took = []
  const reading = (async () => {
    for (let last = '0'; took.length < count; ) {
      const reply = await reader.sendCommand(['XREAD', 'BLOCK', '5000', 'COUNT', '1000', 'STREAMS', stream, last])
      // RESP3 answers with a map, RESP2 with a list of pairs.
      const entries = Array.isArray(reply) ? reply[0][1] : Object.values(reply)[0]
      for (const [id, [, due]] of entries) {
        took.push(performance.now() - Number(due))
        last = id
      }
    }
  })()
  for (let next = 0; next < count; next++) {
    await delay(Math.max(0, began + next * interval - performance.now()))
    writer.sendCommand(['XADD', stream, 'MAXLEN', '~', '10000', '*', 'due', String(began + next * interval), 'm', 'x'.repeat(100)])
  }
  await reading
  took.sort((a, b) => a - b)
  return { p50: took[Math.floor(count / 2)], p99: took[Math.floor(count * 0.99)] }
}

createInterface({ input: process.stdin })
  .on('line', async (line) => console.log(JSON.stringify(await latency(JSON.parse(line)))))
  .on('close', () => process.exit())
console.log('{}')
