import clusterKeySlot from 'cluster-key-slot'
import type { Connector, SubscriberConnection, SubscriberEvents } from './connector.ts'
import { databaseTag } from './database-tag.ts'

/** The part of a client from `createClient` of `redis` that a log uses. */
export interface NodeRedisClient {
  sendCommand(command: string[]): Promise<unknown>
  duplicate(): unknown
}

/** The part of a client from `createCluster` of `redis` that a log uses. */
export interface NodeRedisCluster {
  sendCommand(firstKey: string | undefined, isReadonly: boolean | undefined, command: string[]): Promise<unknown>
  readonly slots: readonly unknown[]
  nodeClient(node: never): unknown
}

/** The part of a client from `createSentinel` of `redis` that a log uses. */
export interface NodeRedisSentinel {
  sendCommand(isReadonly: boolean | undefined, command: string[]): Promise<unknown>
  getMasterNode(): unknown
}

/** A sentinel client with all the members that are used. */
interface RunsOnMaster {
  _execute(isReadonly: false, use: (client: Duplicable) => Promise<Duplicable>): Promise<Duplicable>
}

/** A client with all the members that are used. The app's types need only those above. */
interface Duplicable {
  readonly options?: { readonly socket?: object; readonly database?: number }
  duplicate(options: object): Duplicate
}

interface Duplicate {
  on(event: string, listener: (detail: unknown) => void): unknown
  connect(): Promise<unknown>
  subscribe(channel: string, listener: Listener): Promise<unknown>
  unsubscribe(channel: string, listener: Listener): Promise<unknown>
  sSubscribe(channel: string, listener: Listener): Promise<unknown>
  sUnsubscribe(channel: string, listener: Listener): Promise<unknown>
  ping(): Promise<unknown>
  ref(): void
  unref(): void
  disconnect(): unknown
  destroy?(): void
}

type Listener = (message: string, channel: string) => void

interface Shard {
  readonly master: { readonly address: string }
}

/** Connects a log to a single Redis through `redis`. */
export function nodeRedisConnector(client: NodeRedisClient): Connector {
  const send = (command: readonly string[]): Promise<unknown> => client.sendCommand([...command])
  return {
    isSharded: false,
    prefix: '',
    tag: databaseTag(send, (client as unknown as Duplicable).options?.database),
    isOpen: () => isOpen(client),
    send: (_, command) => send(command),
    nodeOf: async () => '',
    knownNodeOf: () => '',
    connect: (_, events) => connect(client as unknown as Duplicable, events, false),
  }
}

/** Connects a log to a cluster through `redis`. */
export function nodeRedisClusterConnector(cluster: NodeRedisCluster): Connector {
  const knownNodeOf = (channel: string): string | undefined => (cluster.slots[clusterKeySlot(channel)] as Shard | undefined)?.master.address
  return {
    isSharded: true,
    prefix: '',
    // A cluster has one database.
    tag: async () => '',
    isOpen: () => isOpen(cluster),
    send: (key, command) => cluster.sendCommand(key, false, [...command]),
    async nodeOf(channel) {
      // The client learns only from commands that a slot has moved or that a node is back.
      await cluster.sendCommand(channel, false, ['EXISTS', channel])
      const node = knownNodeOf(channel)
      if (node === undefined) throw new Error('The cluster client does not know which node has the channel')
      return node
    },
    knownNodeOf,
    async connect(node, events) {
      const shard = (cluster.slots as readonly Shard[]).find(({ master }) => master.address === node)
      return connect((await cluster.nodeClient(shard?.master as never)) as Duplicable, events, true)
    },
  }
}

/** Connects a log to a single Redis behind Sentinel through `redis`. */
export function nodeRedisSentinelConnector(sentinel: NodeRedisSentinel): Connector {
  const knownNodeOf = (): string | undefined => {
    const { host, port } = (sentinel.getMasterNode() ?? {}) as { host?: string; port?: number }
    return host === undefined ? undefined : `${host}:${port}`
  }
  const send = (command: readonly string[]): Promise<unknown> => sentinel.sendCommand(false, [...command])
  return {
    isSharded: false,
    prefix: '',
    tag: databaseTag(send, undefined),
    isOpen: () => isOpen(sentinel),
    send: (_, command) => send(command),
    async nodeOf(channel) {
      // The client learns only from commands, too, that another node is the master.
      await send(['EXISTS', channel])
      const node = knownNodeOf()
      if (node === undefined) throw new Error('The sentinel client knows no master')
      return node
    },
    knownNodeOf,
    // The sentinel client's own subscriptions come back after a failover without an event. Messages that were
    // published in between would be missed, so the log has its own connection to the master.
    connect: async (_, events) => connect(await (sentinel as unknown as RunsOnMaster)._execute(false, async (client) => client), events, false),
  }
}

function isOpen(client: object): boolean {
  return (client as { readonly isOpen?: boolean }).isOpen !== false
}

async function connect(client: Duplicable, events: SubscriberEvents, isSharded: boolean): Promise<SubscriberConnection> {
  // The connection gives up at the first failure. The log decides when to reconnect, for all channels at once.
  const own = client.duplicate({ socket: { ...client.options?.socket, reconnectStrategy: false } })
  own.on('error', events.lost)
  own.on('end', () => events.lost(new Error('The connection was closed')))
  own.on('sharded-channel-moved', (channel) => events.moved([String(channel)]))
  await own.connect()
  const listen: Listener = (message, channel) => events.message(channel, message)
  return {
    subscribe: (channel) => (isSharded ? own.sSubscribe(channel, listen) : own.subscribe(channel, listen)),
    unsubscribe: (channel) => (isSharded ? own.sUnsubscribe(channel, listen) : own.unsubscribe(channel, listen)),
    ping: () => own.ping(),
    keepAlive: (isNeeded) => (isNeeded ? own.ref() : own.unref()),
    destroy() {
      // Version 4 has another name for it. Both throw when the connection is closed already.
      Promise.resolve()
        .then(() => (own.destroy ? own.destroy() : own.disconnect()))
        .catch(() => {})
    },
  }
}
