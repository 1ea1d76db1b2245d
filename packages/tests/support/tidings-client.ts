import { createRequire } from 'node:module'
import { connect } from '@tidings/client'
import type { ClientRequest, ClientUnderTest, ServerForClients } from '@tidings/testing'
import type { Browser, Page } from 'playwright-core'
import { rolldown } from 'rolldown'
import { askedBy, opensWith, read, TOLD, toldTo } from '../../client/test/support/contract-client.ts'
import { LATE } from './client-host.ts'
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
      // Without `no-store`, Chromium reads far ahead of a page that has stopped.
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

/** The client in this process. */
export const inThisProcess: ClientUnderTest['open'] = opensWith(connect)

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
