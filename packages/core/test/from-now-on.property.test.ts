import { describe, expect, test } from 'vitest'
import { type Channel, createChannel } from '../src/index.ts'
import { unpackMessage } from '../src/lib/engine-log/packed-message.ts'
import { SinkStream } from '../src/lib/stream/sink-stream.ts'
import { resolveOptions } from '../src/lib/stream/stream-options.ts'
import { engineLog } from '../src/log.ts'
import { FaultyEngine, Store } from './support/faulty-engine.ts'
import { HeldSink, turn } from './support/held-sink.ts'
import { received } from './support/parsers.ts'
import { randomOf } from './support/random.ts'
import { LONGEST_WAIT, pickerOf, runsOf, SEED, totalOf } from './support/random-runs.ts'

/** `TIDINGS_RUNS=10000 npx vitest run from-now-on` runs longer, and `TIDINGS_SEED` repeats a run. */
const RUNS = runsOf(240)
const STREAM_OPTIONS = resolveOptions({ heartbeat: false })

/** A process that has just started, or has run for a while. */
class Machine {
  readonly engine: FaultyEngine
  readonly channel: Channel
  readonly close: () => Promise<void>
  /** Its published messages, and whether the log has them. */
  readonly published: { data: string; isKept: boolean }[] = []

  constructor(store: Store, random: () => number, number: number) {
    this.engine = new FaultyEngine(store, random)
    // Now and then one whose engine is away from the start, or cannot be followed yet.
    const what = random()
    if (what < 0.3) this.engine.cut()
    else if (what < 0.6) this.engine.deafen()
    const log = engineLog(this.engine, { tail: { messages: 1 + Math.floor(random() * 20) }, checkInterval: 40, publishTimeout: LONGEST_WAIT })
    this.channel = createChannel({ log, onError: () => {} })
    this.#number = number
    this.close = async () => {
      this.channel.close()
      await log.close()
    }
  }

  readonly #number: number

  publish(): Promise<unknown> {
    const message = { data: `${this.#number}/${this.published.length}`, isKept: false }
    this.published.push(message)
    return this.channel.publish(message.data).then(() => {
      message.isKept = true
    })
  }
}

/** One that reads from now on, and what its process had published by then. */
interface FromNowOn {
  machine: Machine
  /** The first that is published after its call. */
  first: number
  /** Those that were kept at its call. */
  before: Set<string>
  /** The messages that it has had, and whether it got a reset. */
  read(): { data: string[]; isTold: boolean }
}

function subscribe(machine: Machine): () => { data: string[]; isTold: boolean } {
  const stream = new SinkStream(STREAM_OPTIONS, '')
  const sink = new HeldSink(stream)
  stream.open(sink)
  machine.channel.subscribe(stream)
  return () => {
    const { events } = received(sink.frames.join(''))
    return { data: events.filter(({ type }) => type === 'message').map(({ data }) => data), isTold: events.some(({ type }) => type === 'reset') }
  }
}

function iterate(machine: Machine): () => { data: string[]; isTold: boolean } {
  const data: string[] = []
  let isTold = false
  const messages = machine.channel.messages()
  const collect = async (): Promise<void> => {
    for await (const message of messages) data.push(String(message.data))
  }
  collect().catch((error: { code: unknown }) => {
    if (error.code !== 'ERR_SSE_GAP') throw error
    isTold = true
  })
  return () => ({ data: [...data], isTold })
}

async function run(seed: number): Promise<Record<'readers' | 'messages' | 'told', number>> {
  const random = randomOf(seed)
  const pick = pickerOf(random)
  const store = new Store()
  const keepsAll = random() < 0.6
  const machines: Machine[] = []
  const readers: FromNowOn[] = []
  const published: Promise<unknown>[] = []
  const start = (): void => {
    const machine = new Machine(store, random, machines.length)
    machine.engine.faults = random() < 0.5 ? 0.15 : 0
    machines.push(machine)
  }
  try {
    start()
    for (let step = 0; step < 60; step++) {
      const what = random()
      const machine = pick(machines)
      if (what < 0.1 && machines.length < 6) start()
      else if (what < 0.35) {
        const before = new Set(machine.published.filter(({ isKept }) => isKept).map(({ data }) => data))
        readers.push({ machine, first: machine.published.length, before, read: random() < 0.5 ? subscribe(machine) : iterate(machine) })
        // Mostly in the same turn.
        if (random() < 0.7) for (let count = Math.ceil(random() * 3); count > 0; count--) published.push(machine.publish())
      } else if (what < 0.6) for (let count = Math.ceil(random() * 3); count > 0; count--) published.push(machine.publish())
      else if (what < 0.66) machine.engine.cut()
      else if (what < 0.76) machine.engine.connect()
      else if (what < 0.8) machine.engine.deafen()
      else if (what < 0.88) machine.engine.hear()
      else if (!keepsAll && what < 0.89) store.loseAll()
      else if (!keepsAll && what < 0.91) store.rewind(Math.ceil(random() * 4))
      else if (!keepsAll && what < 0.92) store.trim(Math.floor(random() * 10))
      if (random() < 0.6) await turn()
    }
    for (const { engine } of machines) {
      engine.faults = 0
      engine.connect()
      engine.hear()
    }
    await Promise.all(published)
    for (const machine of machines) await machine.publish()
    // What the store has lost it may have lost before anyone heard of it.
    const kept = new Set(store.present.entries.map(({ packed }) => unpackMessage(packed)?.data))
    const until = performance.now() + LONGEST_WAIT
    for (const { machine, first, before, read } of readers) {
      const own = machine.published.slice(first).map(({ data }) => data)
      while (!read().isTold && !read().data.includes(own.at(-1) as string)) {
        if (performance.now() > until) throw new Error(`in vain: ${own.at(-1)}, after ${read().data.slice(-5)}`)
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      const { data, isTold } = read()
      if (keepsAll) {
        if (isTold) throw new Error('a false gap')
        expect(data.filter((each) => own.includes(each))).toEqual(own)
        expect(data.filter((each) => before.has(each))).toEqual([])
      } else if (!isTold) expect(own.filter((each) => kept.has(each) && !data.includes(each))).toEqual([])
    }
    const all = readers.map(({ read }) => read())
    return { readers: all.length, messages: all.reduce((sum, { data }) => sum + data.length, 0), told: all.filter(({ isTold }) => isTold).length }
  } catch (error) {
    throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error })
  } finally {
    for (const machine of machines) await machine.close()
  }
}

describe('readers that begin now, of a log on an engine whose calls and news get lost', () => {
  test(`C16 each gets the messages that its process publishes after its call, or a reset (seed ${SEED})`, { timeout: 600_000 }, async () => {
    const total = await totalOf(RUNS, run)
    expect(total.readers).toBeGreaterThan(RUNS * 8)
    expect(total.messages).toBeGreaterThan(RUNS * 40)
    expect(total.told).toBeGreaterThan(RUNS / 4)
  })
})
