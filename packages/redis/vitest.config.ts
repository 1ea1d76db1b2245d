import { mergeConfig, type ViteUserConfig } from 'vitest/config'
import shared from '../../scripts/vitest.shared.ts'

/** Most of these tests wait for a Redis that is stopped, frozen or replaced. */
const config: ViteUserConfig = mergeConfig(shared, { test: { maxWorkers: 5 } })
export default config
