/**
 * The parts to write an adapter from, as `@tidings/express`, `@tidings/koa` and `@tidings/hono` do. `@tidings/testing`
 * has the contract that an adapter must pass. `.github/CONTRIBUTING.md` says what a new framework needs.
 *
 * @module @tidings/core/adapter
 */

export { branded, optionLayer } from './lib/stream/option-layer.ts'
export { failStream, followsFromEnd } from './lib/stream/public-stream.ts'
export { type ResolvedOptions, resolveOptions } from './lib/stream/stream-options.ts'
export { refusalOf, refusalResponse } from './lib/transport/accept.ts'
export { closeOnReset, isHttp2, type NodeRequest, type NodeResponse } from './lib/transport/node-messages.ts'
export { openNodeStream, streamOver } from './lib/transport/node-stream.ts'
export { HOP_BY_HOP_HEADERS, MISLEADING_HEADERS, setHeaders } from './lib/transport/response-head.ts'
export { answerOnce, boundCallback, refuseBody, type StreamCallback, webStreamBody } from './lib/transport/web-stream.ts'
