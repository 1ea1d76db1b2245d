import { createServer, get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createChannel, type Metrics, metrics } from '../src/index.ts'
import { instruments } from '../src/instruments.ts'
import { measured } from '../src/lib/metrics.ts'
import { closedStream } from '../src/lib/stream/public-stream.ts'
import { resolveOptions } from '../src/lib/stream/stream-options.ts'
import { openEventStream } from '../src/node.ts'
import { eventStreamResponse } from '../src/web.ts'
import { Store } from './support/faulty-engine.ts'
import { openStream, turn } from './support/held-sink.ts'
import { flushed, openChannel } from './support/joined-channel.ts'
import { closeMachines, machine } from './support/machine.ts'

// A test's helper has a stream and a subscriber of its own.
const idle = metrics()
const idleStreams = measured.size
let before: Metrics
const streams = (): Metrics['streams'] => metrics().streams
const channels = (): Metrics['channels'] => metrics().channels
const open = (): number => streams().open - idle.streams.open
const subscribers = (): number => channels().subscribers - idle.channels.subscribers

beforeEach(() => {
  before = metrics()
})

// The numbers are of all of this file.
afterEach(async () => {
  await closeMachines()
  expect([open(), subscribers(), streams().buffered, channels().lag]).toEqual([0, 0, 0, 0])
  expect(measured.size).toBe(idleStreams)
})

/** The numbers that have changed, with their differences. */
function changes<Name extends string>(present: Readonly<Record<Name, number>>, past: Readonly<Record<Name, number>>): Partial<Record<Name, number>> {
  const changed = Object.entries<number>(present).map(([name, value]) => [name, value - past[name as Name]] as const)
  return Object.fromEntries(changed.filter(([, value]) => value !== 0)) as Partial<Record<Name, number>>
}

describe('streams', () => {
  test('are open from the opening to the end, each of which has a reason', async () => {
    const controller = new AbortController()
    const [peer, local, slow, stalled, shutdown, expired, error] = [
      {},
      {},
      { maxBufferedBytes: 10 },
      { stallTimeout: 30 },
      { signal: controller.signal },
      { maxDuration: 20 },
      { onError: () => {} },
    ].map((options) => openStream(options)) as [Opened, Opened, Opened, Opened, Opened, Opened, Opened]
    expect([open(), streams().opened - before.streams.opened]).toEqual([7, 7])
    peer.sink.leave()
    local.stream.close()
    slow.sink.hold()
    slow.stream.send('longer than ten bytes')
    slow.stream.send('x')
    controller.abort()
    error.stream.fail(new Error('handler'))
    stalled.sink.hold()
    stalled.stream.send('x')
    expect(open()).toBe(2)
    await expect.poll(() => [expired.stream.closed, stalled.stream.closed]).toEqual([true, true])
    expect(shutdown.stream.closed).toBe(true)
    expect(changes(streams().closed, before.streams.closed)).toEqual({ peer: 1, local: 1, slow: 1, stalled: 1, shutdown: 1, expired: 1, error: 1 })
    for (const { stream } of [peer, local]) stream.close()
    expect(streams().closed).toEqual(metrics().streams.closed)
  })

  test('that never opened are not counted', () => {
    closedStream(resolveOptions({}), '', 'unopened')
    closedStream(resolveOptions({}), '', 'peer')
    expect(metrics()).toEqual(before)
  })

  test('count the bytes that wait for their peers, even after their end', () => {
    const [one, other] = [openStream(), openStream()]
    one.sink.hold()
    other.sink.hold()
    one.stream.send('1234')
    other.stream.send('12')
    expect(streams().buffered).toBe('data: 1234\n\n'.length + 'data: 12\n\n'.length)
    one.stream.close()
    expect([open(), streams().buffered]).toEqual([1, 'data: 1234\n\n'.length + 'data: 12\n\n'.length])
    one.sink.take()
    other.sink.take()
    other.stream.close()
  })

  test('count the messages of a producer, and only the bytes of comments, heartbeats and openings', async () => {
    const bytes = await bytesOver((req, res) => {
      const stream = openEventStream(req, res, { retry: 5, heartbeat: 10 })
      stream.send('Grüße 🙂')
      stream.comment('x')
      stream.send({ event: 'large', data: 'y'.repeat(100_000) })
      const sent = streams().bytes
      const timer = setInterval(() => {
        if (streams().bytes === sent) return
        clearInterval(timer)
        stream.close()
      }, 1)
    })
    expect(bytes).toContain('\n:\n\n')
    expect(streams().messages - before.streams.messages).toBe(2)
    expect(streams().bytes - before.streams.bytes).toBe(Buffer.byteLength(bytes))
  })

  test('count the messages of a channel, once for each stream', async () => {
    const channel = createChannel()
    for (const word of ['eins', 'zwei', 'drei €']) channel.publish(word)
    const bodies = await Promise.all(
      [1, 2].map(() =>
        bytesOver((req, res) => {
          channel.subscribe(openEventStream(req, res), { after: 'start' })
          if (channel.subscribers === 2) channel.end()
        }),
      ),
    )
    expect(bodies[0]).toContain('drei €')
    expect(streams().messages - before.streams.messages).toBe(6)
    expect(streams().bytes - before.streams.bytes).toBe(Buffer.byteLength(bodies.join('')))
  })

  test('of the web count the same', async () => {
    const channel = createChannel()
    const response = eventStreamResponse(new Request('http://example.test'), (stream) => {
      channel.subscribe(stream)
      stream.comment('ü')
      channel.publish('ä')
      channel.end()
    })
    const bytes = await response.arrayBuffer()
    expect(streams().messages - before.streams.messages).toBe(1)
    expect(streams().bytes - before.streams.bytes).toBe(bytes.byteLength)
  })
})

