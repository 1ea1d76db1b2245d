import clusterKeySlot from 'cluster-key-slot'
import type { Connector, SubscriberConnection, SubscriberEvents } from './connector.ts'
import { databaseTag } from './database-tag.ts'

/** The part of a `Redis` of `ioredis` that a log uses. */
export interface IoRedisClient {
  call(command: string, ...args: string[]): Promise<unknown>
  duplicate(): unknown
}

/** The part of a `Cluster` of `ioredis` that a log uses. */
export interface IoRedisCluster extends IoRedisClient {
  nodes(role?: 'master'): unknown[]
}

/** A client with all the members that are used. The app's types need only those above. */
interface Duplicable {
  readonly options?: { readonly host?: string; readonly port?: number; readonly keyPrefix?: string; readonly db?: number }
  readonly status?: string
  duplicate(options: object): Duplicate
}

interface Duplicate {
  /** Its present subscriptions. */
  readonly condition: { readonly subscriber: { channels(kind: 'ssubscribe'): string[] } | false } | null
  readonly stream: { ref?(): unknown; unref?(): unknown } | undefined
  on(event: string, listener: (...args: never[]) => void): unknown
  connect(): Promise<unknown>
  subscribe(channel: string): Promise<unknown>
  unsubscribe(channel: string): Promise<unknown>
  ssubscribe(channel: string): Promise<unknown>
  sunsubscribe(channel: string): Promise<unknown>
  ping(): Promise<unknown>
  disconnect(): void
}

interface KnowsSlots {
  readonly slots: readonly (readonly string[] | undefined)[]
}

/** Connects a log to a single Redis or a cluster through `ioredis`. */
export function ioRedisConnector(client: IoRedisClient | IoRedisCluster): Connector {
  const isSharded = 'nodes' in client
  const { keyPrefix = '', db } = (client as unknown as Duplicable).options ?? {}
  const send = ([name = '', ...args]: readonly string[]): Promise<unknown> => client.call(name, ...args)
  const knownNodeOf = (channel: string): string | undefined => (isSharded ? (client as unknown as KnowsSlots).slots[clusterKeySlot(channel)]?.[0] : '')
  return {
    isSharded,
    prefix: String(keyPrefix),
    // A cluster has one database.
    isOpen: () => (client as unknown as Duplicable).status !== 'end',
    tag: isSharded ? async () => '' : databaseTag(send, db),
    send: (_, command) => send(command),
    async nodeOf(channel) {
      if (!isSharded) return ''
      // The client learns only from commands that a slot has moved or that a node is back.
      await client.call('EXISTS', channel)
      const node = knownNodeOf(channel)
      if (node === undefined) throw new Error('The cluster client does not know which node has the channel')
      return node
    },
    knownNodeOf,
    async connect(node, events) {
      const master = isSharded ? masterAt(client, node) : (client as unknown as Duplicable)
      if (!master) throw new Error(`The cluster client knows no master at ${node}`)
      return connect(master, events, isSharded)
    },
  }
}

function masterAt(cluster: IoRedisCluster, node: string): Duplicable | undefined {
  return (cluster.nodes('master') as Duplicable[]).find(({ options }) => `${options?.host}:${options?.port}` === node)
}

async function connect(client: Duplicable, events: SubscriberEvents, isSharded: boolean): Promise<SubscriberConnection> {
  const own = client.duplicate({
    lazyConnect: true,
    // The connection gives up at the first failure. The log decides when to reconnect, for all channels at once.
    retryStrategy: () => null,
    sentinelRetryStrategy: () => null,
    reconnectOnError: null,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
    keyPrefix: '',
  })
  const moves = isSharded ? new Moves(own, events) : undefined
  let failure: unknown
  own.on('error', (error: unknown) => {
    failure ??= error
    if (!moves?.isToldBy(error)) events.lost(error)
  })
  own.on('end', () => events.lost(new Error('The connection was closed')))
  own.on(isSharded ? 'smessage' : 'message', (channel: string, text: string) => events.message(channel, text))
  try {
    await own.connect()
  } catch (error) {
    // With a wrong password, the rejection says only that the connection is closed.
    throw failure ?? error
  }
  return {
    subscribe: (channel) => moves?.subscribe(channel) ?? own.subscribe(channel),
    unsubscribe: (channel) => moves?.unsubscribe(channel) ?? own.unsubscribe(channel),
    async ping() {
      await own.ping()
      // The library takes a message that comes during another call for the answer to it.
      moves?.tell()
    },
    keepAlive: (isNeeded) => void (isNeeded ? own.stream?.ref?.() : own.stream?.unref?.()),
    destroy: () => own.disconnect(),
  }
}

/** The channels of one connection to a cluster node. The node drops a channel when its slot moves. */
class Moves {
  readonly #own: Duplicate
  readonly #events: SubscriberEvents
  /** The channels that are subscribed or requested, each with a function that rejects a call without an answer. */
  readonly #channels = new Map<string, (error: Error) => void>()

  constructor(own: Duplicate, events: SubscriberEvents) {
    this.#own = own
    this.#events = events
    own.on('moved', () => this.tell())
  }

  async subscribe(channel: string): Promise<void> {
    // Version 5 never settles a call for a channel that another node has. It only says that some channel has moved.
    const moved = new Promise<never>((_, reject) => this.#channels.set(channel, reject))
    await Promise.race([this.#own.ssubscribe(channel), moved])
  }

  unsubscribe(channel: string): Promise<unknown> {
    this.#channels.delete(channel)
    return this.#own.sunsubscribe(channel)
  }

  /**
   * Whether an error is version 5's response to a node that has unsubscribed a channel. If a PING, or a call to
   * subscribe another channel, is pending, the library takes that for its answer, and errs at the real answer.
   */
  isToldBy(error: unknown): boolean {
    const isMove = /^Command queue state error.* Last reply: (?:s(?:un)?subscribe,|PONG$)/.test(String((error as Error | undefined)?.message))
    if (isMove) this.tell()
    return isMove
  }

  /**
   * Reports the channels that are no longer subscribed. Channels whose subscription is pending count too, since the
   * call may have gone to the wrong node.
   */
  tell(): void {
    const { subscriber } = this.#own.condition ?? {}
    const subscribed = new Set(subscriber ? subscriber.channels('ssubscribe') : [])
    const moved = [...this.#channels].filter(([channel]) => !subscribed.has(channel))
    for (const [channel, reject] of moved) {
      this.#channels.delete(channel)
      reject(new Error('Another node has the channel'))
    }
    if (moved.length > 0) this.#events.moved(moved.map(([channel]) => channel))
  }
}
