import type { ResolvedOptions } from '../stream/stream-options.ts'

/** Headers that an earlier handler may have set, and that are wrong for an endless body. */
export const MISLEADING_HEADERS = ['Content-Length', 'Content-Encoding', 'ETag', 'Last-Modified'] as const

/**
 * Headers of an HTTP/1.1 connection, which HTTP/2 forbids (RFC 9113 8.2.2). Node throws when it sends a head with one
 * of them.
 */
export const HOP_BY_HOP_HEADERS = ['Connection', 'Keep-Alive', 'Proxy-Connection', 'Transfer-Encoding', 'Upgrade', 'HTTP2-Settings', 'TE'] as const

const OURS: ReadonlyArray<readonly [string, string]> = [
  ['Content-Type', 'text/event-stream'],
  // `no-transform` stops proxies and compression middleware from buffering. `no-cache` stops caches from answering.
  ['Cache-Control', 'no-cache, no-transform'],
  // nginx buffers responses unless it reads this:
  // https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering
  ['X-Accel-Buffering', 'no'],
  // Asks each proxy to forward bytes as they come (RFC 10036).
  ['Incremental', '?1'],
]

/**
 * Sets the headers of an event stream one value at a time, for fetch's `Headers`. `append` is true for each further
 * value of a name.
 */
export function setHeaders(options: ResolvedOptions, set: (name: string, value: string, how: { append: boolean }) => void): void {
  for (const [name, value] of responseHeaders(options)) {
    for (const [index, each] of [value].flat().entries()) set(name, each, { append: index > 0 })
  }
}

/**
 * The headers of an event stream, in the order to set them: those of the `headers` option come last, and so win.
 */
export function responseHeaders(options: ResolvedOptions): ReadonlyArray<readonly [string, string | string[]]> {
  return options.headers.length === 0 ? OURS : [...OURS, ...options.headers]
}
