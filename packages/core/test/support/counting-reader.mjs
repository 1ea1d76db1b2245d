// Reads a response to its end, and tells how many bytes there were.
import { request } from 'node:http'

request({ port: process.argv[2], host: '127.0.0.1' }, (res) => {
  let count = 0
  res.on('data', (chunk) => {
    count += chunk.length
  })
  res.on('close', () => process.send(count, () => process.disconnect()))
}).end()
