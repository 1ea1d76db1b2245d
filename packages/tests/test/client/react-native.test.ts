import { type ClientRequest as HttpRequest, type IncomingMessage, request } from 'node:http'
import { createContext, runInContext } from 'node:vm'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { newestFrameworks } from '../../support/frameworks.ts'
import { Scores, SILENCE } from '../../support/scores.ts'
import { clientScript } from '../../support/tidings-client.ts'

const newest = newestFrameworks.map((each) => [each.name, each] as const)

/** The signal of React Native: without `any`, `timeout`, `reason` and `throwIfAborted`. */
class Signal {
  aborted = false
  readonly #listeners = new Set<() => void>()
  addEventListener(_: 'abort', listener: () => void): void {
    this.#listeners.add(listener)
  }
  removeEventListener(_: 'abort', listener: () => void): void {
    this.#listeners.delete(listener)
  }
  tell(): void {
    this.aborted = true
    for (const listener of this.#listeners) listener()
  }
}
class Controller {
  readonly signal: Signal = new Signal()
  abort(): void {
    if (!this.signal.aborted) this.signal.tell()
  }
}

/** What a client may use of a response, and no more. */
interface PlainResponse {
  ok: boolean
  status: number
  headers: { get(name: string): string | null }
  body: { getReader(): { read(): Promise<{ done: boolean; value?: Uint8Array }>; cancel(): Promise<void> } }
}

/** A `fetch` whose body is a stream with a reader and nothing else. */
function fetchOf(heedsSignal: boolean): (url: string, init: { headers: Headers; signal: Signal }) => Promise<PlainResponse> {
  return async (url, { headers, signal }) => {
    const asked: HttpRequest = request(url, { headers: Object.fromEntries(headers), agent: false }).end()
    if (heedsSignal) signal.addEventListener('abort', () => asked.destroy(new Error('aborted')))
    const response = await new Promise<IncomingMessage>((resolve, reject) => asked.once('response', resolve).once('error', reject))
    const chunks = response[Symbol.asyncIterator]()
    const read = async (): Promise<{ done: boolean; value?: Uint8Array }> => {
      const { done = false, value } = await chunks.next()
      return { done, ...(value && { value: new Uint8Array(value) }) }
    }
    const cancel = async (): Promise<void> => void asked.destroy()
    const status = response.statusCode ?? 0
    const get = (name: string): string | null => String(response.headers[name] ?? '') || null
    return { ok: status === 200, status, headers: { get }, body: { getReader: () => ({ read, cancel }) } }
  }
}

/** The client where there is nothing but the language and these globals. */
function clientWithFewGlobals(script: string): typeof import('@tidings/client') {
  const globals = { AbortController: Controller, Headers, TextDecoder, TextEncoder, URL, clearTimeout, setTimeout }
  const context = createContext(globals)
  return runInContext(`const self = globalThis\n${script}\ntidings`, context)
}

describe('@tidings/client with the globals of React Native', () => {
  let script: string
  let scores: Scores
  beforeAll(async () => {
    script = await clientScript()
  })
  afterEach(async () => {
    await scores.close()
    expect(scores.site.errors).toEqual([])
  })

  describe.each(newest)('from %s', (_, framework) => {
    it.each([true, false])('K1 resumes at each cut, and leaves at close() (the fetch heeds its signal: %s)', async (heedsSignal) => {
      scores = await Scores.serve(framework)
      const states: string[] = []
      const seen: unknown[] = []
      const { connect } = clientWithFewGlobals(script)
      const connection = connect<{ count: number }>(`${scores.origin}/scores`, { silence: SILENCE, fetch: fetchOf(heedsSignal) as never })
      connection.subscribe(({ state }) => states.push(state))
      connection.on('count', ({ data }) => seen.push(data))
      await expect.poll(() => states.at(-1)).toBe('open')
      for (let cut = 0; cut < 5; cut++) {
        const all = scores.publish(3)
        await expect.poll(() => seen).toEqual(all)
        scores.site.cut()
      }
      const all = scores.publish(3)
      await expect.poll(() => seen).toEqual(all)
      connection.close()
      await expect.poll(() => scores.open).toBe(0)
      expect(scores.opened).toBeGreaterThan(5)
    })
  })
})
