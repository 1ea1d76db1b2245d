/**
 * A typed client for event streams: `connect()`.
 *
 * @module @tidings/client
 */
export type { ClientError, ClientErrorCode } from './lib/client-error.ts'
export { type Connection, connect } from './lib/connect.ts'
export type { AnyEvents, ChannelEvents, Listener, ReceivedMessage, Reset } from './lib/message.ts'
export type { ConnectOptions } from './lib/options.ts'
export type { Store, Stored } from './lib/position.ts'
export type { Status } from './lib/status.ts'
