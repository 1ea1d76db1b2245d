import { describe, expect, test } from 'vitest'
import { countOf } from '../../testing/src/lib/count-of.ts'
import { type Channel, createChannel, type Subscription } from '../src/index.ts'
import { engineId, parseEngineId } from '../src/lib/engine-log/engine.ts'
import { unpackMessage } from '../src/lib/engine-log/packed-message.ts'
import { SinkStream } from '../src/lib/stream/sink-stream.ts'
import { resolveOptions } from '../src/lib/stream/stream-options.ts'
import { type EngineEntry, engineLog } from '../src/log.ts'
import { FaultyEngine, type Lineage, Store } from './support/faulty-engine.ts'
import { HeldSink, turn } from './support/held-sink.ts'
import { EventStreamParser } from './support/parsers.ts'
import { randomOf } from './support/random.ts'
import { LONGEST_WAIT, pickerOf, runsOf, SEED, totalOf } from './support/random-runs.ts'

/** `TIDINGS_RUNS=10000 npx vitest run engine-log.property` runs longer, and `TIDINGS_SEED` repeats a run. */
const RUNS = runsOf(countOf(240))
const TOPICS = ['a', 'b', 'c']
// Milliseconds, longer than a run takes.
const LONG = 10_000_000

/** A client that goes from process to process, and looks at each block that it gets. */
class Client {
  readonly topics: readonly string[] | undefined
  readonly #store: Store
  #sink: HeldSink | undefined
  #subscription: Subscription | undefined
  #read = 0
  #parser = new EventStreamParser()
  #events = 0
  #lastEventId = ''
  /**
   * The messages that are not kept and that it has had on this connection. On the next one it may get one again, from
   * a process that hears of it later.
   */
  readonly told = new Set<string>()
  tellings = 0
  /** Where it stands since it was last told that something may be gone. */
  #before: string | undefined
  /** Whether it knows where it stands. */
  get hasPosition(): boolean {
    return this.#lastEventId !== ''
  }

  joins = 0
  resets = 0
  messages = 0
  lastData = ''

  constructor(store: Store, topics: readonly string[] | undefined) {
    this.#store = store
    this.topics = topics
  }

