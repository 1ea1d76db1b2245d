import { Component, createElement as h, lazy, type ReactNode, StrictMode, Suspense, startTransition, useState, useTransition, version } from 'react'
import { renderToString } from 'react-dom/server'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type ConnectOptions, connect, type Status } from '../src/index.ts'
import { type EventStreamOptions, useEventStream, useEvents } from '../src/react.ts'
import { collectUncaught } from './support/clock.ts'
import { fakeServer, type HeldStream, holdStream, opens, status, TYPE } from './support/fake-server.ts'
import { type Mounted, mount, settled } from './support/mount.ts'

// React's scheduler, promises and streams go on by themselves.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

/** Lets time pass, and then React do its work. */
async function pass(milliseconds: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(milliseconds)
  await settled()
}

/** A server that holds each stream open. */
interface Holding extends ReturnType<typeof fakeServer> {
  readonly streams: HeldStream[]
  /** The number of streams that the client has not left. */
  open(): number
  /** Sends one chunk on the newest stream. Resolves when it was read and React has rendered. */
  send(text: string): Promise<void>
}

function holding(): Holding {
  const streams: HeldStream[] = []
  const server = fakeServer(() => {
    const stream = holdStream()
    streams.push(stream)
    return stream
  })
  return {
    ...server,
    streams,
    open: () => server.asked.filter(({ init }) => !init.signal?.aborted).length,
    async send(text) {
      const stream = streams.at(-1) as HeldStream
      const wanted = stream.wanted()
      stream.send(text)
      await wanted
      await settled()
    },
  }
}

const block = (data: unknown, event = 'message'): string => `event: ${event}\nid: ${data}\ndata: ${JSON.stringify(data)}\n\n`
const blocks = (from: number, to: number): string => Array.from({ length: to - from }, (_, index) => block(from + index)).join('')

let keys = 0
/** A key that no other test has. */
const newKey = (): string => `key ${keys++}`

interface Numbers {
  message: number
}
interface ListProps {
  of: string
  server: ConnectOptions
  onRender?: () => void
}
/** Shows all numbers of a stream. */
function List({ of, server, onRender }: ListProps): ReactNode {
  onRender?.()
  const numbers = useEvents(
    of,
    () => connect<Numbers>('https://example.com', server),
    (all, { event, data }) => (event === 'message' ? [...all, data] : all),
    [] as number[],
  )
  return h('p', null, numbers.join(' '))
}

interface StateProps {
  url?: string
  options: EventStreamOptions<Numbers>
  onRender?: (status: Status) => void
}
/** Shows the state of a connection. */
function State({ url = 'https://example.com', options, onRender }: StateProps): ReactNode {
  const status = useEventStream<Numbers>(url, options)
  onRender?.(status)
  return h('p', null, status.state)
}

class Boundary extends Component<{ children: ReactNode }, { error?: unknown }> {
  override state: { error?: unknown } = {}
  static getDerivedStateFromError(error: unknown): { error: unknown } {
    return { error }
  }
  override render(): ReactNode {
    return this.state.error ? h('p', null, `caught ${(this.state.error as { code?: string }).code}`) : this.props.children
  }
}

test('K8 useEventStream calls the listener of each event with its data, and gives the status', async () => {
  const server = holding()
  const seen: unknown[] = []
  const statuses: Status[] = []
  const options = { ...server, key: newKey(), events: { message: (message: unknown) => seen.push(message) } }
  const page = await mount(h(State, { options, onRender: (status) => statuses.push(status) }))
  expect(statuses).toEqual([{ state: 'paused', reason: 'idle' }, { state: 'connecting' }, { state: 'open' }])
  await server.send(block(1) + block(2, 'other'))
  expect(seen).toEqual([{ event: 'message', data: 1, lastEventId: '1' }])
  server.streams[0]?.end()
  await pass(0)
  expect(page.text).toBe('waiting')
})

test('K8 useEvents folds each message of each chunk, and renders once for a chunk', async () => {
  const server = holding()
  let renders = 0
  const page = await mount(h(List, { of: newKey(), server, onRender: () => renders++ }))
  const before = renders
  await server.send(blocks(0, 100))
  await server.send(blocks(100, 200))
  await server.send(blocks(200, 300))
  expect(page.text).toBe(Array.from({ length: 300 }, (_, index) => index).join(' '))
  expect(renders - before).toBe(3)
})

