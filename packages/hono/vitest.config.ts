import type { ViteUserConfig } from 'vitest/config'
import { withTenth } from '../../scripts/vitest.shared.ts'

const config: ViteUserConfig = withTenth('test/contract/*-http2.test.ts')
export default config
