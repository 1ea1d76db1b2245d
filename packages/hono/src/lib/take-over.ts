import type { ServerResponse } from 'node:http'
import type { EventStream } from '@tidings/core'
import { HOP_BY_HOP_HEADERS, isHttp2, type NodeResponse, type ResolvedOptions, streamOver } from '@tidings/core/adapter'

const HOP_BY_HOP: ReadonlySet<string> = new Set(HOP_BY_HOP_HEADERS.map((name) => name.toLowerCase()))

/**
 * Takes a Node response over from a server that answers with fetch `Response`s. The server writes the head of our
 * empty response. When it ends the response, the stream starts. So the server sends the head itself, with the headers
 * of all middleware. Where a middleware has put another response in place of ours, that one is left alone and `begin`
 * is not called.
 *
 * @param onDrop called before an unread request body is dropped
 */
export function takeOver(res: NodeResponse, options: ResolvedOptions, begin: (open: () => EventStream) => void, onDrop: () => void): void {
  const target = res as ServerResponse
  const { writeHead, end } = target
  let ours = false
  target.writeHead = (...head: unknown[]) => {
    ours = contentTypeIn(head) === 'text/event-stream'
    target.writeHead = writeHead
    return Reflect.apply(writeHead, target, head)
  }
  target.end = (...last: unknown[]) => {
    target.end = end
    if (!ours || last.length > 0) return Reflect.apply(end, target, last)
    begin(() => streamOver(target.req, res, options, onDrop))
    return target
  }
}

/**
 * Removes hop-by-hop headers from the head of an HTTP/2 response at the moment it is written. A middleware may set
 * some until then.
 */
export function dropHopByHop(res: NodeResponse): void {
  if (!isHttp2(res)) return
  const target = res as unknown as ServerResponse
  const { writeHead } = target
  target.writeHead = (...head: unknown[]) => {
    target.writeHead = writeHead
    const headers = head[head.length - 1]
    if (typeof headers === 'object' && headers !== null)
      head[head.length - 1] = Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase())))
    return Reflect.apply(writeHead, target, head)
  }
}

/** Finds the content type in the arguments of `writeHead`. `getHeader` does not see headers that are passed there. */
function contentTypeIn(head: unknown[]): unknown {
  const headers = head[head.length - 1]
  if (typeof headers !== 'object' || headers === null) return undefined
  return Object.entries(headers).find(([name]) => name.toLowerCase() === 'content-type')?.[1]
}

/**
 * The Node response in the environment that a fetch server gives its app. Its shape is checked, since a binding of a
 * Worker may have the same name.
 */
export function nodeResponseIn(env: unknown): NodeResponse | undefined {
  const { outgoing, server } = (env ?? {}) as { outgoing?: unknown; server?: { outgoing?: unknown } }
  const res = (outgoing ?? server?.outgoing) as ServerResponse | undefined
  return typeof res !== 'object' || res === null || typeof res.writeHead !== 'function' || typeof res.req?.on !== 'function' ? undefined : res
}

/**
 * Whether the response can be taken over. node-server cuts an HTTP/2 request with an unread body once the response has
 * ended, so such a response cannot.
 */
export function canTakeOver(res: NodeResponse): boolean {
  return !isHttp2(res) || res.req.method === 'GET' || res.req.readableEnded
}
