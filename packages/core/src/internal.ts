/**
 * For the packages, tests and benchmarks of this repository only. Each name may change or go in any version.
 *
 * @module @tidings/core/internal
 */
export { encodeFrame, type JoinLong } from './lib/message/message.ts'
export { type TimeSource, withClock } from './lib/time-source.ts'
export { joinLong } from './lib/transport/node-sink.ts'
