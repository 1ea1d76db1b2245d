/** The events of a connection without a type argument: any name with any data. */
export type AnyEvents = Record<string, unknown>

/** The data of a channel's event `reset`: messages for this client are gone. */
export interface Reset {
  reason: 'unknown' | 'trimmed' | 'lagged' | 'lost'
  /** The channel's name, where several channels feed the stream. */
  channel?: string
}

/** The events that a channel of Tidings may send beside the app's own. */
export interface ChannelEvents {
  reset: Reset
  /** Has no data. Its `lastEventId` is the position. */
  position: undefined
}

type Known<Events extends object> = Events & Omit<ChannelEvents, keyof Events>

/** The names of the events that a connection may get. */
export type EventName<Events extends object> = keyof Known<Events> & string

/**
 * A message as listeners and the iterator get it. Without a `Name` it is the union of all events, so that
 * `message.event` tells the type of `message.data`.
 */
export type ReceivedMessage<Events extends object = AnyEvents, Name extends EventName<Events> = EventName<Events>> = {
  [Each in Name]: {
    /** The name of the event. Messages without a name are `'message'`. */
    event: Each
    data: Known<Events>[Each]
    /** The last event ID of the stream at this message (WHATWG HTML 9.2.6). `''` while there is none. */
    lastEventId: string
  }
}[Name]

/** Is called with each message. The next message waits while a promise that it returned is pending. */
export type Listener<Events extends object = AnyEvents, Name extends EventName<Events> = EventName<Events>> = (
  message: ReceivedMessage<Events, Name>,
) => unknown
