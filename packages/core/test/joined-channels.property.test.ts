import { describe, expect, test } from 'vitest'
import { countOf } from '../../testing/src/lib/count-of.ts'
import { type Channel, createChannel, memoryLog, type SubscribeOptions, type TailedLog } from '../src/index.ts'
import { parseEngineId } from '../src/lib/engine-log/engine.ts'
import { unpackMessage } from '../src/lib/engine-log/packed-message.ts'
import { engineLog } from '../src/log.ts'
import { FaultyEngine, type Lineage, type Random, Store } from './support/faulty-engine.ts'
import { turn } from './support/held-sink.ts'
import { type Feed, JoinedClient, type Life } from './support/joined-client.ts'
import { randomOf } from './support/random.ts'
import { LONGEST_WAIT, pickerOf, runsOf, SEED, totalOf } from './support/random-runs.ts'

/** `TIDINGS_RUNS=10000 npx vitest run joined-channels.property` runs longer, and `TIDINGS_SEED` repeats a run. */
const RUNS = runsOf(countOf(1_000))

abstract class RandomFeed implements Feed {
  readonly name: string
  abstract channel: Channel
  abstract readonly lives: readonly Life[]
  readonly ended = new Set<Channel>()
  hasEnded = false
  count = 0
  readonly published: Promise<unknown>[] = []
  readonly errors: unknown[] = []
  readonly #snapshot: 'none' | 'sync' | 'async' | 'says after'
  readonly #position: true | 'message'

  constructor(name: string, random: Random) {
    const pick = pickerOf(random)
    this.name = name
    this.#snapshot = pick(['none', 'none', 'sync', 'async', 'says after'] as const)
    this.#position = pick([true, 'message'])
  }

  abstract restart(): void
  abstract startsAt(): string | undefined
  /** The id of the newest position of the log. */
  protected abstract now(): string
  abstract disturb(): void
  abstract heal(): void
  abstract close(): Promise<void>

  publish(): string {
    const data = `${this.name} ${++this.count}`
    this.published.push(this.channel.publish({ event: 'note', data }))
    return data
  }

  end(): void {
    this.hasEnded = true
    this.ended.add(this.channel)
    this.channel.end()
  }

