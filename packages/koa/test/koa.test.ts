import { readEventStream } from '@tidings/testing'
import Koa from 'koa'
import request from 'supertest'
import { expect, test } from 'vitest'
import { eventStream, lastEventIdOf } from '../src/index.ts'

test('eventStream() needs no middleware, and lastEventIdOf() gives the id before the stream opens', async () => {
  const app = new Koa()
  app.use((ctx) => {
    const id = lastEventIdOf(ctx)
    const stream = eventStream(ctx)
    stream.send(`${id} ${stream.lastEventId}`)
    stream.close()
  })
  const { events } = await readEventStream(request(app.callback()).get('/').set('Last-Event-ID', '7'))
  expect(events).toEqual([{ event: 'message', data: '7 7', id: undefined }])
})

test('L2 eventStream() without the middleware reports no error that follows from the client’s leaving', async () => {
  const told: unknown[] = []
  const app = new Koa()
  app.on('error', (error) => told.push(error))
  let failed!: () => void
  const hasFailed = new Promise<void>((resolve) => {
    failed = resolve
  })
  app.use(async (ctx) => {
    const { signal } = eventStream(ctx)
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    setImmediate(failed)
    throw ctx.path === '/abort' ? new DOMException('This operation was aborted', 'AbortError') : new Error('a bug')
  })
  for (const path of ['/abort', '/bug']) {
    await readEventStream(request(app.callback()).get(path), { until: ({ text }) => text.length > 0 })
    await hasFailed
  }
  await expect.poll(() => told).toMatchObject([{ message: 'a bug' }])
})

test('does not change requests that open no stream', async () => {
  const app = new Koa()
  app.use((ctx) => {
    ctx.body = 'plain'
  })
  await request(app.callback()).get('/').expect(200, 'plain')
})
