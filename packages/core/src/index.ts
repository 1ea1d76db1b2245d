/**
 * Channels, the wire format, and the types of streams, messages and options. Imports nothing of a platform or a framework.
 *
 * @module @tidings/core
 */
export { type Channel, createChannel } from './lib/channel/channel.ts'
export type { ChannelErrorStage, ChannelOptions, OwnEvents, PublishedEvents } from './lib/channel/channel-options.ts'
export type { ChannelMessage, MessagesOptions } from './lib/channel/messages.ts'
export type { PublishOptions } from './lib/channel/published.ts'
export type { Lag } from './lib/channel/reader.ts'
export type { ResetReason } from './lib/channel/reset-reason.ts'
export type { Snapshot, SnapshotResult } from './lib/channel/snapshot.ts'
export type { SubscribeOptions, Subscription } from './lib/channel/subscription.ts'
export type { Filter } from './lib/channel/view.ts'
export { type CloseReason, type ErrorCode, type ErrorDetails, TidingsError } from './lib/errors.ts'
export type { EventStream, Sendable } from './lib/event-stream.ts'
export { type Instrument, instruments, type Measurement } from './lib/instruments.ts'
export type { HistoryBounds } from './lib/log/history-bounds.ts'
export { memoryLog } from './lib/log/memory-log.ts'
export type { AppendOptions, LogEntry, LogFollower, LogMessage, LogPage, MessageLog, Tail, TailedLog } from './lib/log/message-log.ts'
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
export { type Metrics, metrics } from './lib/metrics.ts'
export type { ErrorStage, StreamOptions } from './lib/options.ts'
