import type { AddressInfo } from 'node:net'
import { sse } from '@tidings/express'
import express from 'express'

interface Goal {
  minute: number
}

const app = express()
app.use(sse())
app.get('/goals/:match', (req, res) => {
  const stream = res.sse<{ goal: Goal }>()
  // @ts-expect-error: the data of a goal is a Goal; without the package's types this line would pass.
  const _wrong: Parameters<typeof stream.send>[0] = { event: 'goal', data: { minute: 'twelve' } }
  stream.send({ event: 'goal', data: { minute: 12 }, id: req.params.match })
  stream.close()
})

const server = app.listen(0, async () => {
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/goals/42`)
  process.stdout.write(await response.text())
  server.close()
})
