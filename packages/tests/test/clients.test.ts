import { createChannel, type Message } from '@tidings/core'
import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { describeWith } from '../../../scripts/requirements.ts'
import { type Dispatched, launchChromium } from '../support/browser.ts'
import { type Client, clients } from '../support/clients.ts'
import { type Framework, frameworks } from '../support/frameworks.ts'
import { Lab } from '../support/lab.ts'
import { Reader } from '../support/reader.ts'
import { type Block, seenBy, withoutEmptyBlocks } from '../support/seen-by.ts'

const RETRY = 50
const HEARTBEAT = 50
const LAST = 'that was all'
const NAMES = ['message', 'named', 'ünïcode 📰']
const NEWEST = ['Express 5', 'Koa 3', 'Hono']

const describeIn = { node: describe, chromium: describeWith('chromium') }
let browser: Promise<Browser> | undefined
afterAll(async () => (await browser)?.close())

for (const framework of frameworks.filter(({ name }) => NEWEST.includes(name))) {
  for (const client of clients) describeIn[client.runsIn](`${client.name}, from ${framework.name}`, () => reads(client, framework))
}

function reads(client: Client, framework: Framework): void {
  const { limits } = client
  const openLab = (options: object): Promise<Lab> => Lab.open(client, framework, options, () => (browser ??= launchChromium()))
  let lab: Lab
  beforeAll(async () => {
    lab = await openLab({ retry: RETRY })
  })
  afterEach(async () => {
    await lab.rest()
    expect(lab.site.errors).toEqual([])
  })
  afterAll(() => lab?.close())

  it('W2 W3 W7 W8 dispatches exactly the messages that were sent', async () => {
    lab.site.routes.set('/messages', () => async (stream) => {
      for (const [message] of CASES) await stream.send(message)
    })

    const reading = await lab.read('/messages', { names: NAMES })
    await reading.untilData(LAST)

    expect(reading.events).toEqual(seenBy(client, [OPENING, ...CASES.map(([, block]) => block)]))
  })

  it(`L5 dispatches ${limits.showsEmptyBlocks ? 'an empty message' : 'nothing'} for a heartbeat`, async () => {
    const quiet = await openLab({ heartbeat: HEARTBEAT })
    try {
      quiet.site.handOver('/quiet')
      const opened = quiet.site.nextStream('/quiet')
      const reading = await quiet.read('/quiet')
      const { stream } = await opened
      await stream.send('before')
      // One timer serves all streams, so the client has had as many heartbeats as this reader.
      const beside = new Reader(`${quiet.origin}/quiet`)
      await beside.endsWith(':\n\n'.repeat(4))
      beside.leave()
      await stream.send(LAST)
      await reading.untilData(LAST)

      expect(withoutEmptyBlocks(client, reading.events)).toEqual(['before', LAST].map(withoutId))
      if (limits.showsEmptyBlocks) expect(reading.events.length).toBeGreaterThan(4)
    } finally {
      await quiet.close()
    }
  })

  it.each(['ended', 'broken off'])('H6 reconnects with the last id after the response was %s', async (how) => {
    lab.site.handOver('/dropped')
    const sent = ['a', 'b', 'c']
    const returnedWith: string[] = []
    let opened = lab.site.nextStream('/dropped')
    const reading = await lab.read('/dropped')
    for (const data of sent) {
      const { stream, visit } = await opened
      returnedWith.push(visit.lastEventId)
      await stream.send({ data, id: `id-of-${data}` })
      await reading.untilData(data)
      opened = lab.site.nextStream('/dropped')
      if (how === 'ended') stream.close()
      else lab.site.cut()
    }
    returnedWith.push((await opened).visit.lastEventId)

    expect(returnedWith).toEqual(['', 'id-of-a', 'id-of-b', 'id-of-c'])
    expect(withoutEmptyBlocks(client, reading.events)).toEqual(sent.map((data) => ({ type: 'message', data, lastEventId: `id-of-${data}` })))
  })

  it(`W8 ${limits.ignoresLoneIds ? 'ignores' : 'keeps'} an id that came without data`, async () => {
    lab.site.handOver('/lone-id')
    const opened = lab.site.nextStream('/lone-id')
    await lab.read('/lone-id')
    const { stream } = await opened
    await stream.send({ data: 'a', id: '1' })
    await stream.send({ id: '2' })
    const again = lab.site.nextStream('/lone-id')
    stream.close()

    expect((await again).visit.lastEventId).toBe(limits.ignoresLoneIds ? '1' : '2')
  })

  it(limits.returnsAfter204 ? 'reconnects after 204' : 'stops at 204', async () => {
    const visits = lab.visitsTo('/over', (count) => {
      if (count > 1) return 204
      return async (stream) => {
        await stream.send(LAST)
        stream.close()
      }
    })

    const reading = await lab.read('/over')
    await (limits.returnsAfter204 ? visits.until(4) : reading.untilStopped())

    expect(reading.stopped).toBe(!limits.returnsAfter204)
    if (!limits.returnsAfter204) expect(visits.seen.length).toBe(2)
    expect(withoutEmptyBlocks(client, reading.events)).toEqual([withoutId(LAST)])
  })

  it('C17 has read an ended channel to its end once it has the last message of its topics', async () => {
    const channel = createChannel()
    const options = { topics: ['mine'], after: 'start' }
    const ids = [
      await channel.publish('first', { topic: 'mine' }),
      await channel.publish(LAST, { topic: 'mine' }),
      await channel.publish('another', { topic: 'other' }),
    ]
    channel.end()
    const haveAll = new Set<string>()
    for (const id of ['', ...ids]) if (await channel.ended(id, options)) haveAll.add(id)
    const visits = lab.visitsTo('/run', () => (haveAll.has(visits.seen.at(-1)?.lastEventId ?? '') ? 204 : (stream) => void channel.subscribe(stream, options)))

    const reading = await lab.read('/run')
    await (limits.returnsAfter204 ? visits.until(2) : reading.untilStopped())

    expect(visits.seen.slice(0, 2).map(({ lastEventId }) => lastEventId)).toEqual(['', ids[limits.ignoresLoneIds ? 1 : 2]])
    if (!limits.returnsAfter204) expect(visits.seen.length).toBe(2)
    expect(withoutEmptyBlocks(client, reading.events).map(({ data }) => data)).toEqual(['first', LAST])
  })

  it('C2 resumes a channel with exactly the messages after its last one', async () => {
    const channel = createChannel({ position: 'message' })
    const published: Dispatched[] = []
    const publish = async (count: number): Promise<string> => {
      for (let left = count; left > 0; left--) {
        const data = `message ${published.length}`
        published.push({ type: 'message', data, lastEventId: await channel.publish({ data }) })
      }
      return published.at(-1)?.data ?? ''
    }
    lab.site.handOver('/channel')
    let opened = lab.site.nextStream('/channel')
    const subscribe = async (): Promise<void> => {
      const { stream } = await opened
      channel.subscribe(stream)
      opened = lab.site.nextStream('/channel')
    }

    const reading = await lab.read('/channel')
    await subscribe()
    await reading.untilData(await publish(5))
    lab.site.cut()
    await publish(5) // Missed: the client is not connected.
    await subscribe()
    await reading.untilData(await publish(5))
    await publish(5) // Cut in the middle.
    lab.site.cut()
    await subscribe()
    await reading.untilData(await publish(5))
    channel.close()

    expect(withoutEmptyBlocks(client, reading.events)).toEqual(published)
  })

  it(limits.onlyGets ? 'sends GET even if it is told to post' : 'H10 posts, and reads the answer', async () => {
    const visits = lab.visitsTo('/echo', () => async (stream) => {
      await stream.send(`You said: ${await visits.seen[0]?.body()}`)
      await stream.send(LAST)
    })

    const reading = await lab.read('/echo', { body: 'Grüße 📰' })
    await reading.untilData(LAST)

    expect(visits.seen.map(({ method }) => method)).toEqual([limits.onlyGets ? 'GET' : 'POST'])
    expect(withoutEmptyBlocks(client, reading.events)).toEqual([`You said: ${limits.onlyGets ? '' : 'Grüße 📰'}`, LAST].map(withoutId))
  })
}

