import type { ResolvedOptions } from '../stream/stream-options.ts'

/** Headers of an earlier handler that would be wrong on an endless body. */
export const MISLEADING_HEADERS = ['Content-Length', 'Content-Encoding', 'ETag', 'Last-Modified'] as const

/**
 * Headers of one HTTP/1.1 connection, which HTTP/2 has none of: Node throws when a head with one of them is to leave
 * (RFC 9113 8.2.2).
 */
export const HOP_BY_HOP_HEADERS = ['Connection', 'Keep-Alive', 'Proxy-Connection', 'Transfer-Encoding', 'Upgrade', 'HTTP2-Settings', 'TE'] as const

const OURS: ReadonlyArray<readonly [string, string]> = [
  ['Content-Type', 'text/event-stream'],
  // no-transform keeps proxies and compression middleware from buffering; no-cache keeps caches from answering.
  ['Cache-Control', 'no-cache, no-transform'],
  // nginx buffers responses unless it reads this:
  // https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering
  ['X-Accel-Buffering', 'no'],
  // Any proxy is asked to forward what has come, not to wait for more: RFC 10036.
  ['Incremental', '?1'],
]

/**
 * Sets the headers of an event stream one value at a time, as fetch's `Headers` want it: `append` for a further value
 * of a name.
 */
export function setHeaders(options: ResolvedOptions, set: (name: string, value: string, how: { append: boolean }) => void): void {
  for (const [name, value] of responseHeaders(options)) {
    for (const [index, each] of [value].flat().entries()) set(name, each, { append: index > 0 })
  }
}

/**
 * The headers of an event stream in the order in which they are to be set: what `headers` names comes last, and wins.
 */
export function responseHeaders(options: ResolvedOptions): ReadonlyArray<readonly [string, string | string[]]> {
  return options.headers.length === 0 ? OURS : [...OURS, ...options.headers]
}
