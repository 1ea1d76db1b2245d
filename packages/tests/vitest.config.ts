import { defineConfig, type ViteUserConfig } from 'vitest/config'
import { patience } from '../../scripts/vitest.shared.ts'

/** Has no `source` condition, unlike the other packages: these tests run the built packages. */
const config: ViteUserConfig = defineConfig({
  test: {
    // The tests of other runtimes run only if the matrix names a server.
    include: ['test/**/*.test.ts', ...(process.env['TIDINGS_SERVER'] ? ['runtimes/test/*.test.ts'] : [])],
    ...patience,
    pool: 'forks',
    // Some tests measure delays, and a browser in another test would lengthen them.
    fileParallelism: false,
  },
})
export default config
