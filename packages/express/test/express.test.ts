import { readEventStream } from '@tidings/testing'
import express from 'express'
import request from 'supertest'
import { expect, test } from 'vitest'
import { eventStream, lastEventIdOf } from '../src/index.ts'

test('eventStream() needs no middleware, and lastEventIdOf() tells the id before', async () => {
  const app = express()
  app.get('/', (req, res) => {
    const id = lastEventIdOf(req)
    const stream = eventStream(req, res)
    stream.send(`${id} ${stream.lastEventId}`)
    stream.close()
  })
  const { events } = await readEventStream(request(app).get('/').set('Last-Event-ID', '7'))
  expect(events).toEqual([{ event: 'message', data: '7 7', id: undefined }])
})

test('H5 eventStream() hands a refusal to the error handlers as well', async () => {
  const app = express()
  app.set('env', 'test')
  app.get('/', (req, res) => void eventStream(req, res))
  await request(app).get('/').set('Accept', 'application/json').expect(406)
})