function withoutId(data: string): Dispatched {
  return { type: 'message', data, lastEventId: '' }
}

/** Every stream begins with a block that has a reconnection time or a comment, and no data. */
const OPENING: Block = {}

/** Messages, each with its block on the wire. */
const CASES: ReadonlyArray<readonly [message: Message, block: Block]> = [
  ['unnamed', { event: { type: 'message', data: 'unnamed', lastEventId: '' } }],
  [{ event: 'named', data: { json: true } }, { event: { type: 'named', data: '{"json":true}', lastEventId: '' } }],
  [{ event: 'ünïcode 📰', data: 'naïve — 東京 — 👩‍👩‍👧' }, { event: { type: 'ünïcode 📰', data: 'naïve — 東京 — 👩‍👩‍👧', lastEventId: '' } }],
  ['one\ntwo\r\nthree\rfour\n', { event: { type: 'message', data: 'one\ntwo\nthree\nfour\n', lastEventId: '' } }],
  ['\n\nafter two empty lines', { event: { type: 'message', data: '\n\nafter two empty lines', lastEventId: '' } }],
  ['\n', { event: { type: 'message', data: '\n', lastEventId: '' } }],
  ['', { event: { type: 'message', data: '', lastEventId: '' } }],
  [{ event: 'named', data: '' }, { event: { type: 'named', data: '', lastEventId: '' } }],
  ['  two spaces\n  and two', { event: { type: 'message', data: '  two spaces\n  and two', lastEventId: '' } }],
  ['data: x\nid: 9\n\n: y', { event: { type: 'message', data: 'data: x\nid: 9\n\n: y', lastEventId: '' } }],
  [
    { data: 'with an id', id: '1' },
    { event: { type: 'message', data: 'with an id', lastEventId: '1' }, ownId: '1' },
  ],
  ['the id stays', { event: { type: 'message', data: 'the id stays', lastEventId: '1' } }],
  [{ comment: 'nothing\ndata: to see' }, {}],
  [{ retry: RETRY }, {}],
  [
    { data: 'another id', id: '2' },
    { event: { type: 'message', data: 'another id', lastEventId: '2' }, ownId: '2' },
  ],
  [{ data: 'no id any more', id: '' }, { event: { type: 'message', data: 'no id any more', lastEventId: '' } }],
  [LAST, { event: { type: 'message', data: LAST, lastEventId: '' } }],
]
