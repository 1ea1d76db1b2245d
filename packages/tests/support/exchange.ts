import { expect } from 'vitest'
import { Reader } from './reader.ts'
import type { Site } from './site.ts'

/** What has to arrive within so many milliseconds is at once. */
export const AT_ONCE = 100

/** How one stream went. */
export interface Exchange {
  reader: Reader
  /** What the server saw. */
  httpVersion: string
  /** From `send` to the client's having the whole message, in milliseconds. */
  delays: number[]
}

/** One stream from its opening to its clean end, each message sent when the one before it has arrived. */
export async function exchange(site: Site, url: string, count: number): Promise<Exchange> {
  const opened = site.nextStream('/stream')
  const reader = new Reader(url, { 'Accept-Encoding': 'gzip' })
  const { stream, visit } = await opened
  await reader.endsWith(':\n\n')
  const delays: number[] = []
  let expected = ':\n\n'
  for (let index = 0; index < count; index++) {
    const frame = `event: tick\ndata: ${index}\ndata: 東京 📰\nid: ${index}\n\n`
    expected += frame
    const sentAt = performance.now()
    stream.send({ event: 'tick', data: `${index}\n東京 📰`, id: String(index) })
    await reader.endsWith(frame)
    delays.push(performance.now() - sentAt)
  }
  expect(stream.closed).toBe(false)
  stream.close()
  await reader.ended
  expect(reader.text).toBe(expected)
  return { reader, httpVersion: visit.httpVersion, delays }
}

/** Every message has arrived by now. That a busy machine let one or two wait says nothing of the proxy. */
export function expectAtOnce(delays: number[]): void {
  const late = delays.filter((delay) => delay >= AT_ONCE)
  expect(late.length, `delays of ${delays.map(Math.round).join(', ')} ms`).toBeLessThanOrEqual(delays.length / 10)
}

export async function expectLeavingSeen(site: Site, url: string): Promise<void> {
  const opened = site.nextStream('/stream')
  const reader = new Reader(url)
  const { stream } = await opened
  await reader.endsWith(':\n\n')
  const closed = new Promise((resolve) => stream.onClose(({ reason }) => resolve(reason)))
  reader.leave()
  expect(await closed).toBe('peer')
}
