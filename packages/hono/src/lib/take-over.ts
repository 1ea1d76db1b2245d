import type { ServerResponse } from 'node:http'
import type { EventStream } from '@tidings/core'
import { HOP_BY_HOP_HEADERS, isHttp2, type NodeResponse, type ResolvedOptions, streamOver } from '@tidings/core/adapter'

const HOP_BY_HOP: ReadonlySet<string> = new Set(HOP_BY_HOP_HEADERS.map((name) => name.toLowerCase()))

/**
 * Takes a Node response over from a server that answers fetch `Response`s on it: once that server has written the
 * head of our empty response and ends it, the stream goes on from there. So the head is the server's own, with
 * whatever middleware has added. A head that is not ours (a middleware put another response in its place) is left
 * alone, and `begin` is not called.
 *
 * @param onDrop called when a body that nobody reads is about to be dropped
 */
export function takeOver(res: NodeResponse, options: ResolvedOptions, begin: (stream: EventStream) => void, onDrop: () => void): void {
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
    begin(streamOver(target.req, res, options, onDrop))
    return target
  }
}

/**
 * Has the head of an HTTP/2 response leave without hop-by-hop headers: a middleware may set some until the very end.
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

/** node-server hands all headers to `writeHead`, where `getHeader` does not find them afterwards. */
function contentTypeIn(head: unknown[]): unknown {
  const headers = head[head.length - 1]
  if (typeof headers !== 'object' || headers === null) return undefined
  return Object.entries(headers).find(([name]) => name.toLowerCase() === 'content-type')?.[1]
}

/**
 * The Node response in the environment that a fetch server hands to its app. A binding of a Worker may bear the same
 * name.
 */
export function nodeResponseIn(env: unknown): NodeResponse | undefined {
  const { outgoing, server } = (env ?? {}) as { outgoing?: unknown; server?: { outgoing?: unknown } }
  const res = (outgoing ?? server?.outgoing) as ServerResponse | undefined
  return typeof res !== 'object' || res === null || typeof res.writeHead !== 'function' || typeof res.req?.on !== 'function' ? undefined : res
}

/**
 * Whether it can be taken over: an HTTP/2 request whose body is unread is cut by node-server once its response has
 * ended.
 */
export function canTakeOver(res: NodeResponse): boolean {
  return !isHttp2(res) || res.req.method === 'GET' || res.req.readableEnded
}
