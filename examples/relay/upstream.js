// Stands in for https://stream.wikimedia.org/v2/stream/recentchange. It sends a sample, with the same events and ids,
// and the same way to resume.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { openEventStream } from '@tidings/core/node'

const sample = readFileSync(new URL('sample.ndjson', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line))

const KEPT = 1_000

/** Makes changes when it is told to. */
export class Upstream {
  #happened = 0
  /** The last changes. */
  #changes = []
  #readers = new Set()
  #server = createServer((req, res) => this.#open(req, res))

  /** The number of present readers. */
  get readers() {
    return this.#readers.size
  }

  /** The next change happens. */
  change() {
    const number = this.#happened++
    const round = Math.floor(number / sample.length)
    const { meta, ...change } = sample[number % sample.length]
    const at = Date.parse(meta.dt) + round * 3_600_000
    const event = {
      ...change,
      id: change.id + round * sample.length,
      timestamp: Math.floor(at / 1_000),
      meta: { ...meta, id: `${meta.id}-${round}`, dt: new Date(at).toISOString(), offset: number },
    }
    const id = JSON.stringify([{ topic: meta.topic, partition: 0, timestamp: at }])
    const message = { id, data: event }
    this.#changes.push({ at, message })
    if (this.#changes.length > KEPT) this.#changes.shift()
    for (const { stream } of this.#readers) stream.send(message)
  }

  /** Sends an event that cannot be parsed. */
  garble() {
    for (const { stream } of this.#readers) stream.send('no JSON')
  }

  /** Cuts all connections. Bytes that are on their way are lost. */
  drop() {
    for (const { res } of this.#readers) res.destroy()
    this.#readers.clear()
  }

  /** @param {number} [port] */
  listen(port = 0) {
    return new Promise((resolve) => {
      this.#server.listen(port, '127.0.0.1', () => resolve(`http://127.0.0.1:${this.#server.address().port}/`))
    })
  }

  close() {
    this.drop()
    this.#server.close()
  }

  #open(req, res) {
    const stream = openEventStream(req, res, { retry: 500 })
    // A position is a time, so a client that resumes gets the changes of the last millisecond again.
    const [position] = stream.lastEventId ? JSON.parse(stream.lastEventId) : []
    if (position) for (const { at, message } of this.#changes) if (at >= position.timestamp) stream.send(message)
    const reader = { stream, res }
    this.#readers.add(reader)
    stream.onClose(() => this.#readers.delete(reader))
  }
}
