/**
 * Helpers for the other packages, the tests and the benchmarks of this repository. Do not use them in an app: they may
 * change in any version, except that names which a published package imports stay within a major version.
 *
 * @module @tidings/core/internal
 */

// For @tidings/redis, which may be installed beside another minor version of core.
export { backOff } from './lib/engine-log/back-off.ts'
export { withDeadline } from './lib/engine-log/deadline.ts'
// For tests and benchmarks.
export { encodeFrame, type JoinLong } from './lib/message/message.ts'
export { checkedInteger, checkNames, invalidOption } from './lib/option-checks.ts'
export { type TimeSource, withClock } from './lib/time-source.ts'
export { startTimer } from './lib/timer.ts'
export { joinLong } from './lib/transport/join-long.ts'
