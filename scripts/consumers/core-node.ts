import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { openEventStream } from '@tidings/core/node'

interface Goal {
  minute: number
}

const server = createServer((req, res) => {
  const stream = openEventStream<{ goal: Goal }>(req, res)
  // @ts-expect-error: the data of a goal is a Goal; without the package's types this line would pass.
  const _wrong: Parameters<typeof stream.send>[0] = { event: 'goal', data: { minute: 'twelve' } }
  stream.send({ event: 'goal', data: { minute: 12 }, id: '42' })
  stream.close()
})

server.listen(0, async () => {
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  process.stdout.write(await response.text())
  server.close()
})
