import type { ChannelMessage } from '../delivery/view.ts'
import type { Message } from '../message/message.ts'
import type { EventStream } from '../stream/event-stream.ts'
import type { Channel } from './channel.ts'
import type { PublishOptions } from './publish.ts'
import type { MessagesOptions } from './read-messages.ts'
import type { SubscribeOptions, Subscription } from './subscription.ts'

/** A channel as an app gets it, with its public names alone. */
export class PublicChannel implements Channel {
  readonly #channel: Channel

  constructor(channel: Channel) {
    this.#channel = channel
  }

  publish(message: Message, options?: PublishOptions): Promise<string> {
    return this.#channel.publish(message, options)
  }

  subscribe(stream: Omit<EventStream, 'send' | 'sendAll'>, options?: SubscribeOptions): Subscription {
    return this.#channel.subscribe(stream, options)
  }

  messages(options?: MessagesOptions): AsyncIterableIterator<ChannelMessage> {
    return this.#channel.messages(options)
  }

  end(): void {
    this.#channel.end()
  }

  ended(lastEventId: string, options?: Parameters<Channel['ended']>[1]): Promise<boolean> {
    return this.#channel.ended(lastEventId, options)
  }

  close(): void {
    this.#channel.close()
  }

  get subscribers(): number {
    return this.#channel.subscribers
  }
}
