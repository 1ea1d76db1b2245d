// node counting-reader.mjs <port>: asks for a response, reads it once its parent says so, and tells how many bytes
// there were. With a process id, it stops that process first, and lets it go on after so many milliseconds.
import { request } from 'node:http'

request({ port: process.argv[2], host: '127.0.0.1' }, (res) => {
  let count = 0
  process.once('message', ({ stop, milliseconds }) => {
    if (stop) {
      const goOn = () => process.kill(stop, 'SIGCONT')
      process.kill(stop, 'SIGSTOP')
      setTimeout(goOn, milliseconds)
      // However this one ends.
      process.on('exit', goOn)
    }
    res.on('data', (chunk) => {
      count += chunk.length
    })
  })
  res.on('close', () => process.send(count, () => process.disconnect()))
}).end()
