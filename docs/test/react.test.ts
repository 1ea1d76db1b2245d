import '../../packages/client/test/support/dom.ts'
import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { pathToFileURL } from 'node:url'
import { type Channel, createChannel } from '@tidings/core'
import { sse } from '@tidings/express'
import express from 'express'
import { createElement, type FunctionComponent } from 'react'
import { createRoot } from 'react-dom/client'
import { rolldown } from 'rolldown'
import { afterAll, expect, test } from 'vitest'
import { createApp } from 'vue'
import { blocksOf, ROOT, rowsUnder } from './blocks.ts'
import { newDirectory } from './program.ts'

const PAGE = 'docs/react.md'
const directory = newDirectory('react')
afterAll(() => rmSync(directory, { recursive: true }))

/** Loads a snippet of the page as a bundler for browsers does. Its stream is that of the server. */
async function load<Snippet>(name: string, { origin }: NewsServer, more = ''): Promise<Snippet> {
  const block = blocksOf(PAGE).find(({ recipe }) => recipe === name)
  if (!block) throw new Error(`${PAGE} has no ${name}`)
  const input = `${directory}/${name}.${block.language}`
  const code = block.code.replaceAll("'/news'", `'${origin}/news'`) + more
  const bundle = await rolldown({
    input,
    platform: 'browser',
    // The test must have the same copies.
    external: /^(react|vue|svelte)/,
    resolve: { conditionNames: ['tidings-source', 'browser', 'import', 'default'] },
    plugins: [{ name: 'snippet', resolveId: (id) => (id === input ? id : null), load: (id) => (id === input ? code : null) }],
  })
  const file = `${directory}/${name}.mjs`
  await bundle.write({ file, format: 'esm' })
  await bundle.close()
  return import(/* @vite-ignore */ pathToFileURL(file).href)
}

/** A server with a channel at `/news`. */
interface NewsServer extends AsyncDisposable {
  readonly origin: string
  readonly channel: Channel
  /** The streams that are open. */
  readonly open: number
  /** Ends all streams. Clients reconnect with a position that the channel does not know. */
  forget(): void
}

async function serve(): Promise<NewsServer> {
  let channel = createChannel()
  let open = 0
  const app = express()
  app.use(sse({ retry: 1 }))
  app.get('/news', (_, res) => {
    const stream = res.sse()
    open++
    stream.onClose(() => open--)
    channel.subscribe(stream)
  })
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get channel() {
      return channel
    },
    get open() {
      return open
    },
    forget() {
      channel.close()
      channel = createChannel()
    },
    async [Symbol.asyncDispose]() {
      channel.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** What the test of each snippet sees of it. */
interface Shown {
  items(): unknown
  state(): unknown
  leave(): void
}

const item = (id: number): { id: number; title: string } => ({ id, title: `item ${id}` })

async function shows(server: NewsServer, { items, state, leave }: Shown): Promise<void> {
  await expect.poll(state).toBe('open')
  await expect.poll(() => server.open).toBe(1)
  server.channel.publish({ event: 'item', data: item(1) })
  server.channel.publish({ event: 'item', data: item(2) })
  await expect.poll(items).toEqual(['item 1', 'item 2'])
  server.forget()
  await expect.poll(items).toEqual([])
  await expect.poll(() => server.open).toBe(1)
  server.channel.publish({ event: 'item', data: item(3) })
  await expect.poll(items).toEqual(['item 3'])
  leave()
  await expect.poll(() => server.open).toBe(0)
}

type Items = readonly { title: string }[]
const titles = (items: Items = []): string[] => items.map(({ title }) => title)

test('the component of docs/react.md shows its items, begins anew after a reset, and closes', async () => {
  await using server = await serve()
  const { Headlines } = await load<{ Headlines: FunctionComponent }>('react', server)
  const container = document.createElement('div')
  const root = createRoot(container)
  root.render(createElement(Headlines))
  await shows(server, {
    items: () => [...container.querySelectorAll('h2')].map(({ textContent }) => textContent),
    state: () => container.querySelector('section')?.className,
    leave: () => root.unmount(),
  })
})

test('the composable for Vue does the same', async () => {
  await using server = await serve()
  const { useNews } = await load<{ useNews(): { items: { value: Items }; status: { value: { state: string } } } }>('vue', server)
  let news: ReturnType<typeof useNews> | undefined
  const app = createApp({
    setup() {
      news = useNews()
      return () => null
    },
  })
  app.mount(document.createElement('div'))
  await shows(server, { items: () => titles(news?.items.value), state: () => news?.status.value.state, leave: () => app.unmount() })
})

test('the store for Svelte does the same', async () => {
  await using server = await serve()
  interface News {
    items: Items
    state: string
  }
  const { news } = await load<{ news: { subscribe(callback: (value: News) => void): () => void } }>('svelte', server)
  let value: News | undefined
  const leave = news.subscribe((next) => {
    value = next
  })
  await shows(server, { items: () => titles(value?.items), state: () => value?.state, leave })
})

test('the primitive for Solid does the same', async () => {
  await using server = await serve()
  interface Snippet {
    createNews(): { items(): Items; status(): { state: string } }
    inRoot<Result>(run: (dispose: () => void) => Result): Result
  }
  const { createNews, inRoot } = await load<Snippet>('solid', server, "export { createRoot as inRoot } from 'solid-js'\n")
  const shown = inRoot((leave) => {
    const news = createNews()
    return { items: () => titles(news.items()), state: () => news.status().state, leave }
  })
  await shows(server, shown)
})

test('docs/react.md has one row for each option that `connect` has not', () => {
  const source = readFileSync(`${ROOT}/packages/client/src/lib/use-event-stream.ts`, 'utf8')
  const [, body = ''] = /export interface EventStreamOptions[^{]*\{\n([\s\S]*?)\n\}/.exec(source) ?? []
  const options = [...body.matchAll(/^ {2}(\w+)\?:/gm)].map(([, name]) => `\`${name}\``)
  expect(options.length).toBeGreaterThan(1)
  expect(rowsUnder(PAGE, '## Options').map(([name]) => name)).toEqual(options)
})