// React 19 has no other root.
if (version.startsWith('18.')) {
  test('renders once for a chunk also in the root of React 17, which React 18 has for native apps', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const { render, unmountComponentAtNode } = (await import('react-dom')) as unknown as {
      render(node: ReactNode, container: Element): void
      unmountComponentAtNode(container: Element): void
    }
    const server = holding()
    let renders = 0
    const container = document.createElement('div')
    render(h(List, { of: newKey(), server, onRender: () => renders++ }), container)
    await settled()
    const before = renders
    await server.send(blocks(0, 100))
    await server.send(blocks(100, 200))
    expect([container.textContent?.endsWith('199'), renders - before]).toEqual([true, 2])
    unmountComponentAtNode(container)
  })
}

test('a component that has gone leaves no listener on the connection that others have', async () => {
  const server = holding()
  let listeners = 0
  const counted = (remove: () => void): (() => void) => {
    listeners++
    return () => {
      listeners--
      remove()
    }
  }
  const key = newKey()
  function Both(): ReactNode {
    const count = useEvents(
      key,
      () => {
        const connection = connect<Numbers>('https://example.com', server)
        return {
          ...connection,
          // A spread would take the status of now.
          get status() {
            return connection.status
          },
          on: (event, listener) => counted(connection.on(event, listener)),
          onAny: (listener) => counted(connection.onAny(listener)),
          subscribe: (callback) => counted(connection.subscribe(callback)),
        }
      },
      (count) => count + 1,
      0,
    )
    const { state } = useEventStream<Numbers>('https://example.com', { key, events: { message: () => {} } })
    return `${count} ${state} `
  }
  const page = await mount(h(Both, { key: 1 }))
  const ofOne = listeners
  await page.render([h(Both, { key: 1 }), h(Both, { key: 2 })])
  await page.render([h(Both, { key: 1 })])
  await server.send(block(1))
  expect([page.text, listeners]).toEqual(['1 open ', ofOne])
})

test('StrictMode opens one connection and leaves one', async () => {
  for (const use of ['useEvents', 'useEventStream']) {
    const server = holding()
    const key = newKey()
    const child = use === 'useEvents' ? h(List, { of: key, server }) : h(State, { options: { ...server, key } })
    const page = await mount(h(StrictMode, null, child))
    await pass(5_000)
    expect([server.asked.length, server.open()]).toEqual([1, 1])
    await page.unmount()
    await pass(1_000)
    expect([server.asked.length, server.open()]).toEqual([1, 0])
  }
})

test('components with one key share the connection and the state, which end 1 s after the last of them has gone', async () => {
  const server = holding()
  const of = newKey()
  const first = await mount(h(List, { of, server }))
  await server.send(block(1))
  const second = await mount(h(List, { of, server }))
  expect(second.text).toBe('1')
  await first.unmount()
  await pass(5_000)
  await server.send(block(2))
  expect(second.text).toBe('1 2')
  await second.unmount()
  await pass(999)
  expect(server.open()).toBe(1)
  await pass(1)
  expect(server.open()).toBe(0)
  const third = await mount(h(List, { of, server }))
  expect([third.text, server.asked.length, server.open()]).toEqual(['', 2, 1])
})

test('a component that comes within 1 s finds the connection, and all messages that came in it', async () => {
  const server = holding()
  const of = newKey()
  const first = await mount(h(List, { of, server }))
  await server.send(block(1))
  await first.unmount()
  await pass(999)
  await server.send(block(2))
  const second = await mount(h(List, { of, server }))
  await pass(5_000)
  expect([second.text, server.asked.length, server.open()]).toEqual(['1 2', 1, 1])
})

test('useEvents and useEventStream share the connection of a key', async () => {
  const server = holding()
  const key = newKey()
  const seen: unknown[] = []
  const options = { ...server, key, events: { message: ({ data }: { data: number }) => seen.push(data) } }
  const page = await mount([h(List, { key: 1, of: key, server }), h(State, { key: 2, options })])
  await server.send(blocks(1, 4))
  expect([page.text, seen, server.asked.length]).toEqual(['1 2 3open', [1, 2, 3], 1])
})

test('another url and another key open another connection, and the old one is closed', async () => {
  const server = holding()
  const url = `https://example.com/${newKey()}`
  const key = newKey()
  const page = await mount(h(State, { url, options: server }))
  await page.render(h(State, { url: `${url}/2`, options: server }))
  await pass(1_000)
  await page.render(h(State, { url: `${url}/2`, options: { ...server, key } }))
  await pass(1_000)
  await page.render(h(State, { url: `${url}/2`, options: { ...server, key: `${key} 2` } }))
  await pass(1_000)
  expect(server.asked.map((asked) => asked.url)).toEqual([url, `${url}/2`, `${url}/2`, `${url}/2`])
  expect([server.open(), page.text]).toEqual([1, 'open'])
})

