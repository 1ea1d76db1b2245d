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

/** The same, where some files run with a tenth of the counts also in CI. `npm run test:full` runs them whole. */
export function withTenth(files: string): ViteUserConfig {
  const env: Record<string, string> = process.env['TIDINGS_FULL'] === '1' ? {} : { CI: '' }
  return {
    ...shared,
    test: {
      ...shared.test,
      // Each project has its own, which would join this one.
      include: [],
      projects: [
        { extends: true, test: { name: 'whole', include: shared.test?.include ?? [], exclude: [files] } },
        { extends: true, test: { name: 'tenth', include: [files], env } },
      ],
    },
  }
}

export default shared
