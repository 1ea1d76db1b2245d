import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Ask, eventually, Peer } from '../support/peer.ts'
import { type RunningServer, type ServerName, startServer } from '../support/running-server.ts'

// scripts/matrix.mjs sets both. Without it, the server runs on the Node that runs the test.
const name = (process.env['TIDINGS_SERVER'] ?? 'node') as ServerName
const executable = process.env['TIDINGS_RUNTIME'] ?? process.execPath

interface Seen {
  reasons: string[]
  aborts: number
  /** How many sends resolved with true. */
  pieces: number
  /** The largest `bufferedAmount` after a send. */
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
  test('H1 H2 sends the head and a first byte at once', async () => {
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

  test('W9 L1 sends whole events, and ends the body when the stream is closed', async () => {
    const peer = await ask('/whole')
    expect(await peer.untilEnd()).toBe(`:\n\nevent: goal\ndata: {"minute":12}\nid: 1\n\ndata: ${LONG}\n\ndata: a\ndata: b\nid: 2\n\n`)
    expect(peer.response.complete).toBe(true)
  })

  test('L1 keeps a stream open after its handler has returned', async () => {
    const peer = await ask('/open?name=stays')
    await peer.until(':\n\n')
    await sleep(1_000)
    expect(peer.closed).toBe(false)
    expect(await seen('stays')).toMatchObject({ reasons: [], aborts: 0 })
  })

  test('L2 notices at once that a peer left, while nothing is sent', async () => {
    const peer = await ask('/open?name=leaves')
    await peer.until(':\n\n')
    peer.leave()
    await eventually(
      async () => (await seen('leaves')).reasons.length > 0,
      () => 'the leaving',
    )
  })

  test('L2 notices at the next heartbeat at the latest that a peer left, and calls onClose and aborts the signal once', async () => {
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

  test('L5 sends heartbeats to the only stream', async () => {
    const peer = await ask('/open?name=beats&heartbeat=100')
    await peer.until(':\n\n:\n\n:\n\n')
  })

  test('L5 sends heartbeats to each of two streams', async () => {
    const [first, second] = [await ask('/open?name=first-of-two&heartbeat=100'), await ask('/open?name=second-of-two&heartbeat=100')]
    await first.until(':\n\n:\n\n:\n\n:\n\n')
    await second.until(':\n\n:\n\n:\n\n:\n\n')
  })

  test('L5 sends heartbeats to a stream after an earlier stream has left', async () => {
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

  test('B1 B5 a producer that awaits its sends waits while the peer does not read', async () => {
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
    // Some pieces fill the buffers of the sockets and of the runtime. Without back-pressure the server would take all
    // 125 MiB.
    expect(pieces * PIECE).toBeLessThan(16 * 2 ** 20)
    expect(most).toBeLessThanOrEqual(2 * PIECE)
    peer.leave()
    await eventually(
      async () => (await seen('flood')).reasons.length > 0,
      () => 'the leaving',
    )
    expect(await seen('flood')).toMatchObject({ reasons: ['peer'], aborts: 1 })
  })

  test('B2 cuts off the stream of a producer that does not wait', async () => {
    // If the stream is cut before its head was sent, the request fails.
    await ask('/hurry?name=hurry', { reads: false }).catch(() => {})
    await eventually(
      async () => (await seen('hurry'))?.reasons.length,
      () => 'the cut',
    )
    expect(await seen('hurry')).toMatchObject({ reasons: ['slow'], aborts: 1 })
  })

  test('H4 answers HEAD with the head alone', async () => {
    const peer = await ask('/open?name=head', { method: 'HEAD' })
    expect(await peer.untilEnd()).toBe('')
    expect(peer.response.statusCode).toBe(200)
    expect(peer.response.headers['content-type']).toBe('text/event-stream')
    expect(await seen('head')).toBeNull()
  })

  test('H5 answers 406 to an Accept that excludes event streams', async () => {
    const peer = await ask('/open?name=refused', { headers: { accept: 'application/json' } })
    expect(await peer.untilEnd()).toContain('text/event-stream')
    expect(peer.response.statusCode).toBe(406)
    expect(peer.response.headers['content-type']).toContain('text/plain')
    expect(await seen('refused')).toBeNull()
  })

  test('H6 reads Last-Event-ID as UTF-8, and the query if the header is absent', async () => {
    const header = Buffer.from('grün 7').toString('latin1')
    expect(await (await ask('/last-event-id', { headers: { 'last-event-id': header } })).untilEnd()).toBe(':\n\ndata: grün 7\n\n')
    expect(await (await ask('/last-event-id?lastEventId=gr%C3%BCn')).untilEnd()).toBe(':\n\ndata: grün\n\n')
  })

  test('H10 opens a stream for a POST whose body was read', async () => {
    expect(await (await ask('/words', { method: 'POST', body: 'to be or' })).untilEnd()).toBe(':\n\ndata: to\n\ndata: be\n\ndata: or\n\n')
  })

  test('C1 a channel reaches every subscriber', async () => {
    const readers = [await ask('/scores'), await ask('/scores')]
    for (const reader of readers) await reader.until('id: ')
    await publish('1-0')
    for (const reader of readers) await reader.until('event: goal\ndata: 1-0\n')
  })

  test('C1 a channel goes on after its first reader has left', async () => {
    const [first, second] = [await ask('/scores'), await ask('/scores')]
    await second.until('id: ')
    first.leave()
    await sleep(100)
    for (const score of ['2-0', '2-1']) await publish(score)
    await second.until('data: 2-1\n')
    expect(second.text).toContain('data: 2-0\n')
  })

  test('C2 a reader that reconnects gets exactly the messages that it missed', async () => {
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

  // Stands last, so that it sees the output of all tests.
  test('L2 reports no error for any of these', () => {
    expect(server.output.replace(/^listening at \d+\n/, '')).toBe('')
  })
})
