import { getEventListeners } from 'node:events'
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'
import type { EventStream, TidingsError } from '@tidings/core'
import { describe, expect } from 'vitest'
import { ask, askAndLeave, type Client, SOON, within } from '../client.ts'
import { livingHeap } from '../garbage.ts'
import type { RunningApp } from '../running-app.ts'
import type { Contract } from './holds.ts'
import { reasonOf } from './reason-of.ts'
import { OPENING } from './wire.ts'

/** L: lifetime. */
export function describeLifetime(contract: Contract): void {
  describe('L: lifetime', () => {
    describeLeaving(contract)
    describeLeftovers(contract)
    describeEnds(contract)
  })
}

/** An open stream with its client. */
async function opened(app: RunningApp, asked = {}): Promise<{ stream: EventStream; client: Client }> {
  const next = app.nextStream()
  const client = await ask(app, asked)
  const stream = await within(next, 'the stream')
  await client.until((text) => text.length > 0)
  return { stream, client }
}

function describeLeaving({ adapter, protocol, holds }: Contract): void {
  holds('L1 stays open when the handler returns', async (start) => {
    const app = await start({ options: { heartbeat: 50 } })
    const { stream, client } = await opened(app)
    await client.until((text) => text.split(':\n\n').length > 4)
    expect(stream.closed).toBe(false)
    expect(await stream.send('still')).toBe(true)
    await client.until('data: still\n\n')
  })

  for (const way of ['leave', 'reset'] as const) {
    holds(`L2 sees a peer that goes (${way}), once, and reports no error`, async (start) => {
      const written: unknown[] = []
      const { error: log } = console
      const write = process.stderr.write
      console.error = (...words) => written.push(words)
      process.stderr.write = ((text: unknown) => written.push(text)) as never
      try {
        const app = await start({ options: { heartbeat: false } })
        const { stream, client } = await opened(app)
        const reasons: TidingsError[] = []
        let aborts = 0
        stream.onClose((error) => reasons.push(error))
        stream.signal.addEventListener('abort', () => aborts++)
        const reason = reasonOf(stream)
        client[way]()
        expect(await reason).toBe('peer')
        // Whatever else the leaving sets off has had its turns by then.
        await delay(50)
        expect(reasons).toMatchObject([{ name: 'AbortError', code: 'ERR_SSE_CLOSED', reason: 'peer' }])
        expect(aborts).toBe(1)
        expect(stream.signal.reason).toBe(reasons[0])
        expect(await stream.send('late')).toBe(false)
        expect(app.frameworkErrors).toEqual([])
        expect(app.errors).toEqual([])
      } finally {
        console.error = log
        process.stderr.write = write
      }
      expect(written).toEqual([])
    })
  }

  holds('L3 gives a closed stream to a peer that left before', async (start) => {
    let arrive!: () => void
    const arrived = new Promise<void>((resolve) => {
      arrive = resolve
    })
    const app = await start({
      route: {
        before: async () => {
          const { req, res } = app.exchanges[0] ?? {}
          const left = new Promise((resolve) => (protocol === 'HTTP/2' ? res : req?.socket)?.on('close', resolve))
          arrive()
          await within(left, 'the leaving')
          await turn()
        },
      },
    })
    const next = app.nextStream()
    await askAndLeave(app, {}, arrived)
    if (adapter.returnsResponses) {
      // The platform may throw the response away; then nothing was opened either.
      await delay(100)
      for (const stream of app.streams) expect(stream.closed).toBe(true)
      return
    }
    const stream = await within(next, 'the stream')
    expect(stream.closed).toBe(true)
    expect(stream.signal.aborted).toBe(true)
    expect(await reasonOf(stream)).toBe('peer')
    expect(await stream.send('x')).toBe(false)
  })
}

