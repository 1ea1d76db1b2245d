import { backOff, startTimer, withDeadline } from '@tidings/core/log'
import type { Connector, SubscriberConnection } from './connector.ts'

// Milliseconds. A connection whose other end was frozen or cut off says nothing, and is found out by asking.
const PING_INTERVAL = 3_000
/** Until a node that does not answer is taken for lost, in milliseconds. */
export const LONGEST_CALL = 3_000

/** One connection to a node that channels are subscribed on, from the attempt to make it until it is lost. */
export class Line {
  readonly node: string
  /** The channels that are subscribed on it, or are about to be. */
  readonly channels: Set<string> = new Set()
  readonly #connection: Promise<SubscriberConnection>
  readonly #connector: Connector
  readonly #onMessage: (channel: string, text: string) => void
  readonly #onLost: (error: unknown) => void
  /** What comes after a channel's name on this connection. */
  #tag = ''
  #ping: ReturnType<typeof setTimeout> | undefined
  #isLost = false

  /** @param failures how often in a row the node could not be reached: so much longer it waits before it tries */
  constructor(connector: Connector, node: string, failures: number, on: { message(channel: string, text: string): void; lost(error: unknown): void }) {
    this.node = node
    this.#connector = connector
    this.#onMessage = on.message
    this.#onLost = on.lost
    this.#connection = this.#open(failures)
    // Whoever subscribes is told.
    this.#connection.catch((error) => this.#lose(error))
  }

  /** Subscribes a channel, which is one of `channels`. Rejects where the connection cannot be made, or the node refuses. */
  async subscribe(channel: string): Promise<void> {
    const connection = await this.#connection
    await withDeadline(connection.subscribe(channel + this.#tag), LONGEST_CALL)
  }

  /** Unsubscribes a channel; without any, the connection is closed. */
  leave(channel: string): void {
    this.channels.delete(channel)
    if (this.channels.size === 0) this.#lose(undefined)
    else if (!this.#isLost) this.#connection.then((connection) => connection.unsubscribe(channel + this.#tag)).catch(() => {})
  }

  async #open(failures: number): Promise<SubscriberConnection> {
    if (failures > 0) await backOff(failures)
    this.#tag = await withDeadline(this.#connector.tag(), LONGEST_CALL)
    const connecting = this.#connector.connect(this.node, {
      message: (channel, text) => {
        if (!this.#isLost) this.#onMessage(channel.slice(0, channel.length - this.#tag.length), text)
      },
      lost: (error) => this.#lose(error),
    })
    // One that comes too late is not kept.
    connecting.then((connection) => this.#isLost && connection.destroy()).catch(() => {})
    const connection = await withDeadline(connecting, LONGEST_CALL)
    if (!this.#isLost) this.#pingLater(connection)
    return connection
  }

  #pingLater(connection: SubscriberConnection): void {
    this.#ping = startTimer(async () => {
      try {
        await withDeadline(connection.ping(), LONGEST_CALL)
        if (!this.#isLost) this.#pingLater(connection)
      } catch (error) {
        this.#lose(error)
      }
    }, PING_INTERVAL)
  }

  #lose(error: unknown): void {
    if (this.#isLost) return
    this.#isLost = true
    clearTimeout(this.#ping)
    this.#connection.then((connection) => connection.destroy()).catch(() => {})
    this.#onLost(error)
  }
}
