import { defineConfig, type ViteUserConfig } from 'vitest/config'
import { patience } from '../../scripts/vitest.shared.ts'

/** Without the source condition of the other packages' tests: what runs here is what was built. */
const config: ViteUserConfig = defineConfig({
  test: {
    // The servers of other runtimes are read where the matrix names them.
    include: ['test/**/*.test.ts', ...(process.env['TIDINGS_SERVER'] ? ['runtimes/test/*.test.ts'] : [])],
    ...patience,
    pool: 'forks',
    // They measure delays, and a browser beside them would be measured too.
    fileParallelism: false,
  },
})
export default config
