/**
 * For whoever writes an adapter: the pieces that `@tidings/express`, `@tidings/koa` and `@tidings/hono` are made of.
 * `@tidings/testing` has the contract that an adapter must pass.
 *
 * @module @tidings/core/adapter
 */
export { refusalOf, refusalResponse } from './lib/accept.ts'
export type { OwnedEventStream } from './lib/event-stream.ts'
export { encodeFrame, type JoinLong } from './lib/message.ts'
export { isHttp2, joinLong, type NodeRequest, type NodeResponse } from './lib/node-sink.ts'
export { openNodeStream, streamOver } from './lib/node-stream.ts'
export { branded, optionLayer } from './lib/option-layer.ts'
export { type ResolvedOptions, resolveOptions } from './lib/options.ts'
export { MISLEADING_HEADERS, setHeaders } from './lib/response-head.ts'
export { answerOnce, runCallback, type StreamCallback, webStreamBody } from './lib/web-stream.ts'