test('with another key, useEvents begins anew, and a message of the old key changes nothing', async () => {
  const server = holding()
  const page = await mount(h(List, { of: newKey(), server }))
  await server.send(block(1))
  await page.render(h(List, { of: newKey(), server }))
  expect(page.text).toBe('')
  server.streams[0]?.send(block(2))
  await server.send(block(3))
  expect(page.text).toBe('3')
  await pass(1_000)
  expect([server.asked.length, server.open()]).toEqual([2, 1])
})

test('listeners, reducers and headers that change with each render reconnect nothing, and the newest is called', async () => {
  const server = holding()
  const key = newKey()
  const seen: string[] = []
  function Page({ round }: { round: number }): ReactNode {
    useEventStream<Numbers>('https://example.com', {
      ...server,
      key,
      headers: () => ({ round: String(round) }),
      events: { message: ({ data }) => seen.push(`${data} in round ${round}`) },
    })
    const folded = useEvents(
      key,
      () => connect<Numbers>('https://example.com', server),
      (all, { data }) => `${all}, ${data} in round ${round}`,
      'folded',
    )
    return folded
  }
  const page = await mount(h(Page, { round: 0 }))
  for (let round = 1; round < 4; round++) {
    await page.render(h(Page, { round }))
    await server.send(block(round))
  }
  expect(seen).toEqual(['1 in round 1', '2 in round 2', '3 in round 3'])
  expect(page.text).toBe('folded, 1 in round 1, 2 in round 2, 3 in round 3')
  expect(server.asked.length).toBe(1)
  server.streams[0]?.end()
  await pass(5_000)
  expect(server.asked.map(({ headers }) => headers.get('round'))).toEqual(['0', '3'])
})

test('a listener for another event reconnects nothing, and misses nothing that came before', async () => {
  const server = holding()
  const key = newKey()
  const seen: string[] = []
  const on =
    (name: string) =>
    ({ data }: { data: unknown }) =>
      seen.push(`${name} ${data}`)
  interface Events {
    a: number
    b: number
  }
  function Page({ events }: { events: EventStreamOptions<Events>['events'] }): ReactNode {
    return useEventStream<Events>('https://example.com', { ...server, key, events }).state
  }
  const page = await mount(h(Page, { events: { a: on('a') } }))
  await server.send(block(1, 'a') + block(1, 'b'))
  await page.render(h(Page, { events: { a: on('a'), b: on('b') } }))
  await server.send(block(2, 'a') + block(2, 'b'))
  await page.render(h(Page, { events: { a: undefined, b: on('b') } }))
  await server.send(block(3, 'a') + block(3, 'b'))
  await page.render(h(Page, { events: undefined }))
  await server.send(block(4, 'a') + block(4, 'b'))
  expect(seen).toEqual(['a 1', 'a 2', 'b 2', 'b 3'])
  expect([server.asked.length, server.open()]).toEqual([1, 1])
})

test('an event without a listener is not parsed', async () => {
  const uncaught = collectUncaught()
  const server = holding()
  await mount(h(State, { options: { ...server, key: newKey(), events: { message: () => {} } } }))
  await server.send('event: log\ndata: plain text\n\n')
  expect(uncaught).toEqual([])
})

test('K1 the next message waits for the promise of a listener', async () => {
  const server = holding()
  const seen: unknown[] = []
  let release = (): void => {}
  function listener({ data }: { data: number }): Promise<void> {
    seen.push(data)
    return new Promise((resolve) => {
      release = resolve
    })
  }
  await mount(h(State, { options: { ...server, key: newKey(), events: { message: listener } } }))
  server.streams[0]?.send(blocks(1, 3))
  await settled()
  expect(seen).toEqual([1])
  release()
  await settled()
  expect(seen).toEqual([1, 2])
})

test('K7 a reducer or a listener that throws is reported, the message is skipped, and all others go on', async () => {
  const uncaught = collectUncaught()
  const server = holding()
  const key = newKey()
  const seen: unknown[] = []
  function Page(): ReactNode {
    useEventStream<Numbers>('https://example.com', {
      ...server,
      key,
      events: {
        message({ data }) {
          if (data === 1) throw new Error('from the listener')
          seen.push(data)
        },
      },
    })
    return useEvents(
      key,
      () => connect<Numbers>('https://example.com', server),
      (all, { data }) => {
        if (data === 2) throw new Error('from the reducer')
        return `${all} ${data}`
      },
      '',
    )
  }
  const page = await mount(h(Page))
  await server.send(blocks(1, 4))
  await server.send(block(4))
  expect(page.text).toBe(' 1 3 4')
  expect(seen).toEqual([2, 3, 4])
  expect(uncaught.map((error) => (error as Error).message)).toEqual(['from the listener', 'from the reducer'])
  expect(page.errors).toEqual([])
  server.streams[0]?.end()
  await pass(5_000)
  expect(server.asked[1]?.headers.get('last-event-id')).toBe('4')
})