  protected open(log: TailedLog): Channel {
    this.hasEnded = false
    return createChannel({ log, position: this.#position, onError: (error) => this.errors.push(error) }) as Channel
  }

  options(): SubscribeOptions {
    const state = () => [
      { event: 'state', data: `${this.name} ${this.now()}` },
      { event: 'rest', data: `${this.name} ${'x'.repeat(this.count % 200)}` },
      ...(this.count % 3 === 0 ? [{ comment: 'the end of the state' }] : []),
    ]
    const later = async (): Promise<void> => {
      for (let turns = this.count % 4; turns >= 0; turns--) await turn()
    }
    switch (this.#snapshot) {
      case 'none':
        return {}
      case 'sync':
        return { snapshot: state }
      case 'async':
        return {
          snapshot: async () => {
            await later()
            return state()
          },
        }
      case 'says after':
        return {
          snapshot: async () => {
            await later()
            return { messages: state(), after: this.head() }
          },
        }
    }
  }

  /** The id of the newest position that the channel's own log knows. */
  abstract head(): string
}

class MemoryFeed extends RandomFeed {
  readonly #random: Random
  readonly lives: Life[] = []
  #log!: TailedLog
  #data: string[] = []
  channel!: Channel

  constructor(name: string, random: Random) {
    super(name, random)
    this.#random = random
    this.restart()
  }

  restart(): void {
    this.channel?.close()
    const log = memoryLog({ messages: this.#random() < 0.5 ? 1_000 : 1 + Math.floor(this.#random() * 12) })
    const data: string[] = []
    this.#log = log
    this.#data = data
    const epoch = log.idOf(0).slice(0, -1)
    this.lives.push({ offsetOf: (id) => (id.startsWith(epoch) ? Number(id.slice(epoch.length)) : undefined), dataAt: (offset) => data[offset - 1] ?? '' })
    this.channel = this.open(log)
  }

  override publish(): string {
    const data = super.publish()
    this.#data.push(data)
    return data
  }

  startsAt(): string | undefined {
    return this.options().snapshot ? undefined : this.head()
  }

  protected now(): string {
    return this.head()
  }

  head(): string {
    return this.#log.idOf(this.#log.tail.head)
  }

  disturb(): void {}
  heal(): void {}
  async close(): Promise<void> {
    this.channel.close()
  }
}

class EngineFeed extends RandomFeed {
  readonly #random: Random
  readonly #stores = [new Store()]
  readonly #keepsAll: boolean
  readonly #known = new Map<Lineage, Life>()
  readonly #engines: FaultyEngine[] = []
  #log!: TailedLog
  readonly #logs: TailedLog[] = []
  channel!: Channel

  constructor(name: string, random: Random) {
    super(name, random)
    this.#random = random
    this.#keepsAll = random() < 0.5
    this.restart()
  }

  get #store(): Store {
    return this.#stores.at(-1) as Store
  }

  /** Another process begins on the same log, or on a new one where that has ended. */
  restart(): void {
    this.channel?.close()
    if (this.hasEnded) this.#stores.push(new Store())
    const engine = new FaultyEngine(this.#store, this.#random)
    this.#engines.push(engine)
    engine.mostEntries = this.#random() < 0.5 ? 1 + Math.floor(this.#random() * 8) : 1_000
    this.#log = engineLog(engine, { tail: { messages: 1 + Math.floor(this.#random() * 20) }, checkInterval: 40, publishTimeout: LONGEST_WAIT })
    this.#logs.push(this.#log)
    this.channel = this.open(this.#log)
  }

  get lives(): readonly Life[] {
    return this.#stores
      .flatMap(({ lineages }) => lineages)
      .map((lineage) => {
        let life = this.#known.get(lineage)
        if (!life) {
          life = { offsetOf: (id) => offsetIn(lineage, id), dataAt: (offset) => unpackMessage(lineage.entries[offset - 1]?.packed ?? '')?.data ?? '' }
          this.#known.set(lineage, life)
        }
        return life
      })
  }

  startsAt(): undefined {
    return undefined
  }

  protected now(): string {
    const { epoch, entries } = this.#store.present
    return `${epoch}-${entries.at(-1)?.at ?? 0}-${entries.length}`
  }

  head(): string {
    return this.#log.idOf(this.#log.tail.head)
  }

  get #engine(): FaultyEngine {
    return this.#engines.at(-1) as FaultyEngine
  }

  disturb(): void {
    const what = this.#random()
    if (what < 0.3) this.#engine.cut()
    else if (what < 0.6) this.#engine.connect()
    else if (what < 0.7) this.#engine.faults = 0.15
    else if (this.#keepsAll) return
    else if (what < 0.8) this.#store.trim(Math.floor(this.#random() * 10))
    else if (what < 0.9) this.#store.rewind(Math.ceil(this.#random() * 4))
    else this.#store.loseAll()
  }

  heal(): void {
    for (const engine of this.#engines) {
      engine.faults = 0
      engine.connect()
    }
  }

  async close(): Promise<void> {
    this.channel.close()
    await Promise.all(this.#logs.map((log) => log.close()))
  }
}

function offsetIn({ epoch, entries }: Lineage, id: string): number | undefined {
  const place = parseEngineId(id)
  if (place?.epoch !== epoch || place.offset > entries.length) return undefined
  return place.at === (entries[place.offset - 1]?.at ?? 0) ? place.offset : undefined
}

function shuffled<Item>(items: readonly Item[], random: Random): Item[] {
  return items
    .map((item) => ({ item, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)
}

async function run(seed: number): Promise<Record<keyof JoinedClient['seen'], number>> {
  const random = randomOf(seed)
  const pick = pickerOf(random)
  const feeds = Array.from({ length: 2 + Math.floor(random() * 7) }, (_, index) =>
    random() < 0.6 ? new MemoryFeed(`m${index}`, random) : new EngineFeed(`e${index}`, random),
  )
  const clients = [new JoinedClient(random), new JoinedClient(random), new JoinedClient(random)]
  /** All of them, or one fewer, in any order. */
  const someFeeds = (): RandomFeed[] => {
    const order = random() < 0.5 ? feeds : shuffled(feeds, random)
    return random() < 0.3 ? order.slice(1) : order
  }
  try {
    for (let step = 0; step < 70; step++) {
      const what = random()
      if (what < 0.5) for (let burst = Math.ceil(random() * 4); burst > 0; burst--) publishTo(pick(feeds))
      else if (what < 0.7) {
        const client = pick(clients)
        await client.drop(random())
        void client.connect(someFeeds())
      } else if (what < 0.76) pick(clients).hold()
      else if (what < 0.86) pick(clients).take()
      else if (what < 0.9) pick(feeds).disturb()
      else if (what < 0.93) pick(feeds).end()
      else if (what < 0.96) pick(feeds).restart()
      if (random() < 0.6) await turn()
      if (random() < 0.5) for (const client of clients) client.read()
    }
    for (const feed of feeds) {
      feed.heal()
      if (feed.hasEnded) feed.restart()
    }
    await Promise.allSettled(feeds.flatMap(({ published }) => published))
    const until = async (holds: (client: JoinedClient) => boolean, what: (client: JoinedClient) => string): Promise<void> => {
      const end = performance.now() + LONGEST_WAIT
      while (!clients.every(holds)) {
        if (performance.now() > end) throw new Error(`in vain: ${clients.map(what).join(', ')}`)
        await new Promise((resolve) => setTimeout(resolve, 2))
        for (const client of clients) {
          client.take()
          client.read()
        }
      }
    }
    for (const client of clients) {
      await client.drop(random())
      await client.connect(shuffled(feeds, random))
    }
    await until(
      ({ lastEventId }) => feeds.every(({ name }) => `~${lastEventId}`.includes(`~${name}~`)),
      ({ lastEventId }) => lastEventId,
    )
    for (const feed of feeds) feed.publish()
    await Promise.all(feeds.flatMap(({ published }) => published.slice(-1)))
    await until(
      (client) => feeds.every((feed) => client.partOf(feed.name) === feed.head()) && client.isUpToDate(),
      (client) => feeds.map((feed) => `${client.partOf(feed.name)} of ${feed.head()}`).join(),
    )
    const total = { messages: 0, resets: 0, snapshots: 0, drops: 0, carried: 0 }
    for (const { seen } of clients) for (const name of Object.keys(total) as (keyof typeof total)[]) total[name] += seen[name]
    return total
  } catch (error) {
    throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error })
  } finally {
    for (const feed of feeds) await feed.close()
  }
}

function publishTo(feed: RandomFeed): void {
  if (!feed.hasEnded) feed.publish()
}

describe('C13 several channels on one stream', () => {
  test(`C13 each channel of a joined id goes on exactly, or tells a gap (seed ${SEED})`, { timeout: 600_000 }, async () => {
    const total = await totalOf(RUNS, run)
    expect(total.messages).toBeGreaterThan(RUNS * 20)
    expect(total.resets).toBeGreaterThan(RUNS)
    expect(total.snapshots).toBeGreaterThan(RUNS)
    expect(total.carried).toBeGreaterThan(RUNS)
  })
})
