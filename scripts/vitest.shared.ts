import { defineConfig, type ViteUserConfig } from 'vitest/config'

// Milliseconds. These limits only end a run that hangs. No test claims that it is done within them: a busy machine may
// take ten times as long as an idle one. A poll ends before its test, so that the failure says what did not come.
const LONGEST_TEST = 120_000
const LONGEST_POLL = 90_000

/** The limits after which a test that hangs ends. */
export const patience: Pick<NonNullable<ViteUserConfig['test']>, 'testTimeout' | 'hookTimeout' | 'expect'> = {
  testTimeout: LONGEST_TEST,
  hookTimeout: LONGEST_TEST,
  expect: { poll: { timeout: LONGEST_POLL } },
}

/** Runs tests against the sources, so that errors point at their lines. */
const shared: ViteUserConfig = defineConfig({
  resolve: { conditions: ['tidings-source'] },
  ssr: { resolve: { conditions: ['tidings-source', 'node'] } },
  test: {
    include: ['test/**/*.test.ts'],
    ...patience,
    pool: 'forks',
    // Tests wait more than they compute, so they may use all processors.
    maxWorkers: '100%',
    execArgv: ['--expose-gc'],
  },
})
export default shared
