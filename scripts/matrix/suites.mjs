import { adapterPackages } from '../packages.mjs'

// The suites of each runtime. The contract's suites run inside the runtime, by vitest. The tests of a server read it
// from outside.
const SUITES = [
  { suite: 'core web', folder: 'packages/core', file: 'test/web.test.ts' },
  { suite: 'client', folder: 'packages/client', file: 'test/contract.test.ts' },
  ...adapterPackages().map(({ folder }) => ({ suite: folder, folder: `packages/${folder}`, file: 'test/contract' })),
]
// Only Node lets core write to the socket without the response, and the versions of Node differ in it.
const SUITES_OF_NODE = [
  { suite: 'core node', folder: 'packages/core', file: 'test/node.test.ts' },
  { suite: 'core channels on the wire', folder: 'packages/core', file: 'test/channel-wire.test.ts' },
]

const server = (name) => ({ suite: `server ${name}`, folder: 'packages/tests', file: 'runtimes/test/server.test.ts', server: name })

/** The suites to run for a runtime. */
export function suitesOf(runtime) {
  // workerd cannot run a test runner.
  if (runtime === 'workerd') return [server('workerd'), server('workerd-object')]
  return runtime.startsWith('node') ? [...SUITES_OF_NODE, ...SUITES, server('node')] : [...SUITES, server(runtime)]
}
