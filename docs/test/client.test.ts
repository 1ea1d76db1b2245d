import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type Connection, type ConnectOptions, connect, type Status } from '@tidings/client'
import { createChannel } from '@tidings/core'
import { sse } from '@tidings/express'
import { clientContract } from '@tidings/testing/contract'
import express from 'express'
import { expect, test } from 'vitest'
import { clients } from '../../packages/client/test/support/clients.ts'
import { chromiumClients } from '../../packages/tests/support/chromium-clients.ts'
import { blocksOf, blocksUnder, readPage, tablesUnder } from './blocks.ts'

const [first] = blocksOf('docs/client.md').filter(({ language }) => language === 'js')
const code = first?.code ?? ''

test('docs/client.md opens with at most 15 lines of code', () => {
  expect(code.trim().split('\n').length).toBeLessThanOrEqual(15)
})

test('docs/client.md says of each client which cases of the contract it cannot pass', () => {
  const tested = [...clients, ...chromiumClients]
  const names = ['@microsoft/fetch-event-source', 'eventsource 5', 'eventsource-client', 'sse.js', 'reconnecting-eventsource']
  const cannot = (name: string): Readonly<Record<string, string>> => tested.find((client) => client.name === name)?.cannot ?? {}
  const inCode = (name: string): string => name.replace(/^\S+/, '`$&`')
  // The client itself runs in Node and in Chromium, and passes all.
  const others = tested.filter(({ name, cannot }) => name !== '@tidings/client' || cannot)
  expect(others.map(({ name }) => name).sort()).toEqual([...names].sort())

  const cases = clientContract.flatMap(({ id, cases }) => Object.keys(cases).map((name) => `${id}/${name}`))
  const [table = [], reasons = []] = tablesUnder('docs/client.md', '## Beside other clients')
  expect(table[0]).toEqual(['Case', ...names.map(inCode)])
  const rows = table.slice(2).map(([what, ...cells]) => [/\(`(.+)`\)$/.exec(what ?? '')?.[1], ...cells])
  expect(rows).toEqual(cases.map((each) => [each, ...names.map((name) => (each in cannot(name) ? 'no' : 'yes'))]))
  const why = names.flatMap((name) => {
    const texts = [...new Set(cases.flatMap((each) => cannot(name)[each] ?? []))]
    return texts.map((text) => [inCode(name), text, cases.filter((each) => cannot(name)[each] === text).map((each) => `\`${each}\``)])
  })
  expect(reasons.slice(2)).toEqual(why.map(([name, text, its]) => [name, text, (its as string[]).join(', ')]))
})

test('docs/client.md shows the import map of an example that is read in Chromium', () => {
  const [map] = blocksUnder('docs/client.md', '## Runtimes').filter(({ language }) => language === 'html')
  const lines = (text: string): string => text.trim().replace(/^ +/gm, '')
  expect(lines(readPage('examples/resumable-run/public/index.html'))).toContain(lines(map?.code ?? 'no block'))
})

test('the first page of docs/client.md has fresh headers, resumes, and keeps its items over a reload', async () => {
  const channel = createChannel()
  const tokens: string[] = []
  const streams: { close(): void }[] = []
  const app = express()
  app.use(sse({ retry: 1 }))
  app.get('/news', (req, res) => {
    const token = String(req.headers.authorization)
    tokens.push(token)
    // The first token has just expired.
    if (token === 'Bearer 1') return void res.status(401).end()
    const stream = res.sse()
    streams.push(stream)
    channel.subscribe(stream)
  })
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  const stored = new Map<string, string>()
  let token = 0
  /** Loads the page, with stand-ins for a browser's storage and the page's own functions. */
  const load = (): { items: unknown[]; states: string[]; close(): void } => {
    const page = { items: [] as unknown[], states: [] as string[], close: () => connection?.close() }
    let connection: Connection | undefined
    const names = {
      connect: (path: string, options: ConnectOptions) => {
        connection = connect(origin + path, options)
        return connection
      },
      sessionStorage: { getItem: (key: string) => stored.get(key) ?? null, setItem: (key: string, value: string) => stored.set(key, value) },
      freshToken: async () => String(++token),
      render: (items: unknown[], { state }: Status) => {
        page.items = items
        if (page.states.at(-1) !== state) page.states.push(state)
      },
    }
    new Function(...Object.keys(names), code.replace(/^import .*$/m, ''))(...Object.values(names))
    return page
  }

  const page = load()
  await expect.poll(() => page.states).toContain('open')
  channel.publish({ event: 'item', data: { text: 'a' } })
  await expect.poll(() => page.items).toEqual([{ text: 'a' }])
  streams[0]?.close()
  channel.publish({ event: 'item', data: { text: 'b' } })
  await expect.poll(() => page.items).toEqual([{ text: 'a' }, { text: 'b' }])
  page.close()
  channel.publish({ event: 'item', data: { text: 'while it was away' } })

  const reloaded = load()
  await expect.poll(() => reloaded.items).toEqual([{ text: 'a' }, { text: 'b' }, { text: 'while it was away' }])
  expect(tokens).toEqual(['Bearer 1', 'Bearer 2', 'Bearer 3', 'Bearer 4'])
  expect(page.states.slice(0, 3)).toEqual(['connecting', 'open', 'waiting'])
  reloaded.close()
  channel.close()
  server.closeAllConnections()
  server.close()
})
