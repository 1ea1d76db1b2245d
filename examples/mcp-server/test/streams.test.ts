import { EventEmitter, once } from 'node:events'
import { type EventStreamRecording, readEventStream } from '@tidings/testing'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { calling, ENDLESS, PING, RawClient } from './raw-client.ts'
import { type RunningServer, startServer } from './running-server.ts'

const counting = (id: number, from: number, interval: number): object => calling(id, 'countdown', { from, interval })

describe('the streams of a session', () => {
  let server: RunningServer
  let client: RawClient

  beforeAll(async () => {
    server = await startServer({ MOST_SESSIONS: '3' })
  })

  afterAll(async () => {
    expect(await server.end()).toEqual([0, null])
  })

  beforeEach(async () => {
    client = await RawClient.begin(server.url)
  })

  it('opens an answer with a retry and an event that has an id and empty data, and ends it after the response', async () => {
    const { status, headers, text, ended } = await readEventStream(client.post(PING))
    expect([status, headers['content-type'], ended]).toEqual([200, 'text/event-stream', true])
    expect(text).toMatch(/^retry: 200\n\ndata: \nid: [\w-]+\n\ndata: {"result":{},"jsonrpc":"2.0","id":1}\nid: [\w-]+\n\nretry: \d+\n\n$/)
  })

  it('sends no empty data to a client of a version that fails on it', async () => {
    const older = await RawClient.begin(server.url, '2025-06-18')
    expect(older.beginning?.events.map(({ data }) => JSON.parse(data).result.protocolVersion)).toEqual(['2025-06-18'])
    const { events } = await readEventStream(older.post(PING))
    expect(events.map(({ data }) => JSON.parse(data))).toEqual([{ jsonrpc: '2.0', id: 1, result: {} }])
  })

  it('resumes by GET after any id, and sends no message of another stream', async () => {
    const answers = [readEventStream(client.post(counting(2, 8, 20))), readEventStream(client.post(counting(3, 8, 20)))]
    const [one, other] = (await Promise.all(answers)).map(({ events }) => events)
    const ids = [...(one ?? []), ...(other ?? [])].map(({ id }) => id)
    expect(one).toHaveLength(1 + 8 + 1)
    expect(new Set(ids).size).toBe(2 * (1 + 8 + 1))
    for (const [index, event] of one?.entries() ?? []) {
      if (index === 9) expect((await client.resume(event.id)).status).toBe(204)
      else expect((await readEventStream(client.resume(event.id))).events).toEqual(one?.slice(index + 1))
    }
  })

  it('moves an answer to the connection that came last', async () => {
    const numberOf = ({ data }: { data: string }): unknown => data && (JSON.parse(data).params?.progress ?? JSON.parse(data).result?.content[0].text)
    const whole = ['', 1, 2, 3, 4, 5, 6, 7, 8, 'Lift-off']
    const reader = new EventEmitter()
    const third = once(reader, 'third')
    const first = readEventStream(client.post(counting(2, 8, 100)), {
      until({ events }) {
        if (events.length >= 3) reader.emit('third', events[2]?.id)
        return false
      },
    })
    const rest = await readEventStream(client.resume((await third)[0]))
    const { events, ended } = await first
    expect(events.map(numberOf)).toEqual(whole.slice(0, events.length))
    expect([events.length < whole.length, ended]).toEqual([true, true])
    expect(rest.events.map(numberOf)).toEqual(whole.slice(3))
  })

  it('sends no message again to a client that opens that stream again', async () => {
    const remind = (of: string): Promise<unknown> => readEventStream(client.post(calling(of, 'remind', { of, after: 0 })))
    const said = ({ events }: EventStreamRecording): unknown[] => events.filter(({ data }) => data !== '').map(({ data }) => JSON.parse(data).params.data)
    await remind('first')
    expect(said(await readEventStream(client.get(), { until: ({ text }) => text.includes('first') }))).toEqual(['first'])
    // Succeeds once the server has noticed that the first reader left.
    const opened = await vi.waitFor(async () => {
      const answer = await client.get()
      expect(answer.status).toBe(200)
      return answer
    }, 90_000)
    await remind('second')
    expect(said(await readEventStream(opened, { until: ({ text }) => text.includes('second') }))).toEqual(['second'])
  })

  it('ends the answer to a request that is cancelled', async () => {
    const answer = await client.post(ENDLESS)
    expect((await client.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'endless' } })).status).toBe(202)
    const { events, ended } = await readEventStream(answer)
    expect([events.map(({ data }) => data), ended]).toEqual([[''], true])
  })

  it('keeps the last twenty answers for a client that reconnects', async () => {
    const ids: string[] = []
    for (let count = 0; count < 20; count++) ids.push((await readEventStream(client.post(PING))).events[0]?.id ?? '')
    expect((await readEventStream(client.resume(ids[0]))).events).toHaveLength(1)
    await readEventStream(client.post(PING))
    expect((await client.resume(ids[0])).status).toBe(400)
    expect((await readEventStream(client.resume(ids[1]))).events).toHaveLength(1)
  })

  it('ends the streams of a session that is deleted, and no longer knows the session', async () => {
    const unasked = readEventStream(client.get())
    const answer = await client.post(ENDLESS)
    expect((await client.request('DELETE')).status).toBe(204)
    expect((await unasked).ended).toBe(true)
    expect((await readEventStream(answer)).events.map(({ data }) => data)).toEqual([''])
    expect((await client.post(PING)).status).toBe(404)
  })

  it('forgets the session that was used longest ago when there are too many', async () => {
    const other = await RawClient.begin(server.url)
    await RawClient.begin(server.url)
    expect((await client.post(PING)).status).toBe(200)
    await RawClient.begin(server.url)
    expect([(await client.post(PING)).status, (await other.post(PING)).status]).toEqual([200, 404])
  })

  it('ends its sessions and itself at a signal, in the middle of an answer', async () => {
    const other = await startServer()
    const answer = await (await RawClient.begin(other.url)).post(ENDLESS)
    expect(await other.end()).toEqual([0, null])
    const { events, ended } = await readEventStream(answer)
    expect([events.map(({ data }) => data), ended]).toEqual([[''], true])
  })
})