test('a state that is a promise delays no message', async () => {
  const server = holding()
  const states: unknown[] = []
  function Page(): ReactNode {
    const state = useEvents<unknown, Numbers>(
      key,
      () => connect<Numbers>('https://example.com', server),
      (_, { data }) => new Promise(() => data),
      0,
    )
    states.push(state)
    return null
  }
  const key = newKey()
  await mount(h(Page))
  await server.send(blocks(1, 4))
  await server.send(block(4))
  expect(new Set(states).size).toBe(3)
})

test('K6 `open` gets the state as the store of a connection wants it, never older than the id', async () => {
  const server = holding()
  const stored: unknown[] = []
  const of = newKey()
  function Page(): ReactNode {
    const numbers = useEvents(
      of,
      (state) => connect<Numbers>('https://example.com', { ...server, state, store: { get: () => undefined, set: (next) => stored.push(next) } }),
      (all, { event, data }) => (event === 'message' ? [...all, data] : all),
      [0],
    )
    return numbers.join(' ')
  }
  const page = await mount(h(Page))
  await server.send(blocks(1, 3))
  await server.send(block(3))
  expect(stored).toEqual([
    { id: '2', state: [0, 1, 2] },
    { id: '3', state: [0, 1, 2, 3] },
  ])
  await page.unmount()
  await pass(1_000)
  expect(stored).toHaveLength(2)
})

test('on the server the hooks give what there is before the stream, and open nothing', async () => {
  const console = vi.spyOn(globalThis.console, 'error')
  const server = holding()
  const html = renderToString(h(StrictMode, null, h(List, { of: newKey(), server }), h(State, { options: { ...server, key: newKey() } })))
  expect(html).toBe('<p></p><p>paused</p>')
  await pass(5_000)
  expect(server.asked).toHaveLength(0)
  expect(console).not.toHaveBeenCalled()
})

test('a page that the server has rendered is hydrated without a mismatch, also where its stream is open already', async () => {
  const console = vi.spyOn(globalThis.console, 'error')
  const server = holding()
  const of = newKey()
  const other = await mount(h(List, { of, server }))
  await server.send(block(1))
  const html = renderToString(h('p', null, ''))
  const page = await mount(h(StrictMode, null, h(List, { of, server })), html)
  expect([other.text, page.text]).toEqual(['1', '1'])
  await server.send(block(2))
  expect([page.text, page.errors, server.asked.length]).toEqual(['1 2', [], 1])
  expect(console).not.toHaveBeenCalled()
})

test('a tree that is suspended before it was there opens nothing; one that is suspended later misses nothing', async () => {
  const server = holding()
  const of = newKey()
  const parts: ((part: { default: () => ReactNode }) => void)[] = []
  const part = (): ReturnType<typeof lazy> => lazy(() => new Promise((resolve) => parts.push(resolve)))
  const [first, second] = [part(), part()]
  const tree = (child: ReturnType<typeof lazy>): ReactNode => h(Suspense, { fallback: '…' }, h(List, { of, server }), h(child))
  const page = await mount(tree(first))
  await pass(5_000)
  expect([page.text, server.asked.length]).toEqual(['…', 0])
  parts[0]?.({ default: () => null })
  // React shows a fallback for 300 ms at least, by the real clock.
  await expect.poll(() => server.asked.length).toBe(1)
  await server.send(block(1))
  expect(page.text).toBe('1')

  await page.render(tree(second))
  await server.send(block(2))
  await pass(5_000)
  await server.send(block(3))
  parts[1]?.({ default: () => null })
  await expect.poll(() => page.text).toBe('1 2 3')
  await pass(1_000)
  expect([server.asked.length, server.open()]).toEqual([1, 1])
})

