// Connections that are told what is published, and do nothing with it: node follower.mjs <port of Redis> <channel>
// <count>
import { connect } from './clients.mjs'

const [port, channel, count] = process.argv.slice(2)
for (let number = 0; number < Number(count); number++) {
  const client = await connect('redis', Number(port))
  await client.subscribe(channel, () => {})
}
process.stdin.on('close', () => process.exit()).resume()
console.log('{}')
