import type { ViteUserConfig } from 'vitest/config'
import { withTenth } from '../../scripts/vitest.shared.ts'

const config: ViteUserConfig = withTenth('test/contract/koa-{2,2-http2,3-http2}.test.ts')
export default config
