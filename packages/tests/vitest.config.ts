import { defineConfig, type ViteUserConfig } from 'vitest/config'
import { patience } from '../../scripts/vitest.shared.ts'

const isFull = process.env['TIDINGS_FULL'] === '1'
const shared = { ...patience, pool: 'forks' } as const

/** Has no `source` condition, unlike the other packages: these tests run the built packages. */
const config: ViteUserConfig = defineConfig({
  test: {
    projects: [
      {
        test: {
          ...shared,
          name: 'one by one',
          // The tests of other runtimes run only if the matrix names a server.
          include: ['test/*.test.ts', ...(process.env['TIDINGS_SERVER'] ? ['runtimes/test/*.test.ts'] : [])],
          // Some tests measure delays, and a browser in another test would lengthen them.
          fileParallelism: false,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...shared,
          name: 'side by side',
          include: ['test/client/*.test.ts'],
          // These find the same in the same browser, and take minutes.
          exclude: isFull ? [] : ['test/client/*-{koa,hono,fetch-event-source,sse-js,reconnecting-eventsource}.test.ts'],
          // These wait for reconnects and watchdogs most of the time.
          maxWorkers: 4,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
export default config
