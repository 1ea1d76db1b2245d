import type { SseHelper } from './index.ts'

declare module 'koa' {
  interface ExtendableContext {
    /** Opens an event stream as the answer to this request. There once `sse()` is mounted. */
    sse: SseHelper
  }
}
