import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { Machine } from './machine.ts'
import { faultsOf, Reader, until } from './reader.ts'

/** Two machines on one Redis, pages that read from them, and a publisher. */
export class World {
  readonly machines: Machine[] = []
  readonly readers: Reader[] = []
  readonly publishedById = new Map<string, string>()
  /** The messages that were published and confirmed, in the order of the calls. */
  readonly confirmed: { id: string; data: string }[] = []
  readonly rejected: (string | undefined)[] = []
  #count = 0
  #publishing: Promise<void> | undefined
  #stops = false

  static async start(redisPort: number, library: 'redis' | 'ioredis', log: object = {}): Promise<World> {
    const world = new World()
    const name = randomUUID()
    for (const _ of [1, 2]) world.machines.push(await Machine.start(redisPort, library, name, log))
    return world
  }

  /** Starts `count` pages, and waits until each knows its position. */
  async read(count: number): Promise<void> {
    const ports = () => this.machines.filter(({ isAlive }) => isAlive).map(({ port }) => port)
    const readers = Array.from({ length: count }, () => new Reader(ports))
    this.readers.push(...readers)
    await until(
      () => readers.every(({ lastEventId }) => lastEventId !== ''),
      () => 'all pages have a position',
    )
  }

  /** Publishes one message after the other, by each machine in turn, until it is stopped. */
  publish(): void {
    this.#stops = false
    this.#publishing = this.#publishAll()
  }

  async stopPublishing(): Promise<void> {
    this.#stops = true
    await this.#publishing
  }

  /** Publishes one message more by a machine that is alive. */
  async publishOne(): Promise<void> {
    const machines = this.machines.filter(({ isAlive }) => isAlive)
    const data = `message ${++this.#count}`
    const { id, code } = await (machines[this.#count % machines.length] as Machine).publish(data)
    if (id === undefined) this.rejected.push(code)
    else {
      this.publishedById.set(id, data)
      this.confirmed.push({ id, data })
    }
  }

  /** Waits until `count` more messages were confirmed. */
  async confirmMore(count: number, milliseconds?: number): Promise<void> {
    const enough = this.confirmed.length + count
    await until(
      () => this.confirmed.length >= enough,
      () => `${count} messages more are confirmed`,
      milliseconds,
    )
  }

  /** Waits until each page has had the last message that was confirmed. */
  async allHaveTheLast(milliseconds?: number): Promise<void> {
    const last = this.confirmed.at(-1)?.id
    await until(
      () => this.readers.every(({ messages }) => messages.at(-1)?.id === last),
      () => `all have ${last}: ${this.readers.map(({ messages, resets }) => `${messages.at(-1)?.id} after ${resets.join()}`).join('; ')}`,
      milliseconds,
    )
  }

  /** Checks that each page has the messages in order and once, with a reset wherever one is missing. */
  expectNoFaults(): void {
    for (const { seen } of this.readers) expect(faultsOf(seen, this.publishedById)).toEqual([])
    for (const machine of this.machines) expect(machine.stderr).toBe('')
  }

  async end(): Promise<void> {
    this.#stops = true
    for (const reader of this.readers) reader.leave()
    for (const machine of this.machines) await machine.kill()
  }

  async #publishAll(): Promise<void> {
    while (!this.#stops) {
      await this.publishOne()
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }
}