describe('channels', () => {
  test('count their subscribers, and the messages that they publish', async () => {
    const { channel, join } = openChannel()
    const [one, other] = [join(), join()]
    expect(subscribers()).toBe(2)
    await channel.publish('a')
    one.subscription.close()
    expect(subscribers()).toBe(1)
    await channel.publish('b')
    channel.close()
    expect(channels().published - before.channels.published).toBe(2)
    one.stream.close()
    expect(other.stream.closed).toBe(true)
  })

  test('count messages that were not kept, by the code of the error', async () => {
    const away = machine(new Store(), { publishTimeout: 50 })
    away.engine.cut()
    await away.channel.publish('a').catch(() => {})
    const store = new Store()
    store.ended = true
    // With the usual time to publish: the answer has to come before it is over.
    const over = machine(store)
    await over.channel.publish('b').catch(() => {})
    for (const { channel } of [away, over]) channel.close()
    const strange = openChannel()
    strange.log.append = () => Promise.reject(new Error('what a log must not say'))
    await strange.channel.publish('c').catch(() => {})
    expect(changes(channels().failed, before.channels.failed)).toEqual({ ERR_SSE_LOG_UNAVAILABLE: 1, ERR_SSE_CHANNEL_ENDED: 1, _OTHER: 1 })
    expect(channels().published).toBe(before.channels.published)
  })

  test('count clients that resume, and the earlier messages that they get', async () => {
    const { channel, join, id } = openChannel()
    for (const word of ['a', 'b', 'c']) channel.publish(word)
    join({}, id(1))
    join({ after: 'start' })
    const { sink } = join()
    join({}, id(3))
    // The route says so, not the client.
    join({ after: id(2) })
    expect(channels().resumed - before.channels.resumed).toBe(2)
    expect(channels().replayed - before.channels.replayed).toBe(6)
    channel.publish('d')
    await sink.until(({ frames }) => frames.at(-1)?.startsWith('data: d\n') === true)
    expect(channels().replayed - before.channels.replayed).toBe(6)
    expect(streams().messages - before.streams.messages).toBe(11)
    channel.close()
  })

  test('count resets by their reason', async () => {
    const { channel, join, id } = openChannel({ history: { messages: 2 } })
    const [told, cut] = [join(), join({ lag: 'close' })]
    for (const { sink } of [told, cut]) sink.hold()
    for (const word of ['a', 'b', 'c', 'd']) {
      channel.publish(word)
      await flushed()
    }
    join({}, id(0))
    join({}, 'foreign')
    expect(changes(channels().gaps, before.channels.gaps)).toEqual({ trimmed: 1, unknown: 1 })
    for (const { sink } of [told, cut]) sink.take()
    expect(changes(channels().gaps, before.channels.gaps)).toEqual({ trimmed: 1, unknown: 1, lagged: 2 })
    expect(cut.stream.closed).toBe(true)
    channel.close()
  })

  test('count resets after an engine has lost messages', async () => {
    const store = new Store()
    const { channel, join } = machine(store)
    const { lines } = join()
    await expect.poll(lines).toEqual(['@0'])
    await channel.publish('a')
    store.loseAll()
    await channel.publish('b')
    await expect.poll(() => changes(channels().gaps, before.channels.gaps)).toEqual({ lost: 1 })
    channel.close()
  })

  test('give the number of messages that the slowest reader is behind', async () => {
    const { channel, join } = openChannel()
    const [slow, slower, topical] = [join(), join(), join({ topics: ['one'] })]
    slower.sink.hold()
    channel.publish('a')
    await flushed()
    slow.sink.hold()
    for (const word of ['b', 'c', 'd']) {
      channel.publish(word)
      await flushed()
    }
    // What the sinks have taken is theirs.
    expect(channels().lag).toBe(3)
    slower.sink.take()
    expect(channels().lag).toBe(2)
    slow.sink.take()
    expect(channels().lag).toBe(0)
    expect(topical.subscription.lastEventId).toBe(slow.subscription.lastEventId)
    channel.close()
  })

  test('are not behind while they wait for their log', async () => {
    const { engine, channel, join } = machine(new Store())
    engine.cut()
    join()
    await turn()
    expect([subscribers(), channels().lag]).toEqual([1, 0])
    channel.close()
  })
})

