/**
 * Channels, the wire format, metrics, and the types of streams, messages and options. It needs no platform and no
 * framework.
 *
 * @module @tidings/core
 */
export { type Channel, createChannel, type EventsOf } from './lib/channel/channel.ts'
export type { ChannelErrorStage, ChannelOptions, OwnEvents, PublishedEvents } from './lib/channel/channel-options.ts'
export type { PassingOptions, PublishOptions } from './lib/channel/publish.ts'
export type { MessagesOptions } from './lib/channel/read-messages.ts'
export type { FeedableStream, SubscribeOptions, Subscription } from './lib/channel/subscription.ts'
export type { Lag } from './lib/delivery/reader.ts'
export type { After } from './lib/delivery/reader-start.ts'
export type { Snapshot, SnapshotContext, SnapshotResult } from './lib/delivery/snapshot.ts'
export type { ChannelMessage, Filter } from './lib/delivery/view.ts'
export { type CloseReason, type ErrorCode, type ErrorDetails, type ResetReason, TidingsError } from './lib/errors.ts'
export type { HistoryBounds } from './lib/log/history-bounds.ts'
export { memoryLog } from './lib/log/memory-log.ts'
export type { AppendOptions, LogEntry, LogFollower, LogMessage, LogPage, LogStatus, MessageLog, Tail, TailedLog, Walk } from './lib/log/message-log.ts'
export {
  type AnyEvents,
  type EncodeOptions,
  type EventMap,
  encodeComment,
  encodeMessage,
  type Message,
  type MessageFields,
  type PublishedMessage,
  type Serialize,
} from './lib/message/message.ts'
export { type Metrics, metrics } from './lib/metrics.ts'
export type { EventStream, Sendable } from './lib/stream/event-stream.ts'
export type { ErrorStage, StreamOptions } from './lib/stream/stream-options.ts'
