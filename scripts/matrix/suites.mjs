import { adapterPackages } from '../packages.mjs'

// Which suite runs where. The contract's own suites run inside the runtime, by vitest; the server of a runtime is
// read from outside.
const SUITES = [
  { suite: 'core web', folder: 'packages/core', file: 'test/web.test.ts' },
  ...adapterPackages().map(({ folder }) => ({ suite: folder, folder: `packages/${folder}`, file: 'test/contract' })),
]
// What goes past the response to its socket is Node's alone, and differs between its versions.
const SUITES_OF_NODE = [
  { suite: 'core node', folder: 'packages/core', file: 'test/node.test.ts' },
  { suite: 'core channels on the wire', folder: 'packages/core', file: 'test/channel-wire.test.ts' },
]

const server = (name) => ({ suite: `server ${name}`, folder: 'packages/tests', file: 'runtimes/test/server.test.ts', server: name })

/** What is to be run of a runtime. */
export function suitesOf(runtime) {
  // It runs no test runner, only what serves.
  if (runtime === 'workerd') return [server('workerd'), server('workerd-object')]
  return runtime.startsWith('node') ? [...SUITES_OF_NODE, ...SUITES, server('node')] : [...SUITES, server(runtime)]
}
