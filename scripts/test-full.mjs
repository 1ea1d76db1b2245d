// `npm run test:full`: `npm test` with whole counts, as CI runs it, where a laptop runs a tenth of them.
import { endWithParent } from './signals.mjs'
import { withPnpm } from './with-pnpm.mjs'

process.env.TIDINGS_FULL = '1'
endWithParent()
process.exitCode = await withPnpm('verify')
