import { serve } from '@hono/node-server'
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

const server = serve({ fetch: app.fetch, port: 0 }, async ({ port }) => {
  const response = await fetch(`http://127.0.0.1:${port}/goals/42`)
  process.stdout.write(await response.text())
  server.close()
})
