// node publisher.mjs <port of Redis> <redis|ioredis> <publish|XADD> <name>
// Publishes as fast as Redis confirms.
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { createChannel } from '@tidings/core'
import { redisLog } from '@tidings/redis'
import { connect } from './clients.mjs'

const [port, library, how, name] = process.argv.slice(2)
// The number of unconfirmed messages of a fast publisher.
const WINDOW = 4_000
const client = await connect(library, Number(port))
const data = 'x'.repeat(100)
const send = (...command) => (library === 'ioredis' ? client.call(...command) : client.sendCommand(command))

const publishOne = {
  publish() {
    const channel = createChannel({ log: redisLog(client, `publish ${library} ${name}`) })
    return () => channel.publish(data)
  },
  // An entry has the same bytes, and the stream the same bound.
  XADD: () => () => send('XADD', `xadd ${library} ${name}`, 'MAXLEN', '~', '10000', '*', 'm', `["data: ${data}\\n",1,null,null]`),
}[how]()

/** @param perSecond the most messages a second; without it, there is no bound */
async function run({ messages, perSecond, ms }) {
  const engineBefore = await engineCpu()
  const began = performance.now()
  let sent = 0
  let confirmed = 0
  let resume = () => {}
  while (performance.now() - began < ms) {
    for (let count = 0; count < messages; count++) {
      sent++
      publishOne().then(() => {
        confirmed++
        resume()
      })
    }
    if (sent - confirmed > WINDOW)
      await new Promise((resolve) => {
        resume = () => sent - confirmed < WINDOW / 2 && resolve()
      })
    else if (perSecond === undefined) await new Promise(setImmediate)
    else await delay(Math.max(0, began + (sent / perSecond) * 1000 - performance.now()))
  }
  while (confirmed < sent) await new Promise(setImmediate)
  const took = (performance.now() - began) / 1000
  return { perSecond: sent / took, engine: (((await engineCpu()) - engineBefore) / took) * 100 }
}

/** The CPU time of Redis, in seconds. */
async function engineCpu() {
  const info = String(await send('INFO', 'cpu'))
  return ['used_cpu_sys', 'used_cpu_user'].reduce((sum, field) => sum + Number(new RegExp(`${field}:([0-9.]+)`).exec(info)?.[1]), 0)
}

createInterface({ input: process.stdin })
  .on('line', async (line) => console.log(JSON.stringify(await run(JSON.parse(line)))))
  .on('close', () => process.exit())
console.log('{}')