  join(channel: Channel): void {
    this.#sink?.leave()
    this.#read = 0
    this.told.clear()
    this.#parser = new EventStreamParser()
    this.#events = 0
    const stream = new SinkStream(resolveOptions({ heartbeat: false }), this.#lastEventId)
    // Each other time its transport can be written to past its stream.
    HeldSink.takesShared = this.joins++ % 2 === 0
    this.#sink = new HeldSink(stream)
    stream.open(this.#sink)
    this.#subscription = channel.subscribe(stream, this.topics ? { topics: this.topics } : {})
  }

  /** The id of its position, as its process knows it. */
  get place(): string | undefined {
    return this.#subscription?.lastEventId
  }

  /** Reads all that was written, block by block. */
  read(): void {
    const { frames = [] } = this.#sink ?? {}
    for (; this.#read < frames.length; this.#read++) {
      for (const block of (frames[this.#read] as string).split(/(?<=\n\n)/)) {
        this.#parser.feed(new TextEncoder().encode(block))
        this.#onBlock()
      }
    }
  }

  #onBlock(): void {
    const { events, lastEventId } = this.#parser
    const event = events[this.#events]
    this.#events = events.length
    const id = lastEventId || this.#lastEventId
    if (event?.type === 'told') {
      if (id !== this.#lastEventId) throw new Error('told with an id')
      this.#hears(event.data)
      return
    }
    if (event?.type === 'reset') {
      this.resets++
      this.#before = undefined
    } else if (event) {
      this.messages++
      this.lastData = event.data
    } else if (id === this.#lastEventId) return
    this.#lastEventId = id
    if (this.#before !== undefined) this.#follows(this.#before, id, event?.type === 'reset' ? undefined : event?.data)
    this.#before = id
  }

  /** Throws unless it hears a message that is not kept once, and right where that stands. */
  #hears(data: string): void {
    if (this.told.has(data)) throw new Error(`${data} is told again`)
    this.told.add(data)
    this.tellings++
    const place = this.#store.tellings.find(({ packed }) => packed.some((each) => unpackMessage(each)?.data === data))
    const lineage = this.#store.lineages.find((each) => place && offsetIn(each, engineId(place.epoch, place)) !== undefined)
    const from = lineage && offsetIn(lineage, this.#lastEventId)
    if (!place || !lineage || from === undefined) throw new Error(`${data} is told at ${this.#lastEventId}, a place of another life`)
    const between = lineage.entries.slice(Math.min(from, place.offset), Math.max(from, place.offset))
    if (between.some(({ packed }) => this.#wants(unpackMessage(packed)?.topic))) throw new Error(`${data} is told at ${from} instead of ${place.offset}`)
  }

  /**
   * Throws unless there is a life of the log in which one place follows the other, with nothing for this client
   * between them.
   */
  #follows(before: string, id: string, data: string | undefined): void {
    const reasons = this.#store.lineages.map((lineage) => this.#faultIn(lineage, before, id, data))
    if (reasons.every(Boolean)) throw new Error(`${before} was followed by ${id}: ${[...new Set(reasons)].join('; ')}`)
  }

  #faultIn(lineage: Lineage, before: string, id: string, data: string | undefined): string | undefined {
    const from = offsetIn(lineage, before)
    const to = offsetIn(lineage, id)
    if (from === undefined || to === undefined) return 'a place of another life'
    if (to < from || (data !== undefined && to === from)) return 'it goes back'
    const wanted = lineage.entries.slice(from, to).filter(({ packed }) => this.#wants(unpackMessage(packed)?.topic))
    if (data === undefined) return wanted.length > 0 ? `${wanted.length} messages are skipped` : undefined
    if (wanted.length !== 1) return `${wanted.length} messages instead of one`
    return unpackMessage(wanted[0]?.packed ?? '')?.data === data ? undefined : 'another message'
  }

  #wants(topic: string | undefined): boolean {
    return !this.topics || (topic !== undefined && this.topics.includes(topic))
  }
}

function offsetIn({ epoch, entries }: Lineage, id: string): number | undefined {
  const place = parseEngineId(id)
  if (place?.epoch !== epoch || place.offset > entries.length) return undefined
  return place.at === (entries[place.offset - 1]?.at ?? 0) ? place.offset : undefined
}

async function run(seed: number): Promise<Record<'messages' | 'resets' | 'losses' | 'told', number>> {
  const random = randomOf(seed)
  const pick = pickerOf(random)
  const store = new Store()
  const keepsAll = random() < 0.5
  const engines = [1, 2, 3].map(() => new FaultyEngine(store, random))
  // Some have room for few pages further back, and some pages are short.
  const tail = { messages: 1 + Math.floor(random() * 20), bytes: random() < 0.5 ? 200 + Math.floor(random() * 2_000) : undefined }
  // The engine may have more than a log may count on, as one that trims by blocks, or when it is asked.
  const history = keepsAll ? {} : { messages: random() < 0.5 ? 10 + Math.floor(random() * 60) : undefined, age: LONG / 2 }
  const logs = engines.map((engine) => engineLog(engine, { tail, history, checkInterval: 40, publishTimeout: LONGEST_WAIT }))
  const channels = logs.map((log) => createChannel({ log, onError: () => {} }))
  const clients = [undefined, ['a'], ['b', 'c'], undefined, ['c'], undefined, ['a']].map((topics) => new Client(store, topics))
  for (const engine of engines) {
    engine.faults = random() < 0.5 ? 0.15 : 0
    engine.mostEntries = random() < 0.5 ? 1 + Math.floor(random() * 8) : 1_000
  }
  let count = 0
  let losses = 0
  const published: Promise<unknown>[] = []
  const publish = (channel: Channel, topic = pick(TOPICS)): void => void published.push(channel.publish({ data: `${++count}` }, { topic }))
  const tell = (channel: Channel, topic = pick(TOPICS)): void =>
    void published.push(channel.publish({ event: 'told', data: `told ${++count}` }, { topic, keep: false }))
  try {
    for (let step = 0; step < 120; step++) {
      const what = random()
      if (what < 0.5) for (let burst = Math.ceil(random() * 4); burst > 0; burst--) (random() < 0.25 ? tell : publish)(pick(channels))
      else if (what < 0.62) pick(clients).join(pick(channels))
      else if (what < 0.66) pick(engines).cut()
      else if (what < 0.72) pick(engines).connect()
      else if (!keepsAll && what < 0.73) {
        losses++
        store.loseAll()
      } else if (!keepsAll && what < 0.75) {
        losses++
        store.rewind(Math.ceil(random() * 6))
      } else if (!keepsAll && what < 0.77) {
        losses++
        store.trim(Math.floor(random() * 10))
      } else if (!keepsAll && what < 0.775) {
        losses++
        store.clock += LONG
      }
      await turn()
      for (const client of clients) client.read()
    }
    for (const engine of engines) {
      engine.faults = 0
      engine.connect()
    }
    for (const client of clients) if (client.joins === 0 || random() < 0.3) client.join(pick(channels))
    await Promise.allSettled(published)
    const until = async (holds: (client: Client) => boolean, what: (client: Client) => string): Promise<void> => {
      const end = performance.now() + LONGEST_WAIT
      while (!clients.every(holds)) {
        if (performance.now() > end) throw new Error(`in vain: ${clients.map(what).join(', ')}`)
        await new Promise((resolve) => setTimeout(resolve, 5))
        for (const client of clients) client.read()
      }
    }
    await until(
      ({ hasPosition }) => hasPosition,
      ({ hasPosition }) => `has a position: ${hasPosition}`,
    )
    const last = TOPICS.map((topic) => ({ topic, data: `last of ${topic}` }))
    for (const { topic, data } of last) await pick(channels).publish({ data }, { topic })
    const due = (client: Client): string => last.filter(({ topic }) => !client.topics || client.topics.includes(topic)).at(-1)?.data as string
    await until(
      (client) => client.lastData === due(client),
      (client) => `${client.lastData} of ${due(client)}`,
    )
    // Each gets what is told once it has had all messages. Two calls could overtake each other.
    const { present } = store
    const head = engineId(present.epoch, present.entries.at(-1) as EngineEntry)
    await until(
      ({ place }) => place === head,
      ({ place }) => `${place} of ${head}`,
    )
    for (const topic of TOPICS) {
      const data = `last told to ${topic}`
      await pick(channels).publish({ event: 'told', data }, { topic, keep: false })
      await until(
        ({ topics, told }) => told.has(data) || topics?.includes(topic) === false,
        ({ topics, told }) => `${[...told].slice(-1)} of ${topics}`,
      )
    }
    const seen = { messages: 0, resets: 0, losses, told: 0 }
    for (const client of clients) {
      seen.messages += client.messages
      seen.resets += client.resets
      seen.told += client.tellings
    }
    if (keepsAll && seen.resets > 0) throw new Error(`${seen.resets} false gaps`)
    return seen
  } catch (error) {
    throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error })
  } finally {
    for (const channel of channels) channel.close()
    for (const log of logs) await log.close()
  }
}

describe('a log on an engine whose calls and news get lost', () => {
  test(`C1 C2 C3 C14 G1 G2 G3 each client gets the messages after its id from any process, or a reset (seed ${SEED})`, { timeout: 600_000 }, async () => {
    const total = await totalOf(RUNS, run)
    expect(total.messages).toBeGreaterThan(RUNS * 100)
    expect(total.resets).toBeGreaterThan(RUNS / 4)
    expect(total.told).toBeGreaterThan(RUNS * 10)
  })
})
