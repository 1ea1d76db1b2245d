import { TidingsError } from '../../src/lib/errors.ts'
import type {
  Engine,
  EngineBatch,
  EngineEntry,
  EngineListener,
  EnginePage,
  EnginePosition,
  EngineReceipt,
  EngineSubscription,
  EngineTelling,
  EngineTold,
  PageLimit,
} from '../../src/log.ts'
import { engineId, randomEpoch } from '../../src/log.ts'
import { turn } from './held-sink.ts'

/** A random number below 1. */
export type Random = () => number

/** What one life of the store's log had, from its first message on. Another begins when it loses some of it. */
export interface Lineage {
  readonly epoch: string
  readonly entries: EngineEntry[]
}

type IdsByKey = Map<string, string>
/** The last batch of each writer. */
type Writers = Map<string, { sequence: number; receipt: EngineReceipt }>

/** A store that keeps a log in memory, and may lose messages. */
export class Store {
  readonly lineages: Lineage[] = [{ epoch: randomEpoch(), entries: [] }]
  readonly connections = new Set<FaultyEngine>()
  /** What was told, with the place where it stands. */
  readonly tellings: EngineTold[] = []
  ended = false
  #trimmed = 0
  /** Milliseconds, of its own. */
  clock = 1_000
  #idsByKey: IdsByKey = new Map()
  #writers: Writers = new Map()
  /** The state after each batch of this life. */
  #states: { length: number; trimmed: number; idsByKey: IdsByKey; writers: Writers }[] = []

  get present(): Lineage {
    return this.lineages.at(-1) as Lineage
  }

  page(entries: readonly EngineEntry[] = []): EnginePage {
    const { epoch, entries: all } = this.present
    return { epoch, offset: all.length, at: all.at(-1)?.at ?? 0, ended: this.ended, entries }
  }

  append({ writer, sequence, messages, ends }: EngineBatch): EngineReceipt {
    const known = this.#writers.get(writer)
    if (known?.sequence === sequence) return known.receipt
    if (known && known.sequence > sequence) throw new Error('a later batch was appended already')
    if (this.ended) throw new TidingsError('ERR_SSE_CHANNEL_ENDED', 'The log has ended')
    const { epoch, entries } = this.present
    const added: EngineEntry[] = []
    const ids = messages.map(({ packed, idempotencyKey }) => {
      const first = idempotencyKey === undefined ? undefined : this.#idsByKey.get(idempotencyKey)
      if (first !== undefined) return first
      const entry = { offset: entries.length + 1, at: ++this.clock, before: entries.at(-1)?.at ?? 0, packed }
      entries.push(entry)
      added.push(entry)
      const id = engineId(epoch, entry)
      if (idempotencyKey !== undefined) this.#idsByKey.set(idempotencyKey, id)
      return id
    })
    this.ended ||= ends
    const receipt = { epoch, offset: entries.length, ids }
    this.#writers.set(writer, { sequence, receipt })
    this.#states.push({ length: entries.length, trimmed: this.#trimmed, idsByKey: new Map(this.#idsByKey), writers: new Map(this.#writers) })
    const news = this.page(added)
    for (const connection of this.connections) connection.publish((listener) => listener.news(news))
    return receipt
  }

  tell(telling: EngineTelling): void {
    if (this.ended) throw new TidingsError('ERR_SSE_CHANNEL_ENDED', 'The log has ended')
    const { epoch, entries } = this.present
    const told = { ...telling, epoch, offset: entries.length, at: entries.at(-1)?.at ?? 0 }
    this.tellings.push(told)
    for (const connection of this.connections) connection.publish((listener) => listener.told?.(told))
  }

