import { expect } from 'vitest'
import { Reader } from './reader.ts'
import type { Site } from './site.ts'

/** A message counts as sent at once if it arrives within this time, in milliseconds. */
export const AT_ONCE = 100

/** The result of one stream. */
export interface Exchange {
  reader: Reader
  /** The version of HTTP that the server saw. */
  httpVersion: string
  /** The time from `send` until the client has the whole message, in milliseconds. */
  delays: number[]
}

/** Reads one stream from its opening to its clean end. Sends each message after the one before it has arrived. */
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

/** Expects that messages came at once. Allows a tenth to be late, since a busy machine delays some, too. */
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