function describeLeftovers({ protocol, holds }: Contract): void {
  holds('L4 adds one listener to the signal, however many streams, and takes it away with the last', async (start) => {
    const shutdown = new AbortController()
    const listeners = (): number => getEventListeners(shutdown.signal, 'abort').length
    const app = await start({ options: { signal: shutdown.signal } })
    const all = []
    for (let count = 0; count < 20; count++) all.push(await opened(app))
    expect(listeners()).toBe(1)
    for (const { stream, client } of all) {
      stream.close()
      await within(client.closed, 'the end')
    }
    expect(listeners()).toBe(0)
  })

  holds('L4 leaves no listener on the request and the response of a stream that has ended', async (start) => {
    const app = await start({})
    const counts = (): number[] => {
      const { req, res } = app.exchanges.at(-1) ?? {}
      return [...(['close', 'drain', 'finish', 'error'] as const).map((name) => res?.listenerCount(name) ?? 0), req?.listenerCount('close') ?? 0]
    }
    // What the framework itself adds is the measure: it answers HEAD without opening a stream.
    await (await ask(app, { method: 'HEAD' })).closed
    await turn()
    const bare = counts()
    const { stream, client } = await opened(app)
    stream.close()
    await within(client.closed, 'the end')
    await turn()
    expect(counts()).toEqual(bare)
  })

  const cycles = protocol === 'HTTP/1.1' ? 10_000 : 2_000
  holds(
    `L4 leaves nothing behind after ${cycles} opens and closes`,
    async (start) => {
      const shutdown = new AbortController()
      let open = 0
      let total = 0
      const app = await start({
        forgets: true,
        options: { signal: shutdown.signal, heartbeat: 10_000 },
        run: (stream) => {
          open++
          total++
          stream.onClose(() => open--)
        },
      })
      const ways = [async () => (await ask(app)).leave(), async () => (await ask(app)).reset(), () => askAndLeave(app, {}, turn())]
      const cycle = async (count: number): Promise<void> => {
        let begun = 0
        const worker = async (): Promise<void> => {
          while (begun < count) await ways[begun++ % ways.length]?.()
        }
        await Promise.all(Array.from({ length: 16 }, worker))
        while (open > 0) await delay(10)
      }
      await cycle(cycles / 10)
      const heap = await livingHeap()
      await cycle(cycles)
      const grown = (await livingHeap()) - heap
      expect(open).toBe(0)
      // Those that leave before the head may be gone before there is a stream.
      expect(total).toBeGreaterThan((cycles * 2) / 3)
      expect(getEventListeners(shutdown.signal, 'abort')).toHaveLength(0)
      expect(grown).toBeLessThan(2_000_000)
    },
    120_000,
  )

  holds('L5 sends a comment when nothing was written for the interval, none while messages flow, all on one timer', async (start) => {
    const heartbeat = 400
    const app = await start({ options: { heartbeat } })
    const busy = await opened(app)
    const beat = OPENING
    for (let count = 0; count < 12; count++) {
      await busy.stream.send('x')
      await delay(heartbeat / 4)
    }
    expect(busy.client.text).toBe(beat + 'data: x\n\n'.repeat(12))
    const sentAt = performance.now()
    await busy.stream.send('last')
    await busy.client.until(`data: last\n\n${beat}`)
    expect(performance.now() - sentAt).toBeGreaterThanOrEqual(heartbeat - 1)
    expect(performance.now() - sentAt).toBeLessThan(SOON)

    const { setTimeout: original } = globalThis
    let set = 0
    globalThis.setTimeout = ((...timer: Parameters<typeof original>) => {
      if (timer[1] !== undefined && timer[1] > heartbeat / 2) set++
      return original(...timer)
    }) as never
    try {
      await Promise.all(Array.from({ length: 20 }, () => opened(app)))
      expect(set).toBeLessThan(5)
    } finally {
      globalThis.setTimeout = original
    }
  })

  holds('L5 sends a named heartbeat that a page can see', async (start) => {
    const app = await start({ options: { heartbeat: { interval: 100, event: 'ping' } } })
    const { client } = await opened(app)
    await client.until(`${OPENING}event: ping\ndata: \n\nevent: ping\ndata: \n\n`)
  })

  holds('L6 ends all streams cleanly when the signal is aborted, and those that open after it', async (start) => {
    const shutdown = new AbortController()
    const app = await start({ options: { signal: shutdown.signal, retry: 1_000 } })
    const before = [await opened(app, { keepAlive: true }), await opened(app, { keepAlive: true })]
    await before[0]?.stream.send('last words')
    shutdown.abort()
    const texts = await Promise.all(before.map(({ client }) => within(client.ended, 'the end')))
    const late = await ask(app, { keepAlive: true })
    texts.push(await within(late.ended, 'the end of a late stream'))
    const retries = texts.map((text) => Number(/^retry: 1000\n\n(?:data: last words\n\n)?retry: (\d+)\n\n$/.exec(text)?.[1]))
    for (const retry of retries) {
      expect(retry).toBeGreaterThanOrEqual(1_000)
      expect(retry).toBeLessThanOrEqual(2_000)
    }
    for (const stream of app.streams) expect(await reasonOf(stream)).toBe('shutdown')
    // A connection that is kept for another request would keep the process.
    await within(new Promise((resolve) => app.server.close(resolve)), 'the close of the server')
  })
}

