import { defineConfig, type ViteUserConfig } from 'vitest/config'

/** Every package's tests run against the sources, so that a failing line is the line that was written. */
const shared: ViteUserConfig = defineConfig({
  resolve: { conditions: ['tidings-source'] },
  ssr: { resolve: { conditions: ['tidings-source', 'node'] } },
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 20_000,
    pool: 'forks',
    // Tests wait more than they compute, so a processor can be left to nobody.
    maxWorkers: '100%',
    execArgv: ['--expose-gc'],
  },
})
export default shared
