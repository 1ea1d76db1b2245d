/**
 * The parts to write a log on an engine from, as `@tidings/redis` does. `describeLog` in `@tidings/testing` has the
 * contract that a log must pass.
 *
 * @module @tidings/core/log
 */
export {
  type Engine,
  type EngineBatch,
  type EngineEntry,
  type EngineListener,
  type EnginePage,
  type EnginePosition,
  type EngineReceipt,
  type EngineSubscription,
  type EngineTelling,
  type EngineTold,
  engineId,
  type PageLimit,
} from './lib/engine-log/engine.ts'
export { engineLog } from './lib/engine-log/engine-log.ts'
export { ENGINE_LOG_OPTIONS, type EngineHistory, type EngineLogOptions, type ResolvedHistory } from './lib/engine-log/engine-log-options.ts'
export { randomEpoch } from './lib/log/random-epoch.ts'
