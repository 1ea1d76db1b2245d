// Raw TCP clients that read a response and count its bytes: node clients.mjs <port>
import { connect } from 'node:net'

const port = Number(process.argv[2])
const REQUEST = 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\nConnection: keep-alive\r\n\r\n'
const AT_ONCE = 100
const scratch = Buffer.allocUnsafe(65_536)
const sockets = new Set()
let bytes = 0
let lost = 0

process.on('message', async ({ ask, id, ...question }) => process.send({ id, answer: await ANSWERS[ask](question) }))
// The parent process has ended.
process.on('disconnect', () => process.exit())
process.send({})

const ANSWERS = {
  /** Opens connections until there are `count`, and waits for the first bytes of each. */
  async open({ count }) {
    let next = sockets.size
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        while (next < count) {
          next++
          await openOne()
        }
      }),
    )
    return sockets.size
  },

  async close() {
    await Promise.all([...sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve).destroy())))
    lost = 0
  },

  received: () => ({ bytes, lost }),
}

function openOne() {
  return new Promise((resolve, reject) => {
    const onread = {
      buffer: scratch,
      callback(length) {
        bytes += length
        resolve()
        return true
      },
    }
    const socket = connect({ host: '127.0.0.1', port, onread }, () => socket.write(REQUEST))
    sockets.add(socket)
    socket.on('error', reject)
    socket.on('close', () => {
      sockets.delete(socket)
      lost++
    })
  })
}
