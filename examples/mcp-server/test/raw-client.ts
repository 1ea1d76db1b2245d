import { type EventStreamRecording, readEventStream } from '@tidings/testing'

const BOTH = 'application/json, text/event-stream'

const INITIALIZE = {
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1.0.0' } },
}
export const PING = { jsonrpc: '2.0', id: 1, method: 'ping' }

export function calling(id: string | number, name: string, input: object): object {
  return { jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: input, _meta: { progressToken: 'p' } } }
}

/** Nothing is told of it before a test is over. */
export const ENDLESS: object = calling('endless', 'countdown', { from: 100, interval: 1_000 })

/** A client that shows the wire, with its own session. */
export class RawClient {
  readonly #url: string
  /** What says its session. */
  readonly headers: Record<string, string> = {}
  /** The answer that began it. */
  beginning: EventStreamRecording | undefined

  constructor(url: string) {
    this.#url = url
  }

  static async begin(url: string, protocolVersion = '2025-11-25'): Promise<RawClient> {
    const client = new RawClient(url)
    client.beginning = await readEventStream(client.post({ ...INITIALIZE, params: { ...INITIALIZE.params, protocolVersion } }))
    Object.assign(client.headers, { 'mcp-session-id': client.beginning.headers['mcp-session-id'], 'mcp-protocol-version': protocolVersion })
    return client
  }

  post(message: unknown, headers: Record<string, string> = {}): Promise<Response> {
    const ours = { accept: BOTH, 'content-type': 'application/json', ...this.headers }
    return fetch(this.#url, { method: 'POST', headers: { ...ours, ...headers }, body: JSON.stringify(message) })
  }

  get(headers: Record<string, string> = {}, signal: AbortSignal | null = null): Promise<Response> {
    return fetch(this.#url, { headers: { accept: 'text/event-stream', ...this.headers, ...headers }, signal })
  }

  /** Comes back with the id of the last event that it saw. */
  resume(id: string | undefined): Promise<Response> {
    return this.get({ 'last-event-id': id ?? '' })
  }

  request(method: string): Promise<Response> {
    return fetch(this.#url, { method, headers: this.headers })
  }
}
