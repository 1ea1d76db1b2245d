/**
 * React hooks for event streams: `useEventStream()` and `useEvents()`.
 *
 * @module @tidings/client/react
 */
export { type EventStreamOptions, useEventStream } from './lib/use-event-stream.ts'
export { useEvents } from './lib/use-events.ts'
