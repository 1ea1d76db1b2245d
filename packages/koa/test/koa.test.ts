import { readEventStream } from '@tidings/testing'
import Koa from 'koa'
import request from 'supertest'
import { expect, test } from 'vitest'
import { eventStream, lastEventIdOf } from '../src/index.ts'

test('eventStream() needs no middleware, and lastEventIdOf() tells the id before', async () => {
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

test('leaves requests alone that open no stream', async () => {
  const app = new Koa()
  app.use((ctx) => {
    ctx.body = 'plain'
  })
  await request(app.callback()).get('/').expect(200, 'plain')
})
