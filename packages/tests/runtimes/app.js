// The app that every runtime serves. It uses only Hono, Tidings and the fetch API, so one file runs everywhere.
import { createChannel } from '@tidings/core'
import { sse } from '@tidings/hono'
import { Hono } from 'hono'

const PIECE = 'x'.repeat(65_536)
// More than all socket buffers on the way to a reader hold, but little enough for the memory of a server without
// back-pressure.
const MOST_PIECES = 2_000
// Larger than any chunk that a runtime writes, with multi-byte characters that a chunk border can split.
const LONG = 'grün 🏀 '.repeat(20_000)

/** Makes an app that shares no channel and no record with other apps. */
export function makeApp() {
  const witnesses = new Map()
  const scores = createChannel({ history: { messages: 100 } })
  const app = new Hono()
  app.use(sse())

  /** Records the end of a stream under the name that the reader gave in the query. */
  function witness(c, stream) {
    const seen = { reasons: [], aborts: 0, pieces: 0, most: 0 }
    witnesses.set(c.req.query('name'), seen)
    stream.onClose(({ reason }) => seen.reasons.push(reason))
    stream.signal.addEventListener('abort', () => {
      seen.aborts++
    })
    return seen
  }

  app.get('/seen', (c) => c.json(witnesses.get(c.req.query('name')) ?? null))

  app.get('/open', (c) => {
    const heartbeat = Number(c.req.query('heartbeat'))
    return c.var.sse((stream) => void witness(c, stream), heartbeat ? { heartbeat } : {})
  })

  app.get('/whole', (c) =>
    c.var.sse(async (stream) => {
      stream.send({ event: 'goal', data: { minute: 12 }, id: '1' })
      stream.send(LONG)
      await stream.send({ data: 'a\nb', id: '2' })
      stream.close()
    }),
  )

  app.get('/last-event-id', (c) =>
    c.var.sse((stream) => {
      stream.send(stream.lastEventId)
      stream.close()
    }),
  )

  // This producer awaits each send. The one after it does not.
  app.get('/flood', (c) =>
    c.var.sse(async (stream) => {
      const seen = witness(c, stream)
      while (seen.pieces < MOST_PIECES && (await stream.send(PIECE))) {
        seen.pieces++
        seen.most = Math.max(seen.most, stream.bufferedAmount)
      }
    }),
  )
  app.get('/hurry', (c) =>
    c.var.sse((stream) => {
      witness(c, stream)
      for (let sent = 0; sent < 100; sent++) stream.send(PIECE)
    }),
  )

  app.post('/words', async (c) => {
    const words = (await c.req.text()).split(' ')
    return c.var.sse(async (stream) => {
      await stream.sendAll(words)
      stream.close()
    })
  })

  app.get('/scores', (c) => c.var.sse((stream) => void scores.subscribe(stream), { heartbeat: false }))
  app.post('/scores', async (c) => c.text(await scores.publish({ event: 'goal', data: await c.req.text() })))

  return app
}
