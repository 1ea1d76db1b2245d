import { createChannel } from '@tidings/core'
import { describe, expect, test } from 'vitest'
import { connect } from '../src/index.ts'
import { apps, type Cut, serveBroken } from './support/apps.ts'

const MESSAGES = 120
// 100 MB in messages of 5 kB.
const MOST_SENT = 20_000

describe.each(Object.keys(apps))('with %s and the fetch of Node', (name) => {
  const serve = apps[name] as (typeof apps)[string]

  test('K1 a connection that is cut at any byte resumes: each message once and in order', async () => {
    const channel = createChannel<{ count: number }>()
    for (let count = 0; count < MESSAGES; count++) channel.publish({ event: 'count', data: count })
    // The head takes about 350 bytes, and a message 40.
    let cuts = 0
    const nextCut = (): Cut => ({ after: 300 + ((cuts * 97) % 500), by: cuts++ % 2 === 0 ? 'destroy' : 'end' })
    // A newcomer gets only what follows, so the first id is given by hand.
    const first = [...(await take(channel.messages({ after: 'start' })))]
    const server = await serveBroken(
      serve((stream) => channel.subscribe(stream)),
      nextCut,
    )
    const seen: number[] = []
    const connection = connect<{ count: number }>(server.url, { lastEventId: first[0] ?? '' })
    const resets: unknown[] = []
    connection.on('reset', ({ data }) => resets.push(data))
    await new Promise<void>((resolve) => {
      connection.on('count', ({ data }) => {
        seen.push(data)
        if (data === MESSAGES - 1) resolve()
      })
    })
    connection.close()
    await server.close()
    channel.close()
    expect(seen).toEqual(Array.from({ length: MESSAGES - 1 }, (_, index) => index + 1))
    expect(resets).toEqual([])
    expect(server.connections()).toBeGreaterThan(5)
  })

  test('K4 a connection that dies without a word is replaced, and none that beats', async () => {
    const channel = createChannel<{ count: number }>()
    let cut: Cut | undefined = { after: 450, by: 'stall' }
    const server = await serveBroken(
      serve((stream) => channel.subscribe(stream)),
      () => {
        const next = cut
        cut = undefined
        return next
      },
    )
    const seen: number[] = []
    const connection = connect<{ count: number }>(server.url, { silence: 400 })
    const opened = new Promise<void>((resolve) => {
      connection.subscribe(({ state }) => {
        if (state === 'open') resolve()
      })
    })
    await opened
    let next = 0
    const timer = setInterval(() => channel.publish({ event: 'count', data: next++ }), 20)
    await new Promise<void>((resolve) => {
      connection.on('count', ({ data }) => {
        seen.push(data)
        if (data >= 60) resolve()
      })
    })
    clearInterval(timer)
    connection.close()
    await server.close()
    channel.close()
    expect(seen).toEqual(Array.from({ length: seen.length }, (_, index) => (seen[0] ?? 0) + index))
    expect(server.connections()).toBeGreaterThan(1)
  })

  test('K5 the server is held back by a loop that is slow', async () => {
    let sent = 0
    const server = await serveBroken(
      serve(async (stream) => {
        while (await stream.send({ data: { text: 'x'.repeat(5_000), sent: ++sent } }));
      }),
    )
    const connection = connect<{ message: { sent: number } }>(server.url)
    let expected = 0
    for await (const { event, data } of connection) {
      expected++
      expect(event === 'message' && data.sent).toBe(expected)
      if (expected === 1) {
        // The server goes on until 1,000 messages wait here and the buffers of the sockets are full.
        await expect.poll(() => sent).toBeGreaterThan(1_000)
        for (let before = -1; before !== sent && sent < MOST_SENT; ) {
          before = sent
          await new Promise((resolve) => setTimeout(resolve, 500))
        }
        expect(sent).toBeLessThan(MOST_SENT)
      }
      if (expected === 3_000) break
    }
    expect(connection.status).toEqual({ state: 'closed', reason: 'local' })
    await server.close()
  })
})

async function take(messages: AsyncIterable<{ id: string }>): Promise<string[]> {
  for await (const { id } of messages) return [id]
  return []
}
