import type { SseHelper } from './index.ts'

declare global {
  namespace Express {
    interface Response {
      /** Opens an event stream on this response. Present once `sse()` is mounted. */
      sse: SseHelper
    }
  }
}
