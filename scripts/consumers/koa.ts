import type { AddressInfo } from 'node:net'
import { sse } from '@tidings/koa'
import Koa from 'koa'

interface Goal {
  minute: number
}

const app = new Koa()
app.use(sse())
app.use((ctx) => {
  const stream = ctx.sse<{ goal: Goal }>()
  // @ts-expect-error: the data of a goal is a Goal; without the package's types this line would pass.
  const _wrong: Parameters<typeof stream.send>[0] = { event: 'goal', data: { minute: 'twelve' } }
  stream.send({ event: 'goal', data: { minute: 12 }, id: ctx.path.slice(1) })
  stream.close()
})

const server = app.listen(0, async () => {
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/42`)
  process.stdout.write(await response.text())
  server.close()
})
