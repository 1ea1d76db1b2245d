import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Ask, eventually, Peer } from '../support/peer.ts'
import { type RunningServer, type ServerName, startServer } from '../support/running-server.ts'

// Set by scripts/matrix.mjs. Alone, this is the Node that runs it.
const name = (process.env['TIDINGS_SERVER'] ?? 'node') as ServerName
const executable = process.env['TIDINGS_RUNTIME'] ?? process.execPath

interface Seen {
  reasons: string[]
  aborts: number
  /** Sends that were taken. */
  pieces: number
  /** The largest `bufferedAmount` that was seen after a send. */
  most: number
}

const PIECE = 65_536
const LONG = 'grün 🏀 '.repeat(20_000)

let server: RunningServer
const peers: Peer[] = []

beforeAll(async () => {
  server = await startServer(name, executable)
})
afterEach(() => {
  for (const peer of peers.splice(0)) peer.leave()
})
afterAll(() => server?.close())

async function ask(path: string, options?: Ask): Promise<Peer> {
  const peer = await Peer.ask(server.url + path, options)
  peers.push(peer)
  return peer
}

async function seen(of: string): Promise<Seen> {
  return JSON.parse(await (await ask(`/seen?name=${of}`)).untilEnd())
}

async function publish(data: string): Promise<void> {
  await (await ask('/scores', { method: 'POST', body: data })).untilEnd()
}

const lastIdIn = (text: string): string =>
  text
    .match(/^id: (.*)$/gm)
    ?.at(-1)
    ?.slice('id: '.length) ?? ''

