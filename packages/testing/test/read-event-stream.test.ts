import { createServer } from 'node:http'
import type { EventStream } from '@tidings/core'
import { openEventStream } from '@tidings/core/node'
import { eventStreamResponse } from '@tidings/core/web'
import supertest from 'supertest'
import { describe, expect, test } from 'vitest'
import { type EventStreamRecording, type ReadOptions, readEventStream } from '../src/index.ts'

type Run = (stream: EventStream) => unknown

const sources: Record<string, (run: Run, options?: ReadOptions) => Promise<EventStreamRecording>> = {
  supertest: (run, options) => readEventStream(supertest(createServer((req, res) => run(openEventStream(req, res)))).get('/'), options),
  'a fetch Response': (run, options) => readEventStream(eventStreamResponse(new Request('http://localhost/'), run), options),
}

describe.each(Object.entries(sources))('readEventStream of %s', (_, read) => {
  test('reads to the end and returns everything', async () => {
    const recording = await read((stream) => {
      stream.send({ event: 'goal', data: { minute: 12 }, id: '7' })
      stream.send({ data: 'ü\nb', retry: 1_500, comment: 'c' })
      stream.close()
    })
    expect(recording).toMatchObject({
      status: 200,
      headers: { 'content-type': 'text/event-stream' },
      events: [
        { event: 'goal', data: '{"minute":12}', id: '7' },
        { event: 'message', data: 'ü\nb', id: undefined },
      ],
      comments: ['', 'c'],
      retry: 1_500,
      text: ':\n\nevent: goal\ndata: {"minute":12}\nid: 7\n\n: c\nretry: 1500\ndata: ü\ndata: b\n\n',
      ended: true,
    })
  })

  test('stops after the given number of events, and leaves as a client does', async () => {
    const left = deferred<string | undefined>()
    const recording = await read(
      (stream) => {
        stream.onClose(({ reason }) => left.resolve(reason))
        for (let count = 1; count <= 3; count++) stream.send(String(count))
      },
      { until: 2 },
    )
    expect(recording.ended).toBe(false)
    expect(recording.events.slice(0, 2).map(({ data }) => data)).toEqual(['1', '2'])
    expect(await left.promise).toBe('peer')
  })

  test('stops when a function returns true', async () => {
    const { comments, ended } = await read((stream) => stream.comment('here'), { until: ({ comments }) => comments.includes('here') })
    expect({ comments, ended }).toEqual({ comments: ['', 'here'], ended: false })
  })

  test('rejects after the timeout, with the text that it has read', async () => {
    await expect(read((stream) => stream.send('only one'), { until: 2, timeout: 100 })).rejects.toThrow(/within 100 ms.*only one/)
  })
})

function deferred<Value>(): { promise: Promise<Value>; resolve: (value: Value) => void } {
  let resolve!: (value: Value) => void
  const promise = new Promise<Value>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

test('says which arguments it takes if it gets another one', async () => {
  const response = () => eventStreamResponse(new Request('http://localhost/'), (stream) => stream.close())
  await expect(readEventStream(response(), { untill: 1 } as never)).rejects.toThrow('untill is not an option of readEventStream; there are until, timeout')
  for (const wrong of ['http://localhost/', () => {}, {}, undefined])
    await expect(readEventStream(wrong as never)).rejects.toThrow(/takes a supertest test or a fetch Response/)
})
