import { createRequire } from 'node:module'
import { connect } from '@tidings/client'
import type { ClientRequest, ClientUnderTest, ReportedMessage, ServerForClients, StoredMessages } from '@tidings/testing'
import type { Browser, Page } from 'playwright-core'
import { rolldown } from 'rolldown'
import type { Framework } from './frameworks.ts'
import { makeCertificate, Site } from './site.ts'

const CLIENT = createRequire(import.meta.url).resolve('@tidings/client')

/** The client as a script for pages, which leaves `tidings` behind. */
export async function clientScript(): Promise<string> {
  const bundle = await rolldown({ input: CLIENT, logLevel: 'warn' })
  const { output } = await bundle.generate({ format: 'iife', name: 'tidings' })
  // A script that runs before a page is wrapped into a function.
  return `${output[0].code}\nself.tidings = tidings`
}

/** A module in TypeScript that may import the client, as one file. */
export async function bundled(code: string): Promise<string> {
  const bundle = await rolldown({
    input: 'module.ts',
    logLevel: 'warn',
    plugins: [
      {
        name: 'module',
        resolveId: (id) => (id === 'module.ts' ? id : id === '@tidings/client' ? CLIENT : undefined),
        load: (id) => (id === 'module.ts' ? code : undefined),
      },
    ],
  })
  const { output } = await bundle.generate({ format: 'esm' })
  return output[0].code
}

/** A framework as the server of the contract of clients. With TLS it speaks HTTP/2. */
export function serverOf(framework: Framework, protocol: 'HTTP/1.1' | 'HTTP/2'): ServerForClients {
  return {
    isPlain: protocol === 'HTTP/1.1',
    async start(answer) {
      // Without `no-store`, Chromium reads 64 MB ahead of a page that has stopped.
      const options = { heartbeat: false, headers: { 'Cache-Control': 'no-store' } } as const
      const site = await Site.open(framework, options, protocol === 'HTTP/2' ? await makeCertificate() : undefined)
      site.routes.set('/', answer)
      return {
        url: `http${protocol === 'HTTP/2' ? 's' : ''}://127.0.0.1:${site.port}/`,
        async close() {
          await site.close()
          if (site.errors.length > 0) throw new AggregateError(site.errors, `${framework.name} had errors`)
        },
      }
    },
  }
}

/** What a page calls in this process. */
interface Told {
  message(message: ReportedMessage): unknown
  stopped(reason: string): void
  header(): Record<string, string>
  store(stored: StoredMessages): unknown
}

// The page and its server are two processes. On a busy machine the comments of the server may be late.
const LATE = 2.5
const TOLD = ['message', 'stopped', 'header', 'store'] as const

/** What a client is asked for, without what is called. */
interface Asked {
  silence: number
  by: ClientRequest['by']
  throws: boolean
  stores: boolean
}

/** Connects, and tells all that happens. Runs in this process and in pages, so it uses nothing around it. */
function read(tidings: { connect: typeof connect }, told: Told, url: string, { silence, by, throws, stores }: Asked, stored?: StoredMessages): () => void {
  const state = [...(stored?.state ?? [])]
  const take = async (message: ReportedMessage): Promise<void> => {
    // The padding of a flood stays in the page: a call out of it with 5 kB takes long.
    await told.message({ ...message, data: message.data.slice(0, 100) })
    state.push(message.data)
  }
  const connection = tidings.connect<{ message: string }>(url, {
    headers: () => told.header(),
    silence,
    parse: String,
    state: () => [...state],
    ...(stores && { store: { get: () => stored, set: ({ id, state }) => told.store({ id, state: state as string[] }) } }),
  })
  if (throws)
    connection.on('message', () => {
      throw new Error('thrown')
    })
  if (by === 'listener') connection.on('message', take)
  else
    void (async () => {
      for await (const message of connection) if (message.event === 'message') await take(message)
    })()
  connection.subscribe((status) => {
    if (status.state === 'closed') told.stopped(status.reason === 'failed' ? status.error.message : status.reason)
  })
  return connection.close
}

function toldTo({ onMessage, onStopped, headers, store }: ClientRequest): Told {
  return { message: onMessage, stopped: onStopped, header: headers, store: (stored) => store?.set(stored) }
}

function askedBy({ silence, by, throws, store }: ClientRequest): Asked {
  return { silence, by, throws, stores: store !== undefined }
}

/** The client in this process. */
export const inThisProcess: ClientUnderTest['open'] = (request) => read({ connect }, toldTo(request), request.url, askedBy(request), request.store?.get())

/** What the page has. */
declare const self: { tidings: { connect: typeof connect } } & { [name: string]: (told?: unknown) => unknown }

/** The client in a page of the same origin as the server. One page serves all cases in turn. */
export function inPageOf(browser: () => Browser, script: () => string): ClientUnderTest['open'] {
  let opened: Promise<Page> | undefined
  let present: ClientRequest | undefined
  async function open(): Promise<Page> {
    const page = await browser().newPage({ ignoreHTTPSErrors: true })
    page.on('pageerror', ({ message }) => present?.onUncaught(message))
    for (const name of TOLD) await page.exposeFunction(`told_${name}`, (told: never) => present && toldTo(present)[name](told))
    await page.addInitScript(script())
    return page
  }
  return async (request) => {
    opened ??= open()
    const page = await opened
    const address = `${request.url}page`
    await page.route(address, (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html><link rel="icon" href="data:,">' }))
    await page.goto(address)
    // Streams are read without an interception of requests.
    await page.unroute(address)
    present = request
    await page.evaluate(
      ({ source, names, asked, stored }) => {
        const told = Object.fromEntries(names.map((name) => [name, (told?: unknown) => self[`told_${name}`]?.(told)]))
        new Function(`return ${source}`)()(self.tidings, told, '/', asked, stored)
      },
      { source: read.toString(), names: TOLD, asked: { ...askedBy(request), silence: request.silence * LATE }, stored: request.store?.get() },
    )
    return async () => {
      present = undefined
      await page.goto('about:blank')
    }
  }
}
