import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Connector, SubscriberConnection, SubscriberEvents } from '../src/lib/connector.ts'
import { Subscriptions } from '../src/lib/subscriptions.ts'

/** A cluster that sends nothing by itself, with the calls that it got. */
class QuietCluster implements Connector {
  readonly isSharded = true
  readonly prefix = ''
  /** The node that has all channels. */
  node = 'a'
  ping = async (): Promise<unknown> => undefined
  isOpen = (): boolean => true
  readonly calls: string[] = []
  readonly events = new Map<string, SubscriberEvents>()

  tag = async () => ''
  send = async () => undefined
  nodeOf = async () => this.node
  knownNodeOf = () => this.node

  async connect(node: string, events: SubscriberEvents): Promise<SubscriberConnection> {
    this.events.set(node, events)
    const call = (name: string) => async (channel?: string) => void this.calls.push([node, name, channel].filter(Boolean).join(' '))
    this.calls.push(`${node} connect`)
    return {
      subscribe: call('subscribe'),
      unsubscribe: call('unsubscribe'),
      ping: () => this.ping(),
      keepAlive: () => {},
      destroy: () => void this.calls.push(`${node} destroy`),
    }
  }
}

let cluster: QuietCluster
let told: string[]
let subscriptions: Subscriptions
const listener = { restored: () => void told.push('restored'), message: (text: string) => void told.push(text), lost: () => void told.push('lost') }

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  cluster = new QuietCluster()
  told = []
  subscriptions = new Subscriptions(cluster)
})
afterEach(() => vi.useRealTimers())

test('G3 a channel whose node has changed without notice is found at the next check, and its old node is no longer heard', async () => {
  const { close } = subscriptions.add('c', listener)
  await vi.advanceTimersByTimeAsync(0)
  expect(cluster.calls).toEqual(['a connect', 'a subscribe c'])
  cluster.node = 'b'
  await vi.advanceTimersByTimeAsync(3_000)
  expect(cluster.calls.slice(2).sort()).toEqual(['a unsubscribe c', 'b connect', 'b subscribe c'])
  cluster.events.get('a')?.message('c', 'of the old node')
  cluster.events.get('b')?.message('c', 'of the new node')
  expect(told).toEqual(['restored', 'restored', 'of the new node'])
  close()
})

test('G3 a node that gives up a channel before its answer came is not asked again', async () => {
  const connect = cluster.connect.bind(cluster)
  cluster.connect = async (node, events) => {
    const connection = await connect(node, events)
    const subscribe = async (channel: string) => {
      await connection.subscribe(channel)
      if (node !== 'a') return
      // Both words came in one piece.
      cluster.node = 'b'
      events.moved([channel])
    }
    return { ...connection, subscribe }
  }
  const { close } = subscriptions.add('c', listener)
  await vi.advanceTimersByTimeAsync(0)
  expect(cluster.calls).toEqual(['a connect', 'a subscribe c', 'b connect', 'b subscribe c'])
  expect(told).toEqual(['restored'])
  close()
})

test('G4 a connection is closed when no channel has needed it for 30 seconds', async () => {
  const first = subscriptions.add('c', listener)
  await vi.advanceTimersByTimeAsync(0)
  first.close()
  await vi.advanceTimersByTimeAsync(29_000)
  const second = subscriptions.add('d', listener)
  await vi.advanceTimersByTimeAsync(29_000)
  expect(cluster.calls).toEqual(['a connect', 'a subscribe c', 'a unsubscribe c', 'a subscribe d'])
  second.close()
  await vi.advanceTimersByTimeAsync(29_000)
  expect(cluster.calls.at(-1)).toBe('a unsubscribe d')
  await vi.advanceTimersByTimeAsync(1_000)
  expect(cluster.calls.at(-1)).toBe('a destroy')
})

test('G4 an idle connection is closed at the next check after the app has closed its client', async () => {
  subscriptions.add('c', listener).close()
  const kept = subscriptions.add('d', listener)
  await vi.advanceTimersByTimeAsync(0)
  cluster.isOpen = () => false
  await vi.advanceTimersByTimeAsync(6_000)
  expect(cluster.calls).not.toContain('a destroy')
  kept.close()
  await vi.advanceTimersByTimeAsync(3_000)
  expect(cluster.calls.at(-1)).toBe('a destroy')
})

test('G8 a node that refuses a ping, such as one with a full disk, is not lost, and a node with a closed connection is', async () => {
  const { close } = subscriptions.add('c', listener)
  await vi.advanceTimersByTimeAsync(0)
  for (const says of ['MISCONF Errors writing to the AOF file: No space left on device', "NOPERM this user has no permissions to run the 'ping' command"]) {
    cluster.ping = async () => Promise.reject(new Error(says))
    await vi.advanceTimersByTimeAsync(6_000)
  }
  expect(told).toEqual(['restored'])
  cluster.ping = async () => Promise.reject(new Error('Connection is closed.'))
  await vi.advanceTimersByTimeAsync(3_000)
  expect(told.slice(0, 2)).toEqual(['restored', 'lost'])
  close()
})
