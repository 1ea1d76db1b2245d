import clusterKeySlot from 'cluster-key-slot'
import type { Connector, SubscriberConnection, SubscriberEvents } from './connector.ts'
import { databaseTag } from './database-tag.ts'

/** What the log uses of a `Redis` of `ioredis`. */
export interface IoRedisClient {
  call(command: string, ...args: string[]): Promise<unknown>
  duplicate(): unknown
}

/** What the log uses of a `Cluster` of `ioredis`. */
export interface IoRedisCluster extends IoRedisClient {
  nodes(role?: 'master'): unknown[]
}

/** A client as the library has it, of which only the above is asked of the app's types. */
interface Duplicable {
  readonly options?: { readonly host?: string; readonly port?: number; readonly keyPrefix?: string; readonly db?: number }
  duplicate(options: object): Duplicate
}

interface Duplicate {
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

/** The log's view of a single Redis or a cluster, by way of `ioredis`. */
export function ioRedisConnector(client: IoRedisClient | IoRedisCluster): Connector {
  const isSharded = 'nodes' in client
  const { keyPrefix = '', db } = (client as unknown as Duplicable).options ?? {}
  const send = ([name = '', ...args]: readonly string[]): Promise<unknown> => client.call(name, ...args)
  return {
    isSharded,
    prefix: String(keyPrefix),
    // A cluster has one database.
    tag: isSharded ? async () => '' : databaseTag(send, db),
    send: (_, command) => send(command),
    async nodeOf(channel) {
      if (!isSharded) return ''
      // It learns that a slot has moved, or that a node is back, from commands only.
      await client.call('EXISTS', channel)
      const node = (client as unknown as KnowsSlots).slots[clusterKeySlot(channel)]?.[0]
      if (node === undefined) throw new Error('The cluster client does not know which node has the channel')
      return node
    },
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
    // It gives up at the first failure: when to come back is the log's to say, for all its channels.
    retryStrategy: () => null,
    reconnectOnError: null,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
    keyPrefix: '',
  })
  const onMessage = (channel: string, text: string): void => events.message(channel, text)
  own.on('error', (error: unknown) => events.lost(error))
  own.on('end', () => events.lost(new Error('The connection was closed')))
  own.on(isSharded ? 'smessage' : 'message', onMessage)
  await own.connect()
  return {
    subscribe: (channel) => (isSharded ? own.ssubscribe(channel) : own.subscribe(channel)),
    unsubscribe: (channel) => (isSharded ? own.sunsubscribe(channel) : own.unsubscribe(channel)),
    ping: () => own.ping(),
    destroy: () => own.disconnect(),
  }
}
