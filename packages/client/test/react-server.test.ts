import { createChannel } from '@tidings/core'
import { createElement as h, type ReactNode, StrictMode } from 'react'
import { expect, test } from 'vitest'
import { connect } from '../src/index.ts'
import { useEventStream, useEvents } from '../src/react.ts'
import { apps, serveBroken } from './support/apps.ts'
import { mount } from './support/mount.ts'

// Messages a second, as many as the server publishes by its clock, in bursts.
const RATE = 5_000
const MESSAGES = 10_000
// Milliseconds.
const BURST = 10

interface Folded {
  count: number
  /** The first number that was not the next one. */
  wrong?: number
}

test('5,000 messages a second from Express: each is folded once and in order, and React renders once a chunk', async () => {
  const channel = createChannel<{ count: number }>()
  let opened = 0
  let open = 0
  const server = await serveBroken(
    apps['Express']?.((stream) => {
      opened++
      open++
      stream.onClose(() => open--)
      channel.subscribe(stream)
    }) as Parameters<typeof serveBroken>[0],
  )
  let chunks = 0
  const counted = async (url: string, init: RequestInit): Promise<Response> => {
    const response = await fetch(url, init)
    const count = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        chunks++
        controller.enqueue(chunk)
      },
    })
    return new Response(response.body?.pipeThrough(count) ?? null, response)
  }
  let renders = 0
  let shown: Folded = { count: 0 }
  let heard = 0
  function Count(): ReactNode {
    renders++
    shown = useEvents(
      server.url,
      () => connect<{ count: number }>(server.url, { fetch: counted }),
      ({ count, wrong }, message): Folded => {
        if (message.event !== 'count' || wrong !== undefined) return { count, ...(wrong !== undefined && { wrong }) }
        return message.data === count ? { count: count + 1 } : { count, wrong: message.data }
      },
      { count: 0 } as Folded,
    )
    return shown.count
  }
  function State(): ReactNode {
    return useEventStream<{ count: number }>(server.url, { events: { count: () => heard++ } }).state
  }
  const page = await mount(h(StrictMode, null, h(Count), h(State)))
  await expect.poll(() => page.text).toBe('0open')
  const before = { renders, chunks }

  const began = performance.now()
  for (let published = 0; published < MESSAGES; ) {
    const due = Math.min(MESSAGES, Math.ceil(((performance.now() - began) / 1_000) * RATE))
    while (published < due) channel.publish({ event: 'count', data: published++ })
    await new Promise((resolve) => setTimeout(resolve, BURST))
  }
  await expect.poll(() => page.text).toBe(`${MESSAGES}open`)
  expect(shown).toEqual({ count: MESSAGES })
  expect(heard).toBe(MESSAGES)
  // StrictMode renders each component twice.
  expect((renders - before.renders) / 2).toBeLessThanOrEqual(chunks - before.chunks)
  expect(chunks).toBeLessThan(MESSAGES / 5)
  expect([opened, open]).toEqual([1, 1])

  await page.unmount()
  await expect.poll(() => open).toBe(0)
  expect(opened).toBe(1)
  channel.close()
  await server.close()
})
