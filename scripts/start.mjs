// `npm start`: builds what the newsroom needs, then becomes its server. In this process and not in a child, so that a
// signal meets the server itself, and no package manager in between can leave it running.
import { endWithParent } from './signals.mjs'
import { withPnpm } from './with-pnpm.mjs'

endWithParent()
const code = await withPnpm('build:newsroom')
if (code !== 0) process.exit(code)
await import('../examples/newsroom/server.js')
