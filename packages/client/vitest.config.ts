import { createRequire } from 'node:module'
import { defineConfig, type ViteUserConfig } from 'vitest/config'
import shared from '../../scripts/vitest.shared.ts'

const { resolve } = createRequire(new URL('test/react-18/package.json', import.meta.url))

/** The hooks are tested with React 19 as all else is, and once more with React 18. */
const config: ViteUserConfig = defineConfig({
  ...shared,
  test: {
    ...shared.test,
    // Each project has its own, which would join this one.
    include: [],
    projects: [
      { extends: true, test: { name: 'react 19', include: shared.test?.include ?? [] } },
      {
        extends: true,
        resolve: {
          alias: ['react', 'react-dom', 'react-dom/client', 'react-dom/server'].map((name) => ({ find: new RegExp(`^${name}$`), replacement: resolve(name) })),
        },
        test: { name: 'react 18', include: ['test/react*.test.ts'] },
      },
    ],
  },
})
export default config
