export { type CloseReason, type ErrorCode, type ErrorDetails, TidingsError } from './lib/errors.ts'
export type { EventStream } from './lib/event-stream.ts'
export {
  type AnyEvents,
  type EncodeOptions,
  type EventMap,
  encodeComment,
  encodeMessage,
  type Message,
  type MessageFields,
  type Serialize,
} from './lib/message.ts'
export type { ErrorStage, StreamOptions } from './lib/options.ts'
export type { Sendable } from './lib/send-all.ts'
