import { expect, test } from 'vitest'
import { SinkStream } from '../src/lib/stream/sink-stream.ts'
import { resolveOptions, type StreamOptions } from '../src/lib/stream/stream-options.ts'
import { ended, HeldSink, openStream } from './support/held-sink.ts'

/** A response with a `write` that was wrapped badly. */
class ThrowingSink extends HeldSink {
  throws = false

  override write(frames: string | Uint8Array): boolean {
    if (this.throws) throw new Error('wrapped badly')
    return super.write(frames)
  }
}

function openOnThrowing(options: StreamOptions): { stream: SinkStream; sink: ThrowingSink } {
  const stream = new SinkStream(resolveOptions({ heartbeat: false, ...options }), '')
  const sink = new ThrowingSink(stream)
  stream.open(sink)
  sink.throws = true
  return { stream, sink }
}

test('C7 a transport that throws at a write ends its own stream, and onError is told', async () => {
  const told: unknown[] = []
  const { stream, sink } = openOnThrowing({ onError: (error, context) => told.push(error, context) })
  expect(await stream.send('x')).toBe(false)
  expect((await ended(stream)).reason).toBe('error')
  expect(sink.state).toBe('destroyed')
  expect(told).toMatchObject([{ message: 'wrapped badly' }, { stage: 'transport' }])
})

test('C7 a transport that throws stops neither the heartbeats of others nor their shutdown', async () => {
  const shutdown = new AbortController()
  const options = { signal: shutdown.signal, heartbeat: 20, onError: () => {} }
  const throwing = openOnThrowing(options)
  const { stream, sink } = openStream(options)
  await sink.until(({ frames }) => frames.filter((frame) => frame === ':\n\n').length > 3)
  expect((await ended(throwing.stream)).reason).toBe('error')

  const late = openOnThrowing({ ...options, heartbeat: false })
  const last = openStream(options)
  shutdown.abort()
  expect((await ended(late.stream)).reason).toBe('error')
  for (const open of [stream, last.stream]) expect((await ended(open)).reason).toBe('shutdown')
})

test('L8 a rejected promise of an onClose callback reaches onError', async () => {
  const told = new Promise((resolve) => {
    const { stream } = openStream({ onError: (error, { stage }) => resolve([error, stage]) })
    stream.onClose(async () => {
      throw new Error('late')
    })
    stream.close()
  })
  expect(await told).toMatchObject([{ message: 'late' }, 'onClose'])
})