  read(direction: 'after' | 'before', { offset, at }: EnginePosition, { messages, bytes }: PageLimit): EnginePage {
    const kept = this.present.entries.slice(this.#trimmed)
    const isAfter = (entry: EngineEntry) => entry.at > at || (entry.at === at && entry.offset > offset)
    const isBefore = (entry: EngineEntry) => entry.at < at || (entry.at === at && entry.offset < offset)
    const found = direction === 'after' ? kept.filter(isAfter) : kept.filter(isBefore).reverse()
    let length = 0
    const isFull = ({ packed }: EngineEntry) => {
      length += packed.length
      return length - packed.length >= bytes
    }
    const most = found.slice(0, messages)
    const end = most.findIndex(isFull)
    return { ...this.page(end < 0 ? most : most.slice(0, end)), present: this.clock }
  }

  /** Keeps the newest `keep` messages. */
  trim(keep: number): void {
    this.#trimmed = Math.max(this.#trimmed, this.present.entries.length - keep)
  }

  /** Begins anew, as after `FLUSHALL`. */
  loseAll(): void {
    this.#states = []
    this.#idsByKey.clear()
    this.#writers.clear()
    this.#goOnWith({ epoch: randomEpoch(), entries: [] })
  }

  /**
   * Goes on from the last state that lacked so many of the newest, as a replica does: one behind a whole batch, with
   * what was known of writers and keys then, and what was not trimmed yet.
   */
  rewind(by: number): void {
    const { epoch, entries } = this.present
    const most = Math.max(this.#trimmed, entries.length - by)
    while ((this.#states.at(-1)?.length ?? 0) > most) this.#states.pop()
    const { length = 0, trimmed = 0, idsByKey, writers } = this.#states.at(-1) ?? {}
    this.#idsByKey = new Map(idsByKey)
    this.#writers = new Map(writers)
    this.#trimmed = trimmed
    this.#goOnWith({ epoch, entries: entries.slice(0, length) })
  }

  #goOnWith(lineage: Lineage): void {
    this.lineages.push(lineage)
    this.#trimmed = Math.min(this.#trimmed, lineage.entries.length)
    this.clock += 10
  }
}

/**
 * How one process reaches the store: calls that fail before or after they did something, and news that come late,
 * twice or never.
 */
export class FaultyEngine implements Engine {
  readonly #store: Store
  readonly #random: Random
  readonly #listeners = new Set<EngineListener>()
  #isConnected = true
  #isDeaf = false
  /** Which connection it is: what was on its way on another one is gone. */
  #connection = 0
  /** The share of calls, and of news, that something happens to. */
  faults = 0
  /** The most entries in one page, even if the limit allows more. */
  mostEntries = 1_000
  /** The number of calls of `renew`. */
  renewals = 0

  constructor(store: Store, random: Random) {
    this.#store = store
    this.#random = random
    store.connections.add(this)
  }

  append(batch: EngineBatch): Promise<EngineReceipt> {
    return this.#call(() => this.#store.append(batch))
  }

  read(direction: 'after' | 'before', position: EnginePosition, limit: PageLimit): Promise<EnginePage> {
    return this.#call(() => this.#store.read(direction, position, { ...limit, messages: Math.min(limit.messages, this.mostEntries) }))
  }

  tell(telling: EngineTelling): Promise<void> {
    return this.#call(() => this.#store.tell(telling))
  }

  follow(listener: EngineListener): EngineSubscription {
    this.#listeners.add(listener)
    const restore = async (): Promise<void> => {
      await this.#delay()
      if (this.#isConnected && !this.#isDeaf && this.#listeners.has(listener)) listener.restored()
    }
    restore()
    const renew = (): void => {
      this.renewals++
      restore()
    }
    return { renew, close: () => void this.#listeners.delete(listener) }
  }

  /** The connection is gone until `connect`. */
  cut(): void {
    this.#isConnected = false
    this.#connection++
    for (const listener of this.#listeners) listener.lost(new Error('cut'))
  }

  connect(): void {
    if (this.#isConnected) return
    this.#isConnected = true
    if (!this.#isDeaf) for (const listener of this.#listeners) listener.restored()
  }

  /** Calls work, but no news come until `hear`. */
  deafen(): void {
    this.#isDeaf = true
  }

  hear(): void {
    this.#isDeaf = false
    if (this.#isConnected) for (const listener of this.#listeners) listener.restored()
  }

  async publish(give: (listener: EngineListener) => void): Promise<void> {
    const connection = this.#connection
    if (!this.#isConnected || this.#isDeaf) return
    await this.#delay()
    const times = this.#random() < this.faults ? (this.#random() < 0.5 ? 0 : 2) : 1
    for (let time = 0; time < times; time++) {
      if (connection === this.#connection) for (const listener of [...this.#listeners]) give(listener)
      await this.#delay()
    }
  }

  async #call<Result>(act: () => Result): Promise<Result> {
    await this.#delay()
    if (!this.#isConnected || this.#random() < this.faults) throw new Error('the call did not arrive')
    const result = act()
    await this.#delay()
    if (this.#random() < this.faults) throw new Error('the answer did not arrive')
    return result
  }

  async #delay(): Promise<void> {
    for (let turns = Math.floor(this.#random() * 4); turns > 0; turns--) await turn()
  }
}
