// `npm start` builds the newsroom's dependencies, then runs its server in this process. With a child process, a
// package manager in between could miss a signal and leave the server running.
import { endWithParent } from './signals.mjs'
import { withPnpm } from './with-pnpm.mjs'

endWithParent()
const code = await withPnpm('build:newsroom')
if (code !== 0) process.exit(code)
await import('../examples/newsroom/server.js')
