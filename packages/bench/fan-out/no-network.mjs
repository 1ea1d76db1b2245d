// node no-network.mjs [--uncounted]
// Opens 5,000 streams whose sockets accept every write and send nothing. Prints the CPU time of a write of ten
// messages, and of a call of metrics(), in nanoseconds.
import { IncomingMessage, ServerResponse } from 'node:http'
import { register } from 'node:module'
import { Duplex } from 'node:stream'
import { dataOf } from './messages.mjs'

if (process.argv.includes('--uncounted')) register('./without-counting.mjs', import.meta.url)
const { createChannel, metrics } = await import('@tidings/core')
const { openEventStream } = await import('@tidings/core/node')

const STREAMS = 5000
const MESSAGES = 10
let writes = 0

class Nowhere extends Duplex {
  bytesWritten = 0

  write() {
    writes++
    return true
  }
}

const channel = createChannel()
for (let number = 0; number < STREAMS; number++) {
  const socket = new Nowhere()
  const req = Object.assign(new IncomingMessage(socket), { method: 'GET', url: '/', httpVersionMajor: 1, httpVersionMinor: 1 })
  const res = new ServerResponse(req)
  res.assignSocket(socket)
  channel.subscribe(openEventStream(req, res))
}

let number = 0
async function burst() {
  const before = writes
  for (let message = 0; message < MESSAGES; message++) channel.publish(dataOf(++number))
  while (writes < before + STREAMS) await new Promise(setImmediate)
}

/** The CPU time of one call of `act`, in nanoseconds, as the mean of `count` calls. */
async function cost(count, act) {
  const before = process.cpuUsage()
  for (let index = 0; index < count; index++) await act()
  const { user, system } = process.cpuUsage(before)
  return ((user + system) * 1000) / count
}

await cost(300, burst)
await cost(100, metrics)
const write = (await cost(600, burst)) / STREAMS
console.log(JSON.stringify({ write, ask: await cost(300, metrics) }))
