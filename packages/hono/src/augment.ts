import type { SseHelper } from './index.ts'

declare module 'hono' {
  interface ContextVariableMap {
    /** Answers this request with an event stream. Present once `sse()` is mounted. */
    sse: SseHelper
  }
}
