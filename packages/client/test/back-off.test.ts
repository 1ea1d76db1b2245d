import { expect, test, vi } from 'vitest'
import { connect } from '../src/index.ts'
import { createBackOff } from '../src/lib/back-off.ts'
import { driveTime, pass } from './support/clock.ts'
import { type Asked, fakeServer, holdStream, never, opens, status, unreachable, whole } from './support/fake-server.ts'

driveTime()

const gaps = (asked: Asked[]): number[] => asked.slice(1).map(({ at }, index) => at - (asked[index] as Asked).at)

test('K3 failures double the wait up to 20 s before the jitter, and a stream that lived starts over', async () => {
  const server = fakeServer(...Array(6).fill(unreachable), whole('data: 1\n\n'), unreachable, unreachable, opens)
  connect('https://example.com', server).onAny(() => {})
  await pass(200_000)
  expect(gaps(server.asked).slice(0, 9)).toEqual([3_000, 6_000, 12_000, 20_000, 20_000, 20_000, 3_000, 3_000, 6_000])
})

test('K3 the jitter adds up to a half, and no wait of the client is longer than 30 s', () => {
  const backOff = createBackOff()
  vi.mocked(Math.random).mockReturnValue(1)
  expect([1, 2, 3, 4, 5].map(() => backOff.next(false, 0))).toEqual([4_500, 9_000, 18_000, 30_000, 30_000])
})

test("K3 the server's retry is the least wait", async () => {
  const server = fakeServer(whole('retry: 40000\n\n'), whole('retry: 10\ndata: 1\n\n'), whole('data: 1\n\n'), opens)
  connect('https://example.com', server).onAny(() => {})
  await pass(50_000)
  expect(gaps(server.asked)).toEqual([40_000, 10, 10])
})

test("K3 the server's wait holds where it is longer than 30 s, for each failure, and does not double", async () => {
  const busy = status(503, { 'retry-after': '90' })
  const server = fakeServer(whole('retry: 40000\ndata: 1\n\n'), ...Array(4).fill(unreachable), busy, busy, unreachable, opens)
  connect('https://example.com', server).onAny(() => {})
  await pass(500_000)
  expect(gaps(server.asked)).toEqual([40_000, 40_000, 40_000, 40_000, 40_000, 90_000, 90_000, 40_000])
})

test("K3 the jitter adds to the server's wait too", () => {
  const backOff = createBackOff()
  vi.mocked(Math.random).mockReturnValue(1)
  expect(backOff.next(false, 90_000)).toBe(135_000)
  backOff.retry = 40_000
  expect([true, false].map((lived) => backOff.next(lived, 0))).toEqual([60_000, 60_000])
})

test('K3 a stream that ends at once and again backs off, also with `retry: 0`', async () => {
  const server = fakeServer(whole('retry: 0\n\n'))
  const connection = connect('https://example.com', server)
  connection.onAny(() => {})
  await pass(60_000)
  expect(gaps(server.asked).slice(0, 5)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000])
  connection.close()
})

test.each([
  [4_000, 6_000],
  [6_000, 3_000],
])('K3 a stream without a message that was open for %i ms is followed by a wait of %i ms', async (age, wait) => {
  const stream = holdStream()
  const server = fakeServer(unreachable, () => stream, opens)
  const connection = connect('https://example.com', server)
  connection.onAny(() => {})
  await pass(3_000 + age)
  stream.cut()
  await pass(10_000)
  expect(gaps(server.asked)).toEqual([3_000, age + wait])
  connection.close()
})

test('K3 a `retry` that no timer can hold is a long wait', async () => {
  const server = fakeServer(whole('retry: 99999999999\n\n'), opens)
  const connection = connect('https://example.com', server)
  connection.onAny(() => {})
  await pass(86_400_000)
  expect(server.asked).toHaveLength(1)
  connection.close()
})

test('K3 no attempt runs while one is pending', async () => {
  const server = fakeServer(never)
  const page = new EventTarget()
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
  const connection = connect('https://example.com', server)
  for (let index = 0; index < 5; index++) {
    connection.subscribe(() => {})
    connection.onAny(() => {})
    page.dispatchEvent(new Event('online'))
    page.dispatchEvent(new Event('pageshow'))
    await pass(1_000)
  }
  expect(server.asked).toHaveLength(1)
  connection.close()
})

test('K3 `online` ends the wait', async () => {
  const page = new EventTarget()
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
  const server = fakeServer(unreachable, unreachable, unreachable, opens)
  connect('https://example.com', server).onAny(() => {})
  await pass(20_000)
  page.dispatchEvent(new Event('online'))
  await pass(0)
  expect(gaps(server.asked)).toEqual([3_000, 6_000, 11_000])
})
