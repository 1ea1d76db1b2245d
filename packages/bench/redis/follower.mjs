// node follower.mjs <port of Redis> <channel> <count>
// Opens connections that subscribe to a Redis channel and ignore its messages.
import { connect } from './clients.mjs'

const [port, channel, count] = process.argv.slice(2)
for (let number = 0; number < Number(count); number++) {
  const client = await connect('redis', Number(port))
  await client.subscribe(channel, () => {})
}
process.stdin.on('close', () => process.exit()).resume()
console.log('{}')
