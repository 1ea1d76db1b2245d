import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { openEventStream } from '@tidings/core/node'
import { describeAdapter, readEventStream } from '@tidings/testing'
import { expect, test } from 'vitest'

test('reads a stream from fetch', async () => {
  const server = createServer((req, res) => {
    openEventStream(req, res).send({ event: 'goal', data: { minute: 12 }, id: '42' })
  }).listen(0)
  const recording = await readEventStream(fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`), { until: 1 })
  expect(recording.events).toEqual([{ event: 'goal', data: '{"minute":12}', id: '42' }])
  server.close()
})

test('exports the contract for adapters', () => {
  expect(describeAdapter).toBeTypeOf('function')
})
