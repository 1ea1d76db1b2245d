/**
 * The declarations that a fragment needs, by the name in `<!-- context: … -->`. They go on the fragment's first line,
 * so that lines keep their numbers.
 */
export const CONTEXTS: Readonly<Record<string, string>> = {
  express: declarations(
    "declare const app: import('express').Express",
    "declare const sse: typeof import('@tidings/express').sse",
    'declare const news: { after(id: string): Promise<Array<{ id: string }>> }',
    'declare function isSignedIn(session: string, options?: { signal: AbortSignal }): Promise<boolean>',
    "declare function sessionOf(req: import('express').Request): string",
  ),
  channel: declarations(
    "declare const app: import('express').Express",
    "declare const channel: import('@tidings/core').Channel",
    "declare const stream: import('@tidings/core').EventStream",
    'declare const database: { readTable(): Promise<{ rows: object[]; lastEventId: string }> }',
  ),
  'redis client': declarations(
    "declare const app: import('express').Express",
    "declare const createClient: typeof import('redis').createClient",
    "declare const createChannel: typeof import('@tidings/core').createChannel",
    "declare const redisLog: typeof import('@tidings/redis').redisLog",
  ),
  redis: declarations(
    "declare const app: import('express').Express",
    "declare const redis: Awaited<ReturnType<ReturnType<typeof import('redis').createClient>['connect']>>",
    "declare const createChannel: typeof import('@tidings/core').createChannel",
    "declare const redisLog: typeof import('@tidings/redis').redisLog",
    "declare const lastEventIdOf: typeof import('@tidings/core/node').lastEventIdOf",
  ),
  engine: declarations(
    "declare const app: import('express').Express",
    "declare const server: import('node:http').Server",
    'declare const shutdown: AbortController',
    "declare const log: import('@tidings/core').MessageLog",
    'declare const redis: { close(): Promise<void> }',
  ),
  'express with a session': declarations(
    "declare const app: Pick<import('express').Express, 'use'> & { get(path: string, handler: (req: SessionRequest, res: import('express').Response, next: import('express').NextFunction) => void): void }",
    "type SessionRequest = import('express').Request & { session: { visits?: number; save(callback: (error: unknown) => void): void } }",
  ),
  koa: declarations(
    "declare const app: import('koa')",
    "declare const router: import('@koa/router').Router",
    "declare const sse: typeof import('@tidings/koa').sse",
    'declare function stopWatching(): void',
  ),
  'koa with a session': declarations(
    "declare const app: import('koa')",
    "declare const router: import('@koa/router').Router<object, { session: { visits?: number; manuallyCommit(): Promise<void> } }>",
    "declare function session(options: { autoCommit: boolean }, app: import('koa')): import('koa').Middleware",
  ),
  hono: declarations("declare const app: import('hono').Hono", "declare const sse: typeof import('@tidings/hono').sse"),
  stream: declarations("declare const stream: import('@tidings/core').EventStream"),
  prometheus: declarations("declare const app: import('express').Express", "declare const registry: import('prom-client').Registry"),
  page: declarations(
    'declare const output: HTMLElement',
    'declare const source: EventSource',
    'declare const token: string',
    'declare function show(item: unknown): void',
  ),
  client: declarations(
    'declare function freshToken(): Promise<string>',
    "declare function render(items: unknown[], status: import('@tidings/client').Status): void",
  ),
  worker: '',
  board: declarations(
    "declare const app: import('express').Express",
    "declare const board: import('@tidings/core').Channel<{ note: { tab: string; text: string } }>",
  ),
  vitest: declarations("declare const app: import('express').Express"),
}

function declarations(...lines: string[]): string {
  return `${lines.join('; ')}; `
}
