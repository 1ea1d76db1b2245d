import type { SseHelper } from './index.ts'

declare module 'koa' {
  interface ExtendableContext {
    /** Answers this request with an event stream. Present once `sse()` is mounted. */
    sse: SseHelper
  }
}