describe('instruments', () => {
  test('name each number once', () => {
    const numbers = JSON.stringify(metrics()).match(/\d+/g) ?? []
    const measurements = instruments.flatMap(({ name, read }) => read(metrics()).map(({ value, attributes }) => ({ name, value, attributes })))
    expect(measurements).toHaveLength(numbers.length)
    expect(new Set(measurements.map(({ name, attributes }) => JSON.stringify([name, attributes]))).size).toBe(numbers.length)
  })

  test('read them', () => {
    const numbered = (): Metrics => {
      let next = 1
      return JSON.parse(JSON.stringify(metrics()), (_, value) => (typeof value === 'number' ? next++ : value))
    }
    const values = instruments.flatMap(({ read }) => read(numbered()).map(({ value }) => value))
    expect(values.toSorted((a, b) => a - b)).toEqual(values.map((_, index) => index + 1))
  })

  test('have names, kinds and units that OpenTelemetry takes', () => {
    for (const { name, kind, unit, description, read } of instruments) {
      expect(name).toMatch(/^(tidings|messaging)(\.[a-z]+)+$/)
      expect(unit).toMatch(/^(By|\{[a-z]+\})$/)
      expect(description).not.toBe('')
      const attributes = read(metrics()).flatMap((measurement) => Object.keys(measurement.attributes))
      expect(kind !== 'counter' && attributes.length > 0).toBe(false)
    }
  })
})

type Opened = ReturnType<typeof openStream>

/** The body that a listener writes. */
async function bytesOver(listener: Parameters<typeof createServer>[1] & {}): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const response = await new Promise<IncomingMessage>((resolve) => get({ host: '127.0.0.1', port }, resolve))
  let body = ''
  for await (const part of response.setEncoding('utf8')) body += part
  server.close()
  return body
}
