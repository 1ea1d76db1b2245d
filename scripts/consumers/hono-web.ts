// A program for Workers or Deno: it has no server of Node, and compiles without the types of Node.
import { sse } from '@tidings/hono'
import { Hono } from 'hono'

interface Goal {
  minute: number
}

const app = new Hono()
app.use(sse())
app.get('/goals/:match', (c) =>
  c.var.sse<{ goal: Goal }>((stream) => {
    // @ts-expect-error: the data of a goal is a Goal; without the package's types this line would pass.
    const _wrong: Parameters<typeof stream.send>[0] = { event: 'goal', data: { minute: 'twelve' } }
    stream.send({ event: 'goal', data: { minute: 12 }, id: c.req.param('match') })
    stream.close()
  }),
)

Promise.resolve(app.request('/goals/42'))
  .then((response) => response.text())
  .then((text) => console.log(text.slice(0, -1)))