function describeEnds({ adapter, holds }: Contract): void {
  holds('L1 ends a stream at its maxDuration', async (start) => {
    const app = await start({ options: { maxDuration: 200 } })
    const { stream, client } = await opened(app)
    expect(await within(client.ended, 'the end')).toBe(OPENING)
    expect(await reasonOf(stream)).toBe('expired')
  })

  holds('L7 leaves what is thrown before the head to the framework', async (start) => {
    const app = await start({
      route: {
        before: () => {
          throw new Error('secret before')
        },
      },
    })
    expect((await ask(app)).status).toBe(500)
    expect(app.frameworkErrors).toMatchObject([{ message: 'secret before' }])
    expect(app.streams).toEqual([])
  })

  holds('L7 ends the connection when the handler throws after the head, and does not tell the peer why', async (start) => {
    const app = await start({
      run: async (stream) => {
        await stream.send('sent')
        await delay(50) // The head is out by then.
        throw new Error('secret after')
      },
    })
    const client = await ask(app)
    await within(client.closed, 'the end of the connection')
    expect(client.text).not.toContain('secret')
    const [stream] = app.streams
    const reason = await reasonOf(stream)
    const told = { message: 'secret after' }
    if (adapter.handlerErrors === 'onError') expect(app.frameworkErrors).toEqual([])
    else expect(app.frameworkErrors).toMatchObject([told])
    if (adapter.handlerErrors === 'framework') {
      expect(app.errors).toEqual([])
      // The framework destroys the connection.
      expect(reason).toBe('peer')
    } else {
      expect(app.errors).toMatchObject([{ error: told, stage: 'handler' }])
      expect(reason).toBe('error')
    }
  })

  holds('L8 runs every onClose callback, also when one throws', async (start) => {
    const app = await start({})
    const { stream, client } = await opened(app)
    const called: string[] = []
    stream.onClose(() => {
      called.push('first')
      throw new Error('mine')
    })
    const takeBack = stream.onClose(() => called.push('taken back'))
    stream.onClose(() => called.push('last'))
    takeBack()
    stream.close()
    stream.close()
    expect(called).toEqual(['first', 'last'])
    expect(app.errors).toMatchObject([{ error: { message: 'mine' }, stage: 'onClose' }])
    stream.onClose(({ reason }) => called.push(`late: ${reason}`))
    expect(called).toEqual(['first', 'last', 'late: local'])
    expect(await within(client.ended, 'the end')).toBe(OPENING)
  })
}
