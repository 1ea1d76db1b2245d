// Which suite runs where. The contract's own suites run inside the runtime, by vitest; the server of a runtime is read from outside.
const SUITES = [
  { suite: 'core web', folder: 'packages/core', file: 'test/web.test.ts' },
  { suite: 'express', folder: 'packages/express', file: 'test/contract.test.ts' },
  { suite: 'koa', folder: 'packages/koa', file: 'test/contract.test.ts' },
  { suite: 'hono', folder: 'packages/hono', file: 'test/contract.test.ts' },
]

const server = (name) => ({ suite: `server ${name}`, folder: 'runtimes', file: 'test/server.test.ts', server: name })

/** What is to be run of a runtime. */
export function suitesOf(runtime) {
  // It runs no test runner, only what serves.
  if (runtime === 'workerd') return [server('workerd'), server('workerd-object')]
  return [...SUITES, server(runtime.startsWith('node') ? 'node' : runtime)]
}
