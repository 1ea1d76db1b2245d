import type { ViteUserConfig } from 'vitest/config'
import { withTenth } from '../../scripts/vitest.shared.ts'

const config: ViteUserConfig = withTenth('test/node-http2.test.ts')
export default config