test('during a transition to another key the old stream goes on, until the new tree is there', async () => {
  const server = holding()
  const [before, after] = [newKey(), newKey()]
  let ready = (_: { default: () => ReactNode }): void => {}
  const Slow = lazy(
    () =>
      new Promise<{ default: () => ReactNode }>((resolve) => {
        ready = resolve
      }),
  )
  let go = (): void => {}
  function Page(): ReactNode {
    const [of, setOf] = useState(before)
    const [pending, start] = useTransition()
    go = () => start(() => setOf(after))
    return h(Suspense, { fallback: '…' }, pending && 'pending ', h(List, { of, server }), of === after && h(Slow))
  }
  const page = await mount(h(Page))
  await server.send(block(1))
  go()
  await settled()
  await server.send(block(2))
  expect([page.text, server.asked.length]).toEqual(['pending 1 2', 1])
  ready({ default: () => null })
  await pass(0)
  await pass(1_000)
  await server.send(block(9))
  expect([page.text, server.asked.length, server.open()]).toEqual(['9', 2, 1])
})

test('messages that come while React renders in slices are never shown in part', async () => {
  const server = holding()
  const of = newKey()
  const torn: string[] = []
  let begin = (): void => {}
  function Cell({ round }: { round: number }): ReactNode {
    // Longer than a slice of React's, so that it yields between two cells.
    for (const end = performance.now() + (round > 0 ? 6 : 0); performance.now() < end; );
    return h(List, { of, server })
  }
  function Page(): ReactNode {
    const [round, setRound] = useState(0)
    begin = () => startTransition(() => setRound(round + 1))
    return Array.from({ length: 8 }, (_, index) => h(Cell, { key: index, round }))
  }
  const page = await mount(h(Page))
  const observe = (): void => {
    const cells = [...document.querySelectorAll('p')].map(({ textContent }) => textContent)
    if (new Set(cells).size > 1) torn.push(cells.join('|'))
  }
  for (let round = 0; round < 5; round++) {
    begin()
    for (let sent = 0; sent < 3; sent++) {
      await new Promise((resolve) => setImmediate(resolve))
      server.streams[0]?.send(block(round * 3 + sent))
      observe()
    }
    await settled()
    observe()
  }
  await vi.waitFor(() =>
    expect(page.text).toBe(
      Array(8)
        .fill(Array.from({ length: 15 }, (_, index) => index).join(' '))
        .join(''),
    ),
  )
  expect(torn).toEqual([])
})

test('a component that is mounted anew tries again where the server has ended or refused the stream', async () => {
  const server = fakeServer(status(403), opens)
  const key = newKey()
  const options = { ...server, key }
  const page: Mounted = await mount(h(State, { key: 1, options }))
  expect([page.text, server.asked.length]).toEqual(['closed', 1])
  await page.render(h(State, { key: 1, options: { ...options, events: { message: () => {} } } }))
  expect([page.text, server.asked.length]).toEqual(['closed', 1])
  await page.render(h(State, { key: 2, options }))
  await pass(5_000)
  expect([page.text, server.asked.length]).toEqual(['open', 2])
})

test('an option that cannot work reaches the error boundary', async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {})
  const of = newKey()
  const inEvents = await mount(h(Boundary, null, h(List, { of, server: { silence: -1 } })))
  const inStream = await mount(h(Boundary, null, h(State, { options: { key: of, silence: -1 } })))
  expect([inEvents.text, inStream.text]).toEqual(['caught ERR_SSE_INVALID_OPTION', 'caught ERR_SSE_INVALID_OPTION'])
  const server = holding()
  const well = await mount(h(List, { of, server }))
  await server.send(block(1))
  expect(well.text).toBe('1')
})

test('the options of the app stay as they are', async () => {
  const server = holding()
  const options = Object.freeze({ ...server, key: newKey() })
  const page = await mount(h(State, { options }))
  await page.render(h(State, { options }))
  expect(page.text).toBe('open')
})

test('a stream of many chunks of one read has one render for each chunk', async () => {
  const body = (): Response =>
    new Response(
      new ReadableStream({
        start(controller) {
          for (let chunk = 0; chunk < 50; chunk++) controller.enqueue(new TextEncoder().encode(blocks(chunk * 10, chunk * 10 + 10)))
        },
      }),
      { headers: TYPE },
    )
  const shown: number[] = []
  const of = newKey()
  function Page(): ReactNode {
    const count = useEvents(
      of,
      () => connect('https://example.com', { fetch: async () => body() }),
      (count) => count + 1,
      0,
    )
    shown.push(count)
    return null
  }
  await mount(h(Page))
  await pass(0)
  expect(shown.at(-1)).toBe(500)
  expect(shown.length).toBeLessThanOrEqual(51)
  expect(shown.every((count) => count % 10 === 0)).toBe(true)
})
