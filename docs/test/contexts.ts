/**
 * What a fragment takes for granted, by the name in `<!-- context: … -->`. Each stands in front of the fragment's first line, so that lines keep
 * their numbers.
 */
export const CONTEXTS: Readonly<Record<string, string>> = {
  express: declarations(
    "declare const app: import('express').Express",
    "declare const sse: typeof import('@tidings/express').sse",
    'declare const news: { after(id: string): Promise<Array<{ id: string }>> }',
    "declare function sessionOf(req: import('express').Request): string",
  ),
  channel: declarations(
    "declare const app: import('express').Express",
    "declare const channel: import('@tidings/core').Channel",
    "declare const stream: import('@tidings/core').EventStream",
    'declare const database: { readTable(): Promise<{ rows: object[]; lastEventId: string }> }',
  ),
  koa: declarations("declare const app: import('koa')"),
  hono: declarations("declare const app: import('hono').Hono"),
  stream: declarations("declare const stream: import('@tidings/core').EventStream"),
  page: declarations(
    'declare const output: HTMLElement',
    'declare const source: EventSource',
    'declare const token: string',
    'declare function show(item: unknown): void',
  ),
  worker: '',
  vitest: declarations("declare const app: import('express').Express"),
}

function declarations(...lines: string[]): string {
  return `${lines.join('; ')}; `
}