describe(`the server of ${name}`, () => {
  test('H1 H2 the head and a first byte leave at once', async () => {
    const peer = await ask('/open?name=first')
    expect(peer.response.statusCode).toBe(200)
    expect(peer.response.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      incremental: '?1',
    })
    await peer.until(':\n\n')
  })

  test('W9 L1 events arrive whole, and the stream ends when it is closed', async () => {
    const peer = await ask('/whole')
    expect(await peer.untilEnd()).toBe(`:\n\nevent: goal\ndata: {"minute":12}\nid: 1\n\ndata: ${LONG}\n\ndata: a\ndata: b\nid: 2\n\n`)
    expect(peer.response.complete).toBe(true)
  })

  test('L1 a stream stays open, whatever its handler returned', async () => {
    const peer = await ask('/open?name=stays')
    await peer.until(':\n\n')
    await sleep(1_000)
    expect(peer.closed).toBe(false)
    expect(await seen('stays')).toMatchObject({ reasons: [], aborts: 0 })
  })

  test('L2 a peer that leaves is seen at once, while nothing is sent', async () => {
    const peer = await ask('/open?name=leaves')
    await peer.until(':\n\n')
    peer.leave()
    await eventually(
      async () => (await seen('leaves')).reasons.length > 0,
      () => 'the leaving',
    )
  })

  test('L2 a peer that leaves is seen by the next heartbeat at the latest, once by onClose and once by signal', async () => {
    const peer = await ask('/open?name=leaves-later&heartbeat=100')
    await peer.until(':\n\n')
    peer.leave()
    await eventually(
      async () => (await seen('leaves-later')).reasons.length > 0,
      () => 'the leaving',
    )
    await sleep(300)
    expect(await seen('leaves-later')).toMatchObject({ reasons: ['peer'], aborts: 1 })
  })

  test('L5 heartbeats come to a stream that is alone', async () => {
    const peer = await ask('/open?name=beats&heartbeat=100')
    await peer.until(':\n\n:\n\n:\n\n')
  })

  test('L5 heartbeats come to each of two streams', async () => {
    const [first, second] = [await ask('/open?name=first-of-two&heartbeat=100'), await ask('/open?name=second-of-two&heartbeat=100')]
    await first.until(':\n\n:\n\n:\n\n:\n\n')
    await second.until(':\n\n:\n\n:\n\n:\n\n')
  })

  test('L5 heartbeats come to a stream when one that opened before has left', async () => {
    const [first, second] = [await ask('/open?name=gone&heartbeat=100'), await ask('/open?name=stays-behind&heartbeat=100')]
    await second.until(':\n\n')
    first.leave()
    await sleep(300)
    const before = second.text.length
    await eventually(
      () => second.text.length > before,
      () => 'a heartbeat',
    )
  })

  test('B1 B5 a peer that does not read has an awaiting producer wait', async () => {
    const peer = await ask('/flood?name=flood', { reads: false })
    let pieces = 0
    await eventually(
      async () => {
        const earlier = pieces
        await sleep(300)
        pieces = (await seen('flood'))?.pieces ?? 0
        return pieces > 0 && pieces === earlier
      },
      () => `a pause of the producer, after ${pieces} pieces,`,
      10_000,
    )
    const { most, reasons } = await seen('flood')
    expect(reasons).toEqual([])
    // What is on the way fills the sockets' buffers and the runtime's own; a server without back-pressure would have
    // all 125 MiB taken.
    expect(pieces * PIECE).toBeLessThan(16 * 2 ** 20)
    expect(most).toBeLessThanOrEqual(2 * PIECE)
    peer.leave()
    await eventually(
      async () => (await seen('flood')).reasons.length > 0,
      () => 'the leaving',
    )
    expect(await seen('flood')).toMatchObject({ reasons: ['peer'], aborts: 1 })
  })

  test('B2 a producer that does not wait is cut off', async () => {
    // Where the cut comes before the head was sent, there is no answer.
    await ask('/hurry?name=hurry', { reads: false }).catch(() => {})
    await eventually(
      async () => (await seen('hurry'))?.reasons.length,
      () => 'the cut',
    )
    expect(await seen('hurry')).toMatchObject({ reasons: ['slow'], aborts: 1 })
  })

  test('H4 HEAD has the head alone', async () => {
    const peer = await ask('/open?name=head', { method: 'HEAD' })
    expect(await peer.untilEnd()).toBe('')
    expect(peer.response.statusCode).toBe(200)
    expect(peer.response.headers['content-type']).toBe('text/event-stream')
    expect(await seen('head')).toBeNull()
  })

  test('H5 an Accept that excludes event streams has 406', async () => {
    const peer = await ask('/open?name=refused', { headers: { accept: 'application/json' } })
    expect(await peer.untilEnd()).toContain('text/event-stream')
    expect(peer.response.statusCode).toBe(406)
    expect(peer.response.headers['content-type']).toContain('text/plain')
    expect(await seen('refused')).toBeNull()
  })

  test('H6 Last-Event-ID is read as UTF-8, and the query where it is absent', async () => {
    const header = Buffer.from('grün 7').toString('latin1')
    expect(await (await ask('/last-event-id', { headers: { 'last-event-id': header } })).untilEnd()).toBe(':\n\ndata: grün 7\n\n')
    expect(await (await ask('/last-event-id?lastEventId=gr%C3%BCn')).untilEnd()).toBe(':\n\ndata: grün\n\n')
  })

  test('H10 a POST whose body was read has its stream', async () => {
    expect(await (await ask('/words', { method: 'POST', body: 'to be or' })).untilEnd()).toBe(':\n\ndata: to\n\ndata: be\n\ndata: or\n\n')
  })

  test('C1 a channel reaches every subscriber', async () => {
    const readers = [await ask('/scores'), await ask('/scores')]
    for (const reader of readers) await reader.until('id: ')
    await publish('1-0')
    for (const reader of readers) await reader.until('event: goal\ndata: 1-0\n')
  })

  test('C1 a channel goes on when the reader that was first has left', async () => {
    const [first, second] = [await ask('/scores'), await ask('/scores')]
    await second.until('id: ')
    first.leave()
    await sleep(100)
    for (const score of ['2-0', '2-1']) await publish(score)
    await second.until('data: 2-1\n')
    expect(second.text).toContain('data: 2-0\n')
  })

  test('C2 who comes back has exactly what it missed', async () => {
    const reader = await ask('/scores')
    await reader.until('id: ')
    await publish('before')
    await reader.until('data: before\n')
    await reader.until('\n\n')
    const lastEventId = lastIdIn(reader.text)
    reader.leave()
    await publish('missed 1')
    await publish('missed 2')
    const again = await ask('/scores', { headers: { 'last-event-id': lastEventId } })
    await again.until('data: missed 2\n')
    expect(again.text).not.toContain('reset')
    expect(again.text.match(/data: .*/g)).toEqual(['data: missed 1', 'data: missed 2'])
  })

  // The last one: what the server has printed by now.
  test('L2 nothing of this is reported as an error', () => {
    expect(server.output.replace(/^listening at \d+\n/, '')).toBe('')
  })
})
