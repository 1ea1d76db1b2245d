import { backOff, startTimer, withDeadline } from '@tidings/core/log'
import type { Connector, SubscriberConnection } from './connector.ts'

// Milliseconds. A connection whose other end was frozen or cut off says nothing, and is found out by asking.
const PING_INTERVAL = 3_000
// Milliseconds. Requests that each follow a log of their own, one after the other, need one connection.
const IDLE_KEPT = 30_000
/** Until a node that does not answer is taken for lost, in milliseconds. */
export const LONGEST_CALL = 3_000

/** Who is told what happens on a line. */
export interface LineEvents {
  message(channel: string, text: string): void
  /** The node has given up these channels: another one has them now. */
  moved(channels: readonly string[]): void
  /** It is of no more use. Once. */
  lost(error: unknown): void
}

/**
 * One connection to a node that channels are subscribed on, from the attempt to make it until it is lost, or has not
 * been used for a while.
 */
export class Line {
  readonly node: string
  /** The channels that are subscribed on it, or are about to be. */
  readonly channels: Set<string> = new Set()
  readonly #connection: Promise<SubscriberConnection>
  readonly #connector: Connector
  readonly #events: LineEvents
  /** What comes after a channel's name on this connection. */
  #tag = ''
  /** The last call for each channel: see `#inOrder`. */
  readonly #calls = new Map<string, Promise<unknown>>()
  #ping: ReturnType<typeof setTimeout> | undefined
  #idle: ReturnType<typeof setTimeout> | undefined
  #isLost = false

  /** @param failures how often in a row the node could not be reached: so much longer it waits before it tries */
  constructor(connector: Connector, node: string, failures: number, events: LineEvents) {
    this.node = node
    this.#connector = connector
    this.#events = events
    this.#connection = this.#open(failures)
    // Those who subscribe are told.
    this.#connection.catch((error) => this.#lose(error))
  }

  /** Has a channel subscribed on it from now on. Rejects where the connection cannot be made, or the node refuses. */
  async subscribe(channel: string): Promise<void> {
    this.channels.add(channel)
    this.#keep(true)
    const connection = await this.#connection
    await withDeadline(
      this.#inOrder(channel, () => connection.subscribe(channel + this.#tag)),
      LONGEST_CALL,
    )
  }

  /** Unsubscribes a channel. A connection without channels is kept for a while. */
  leave(channel: string): void {
    if (!this.channels.delete(channel) || this.#isLost) return
    this.#connection.then((connection) => this.#inOrder(channel, () => connection.unsubscribe(channel + this.#tag))).catch(() => {})
    if (this.channels.size === 0) this.#keep(false)
  }

  /** Closes the connection. */
  close(): void {
    this.#lose(undefined)
  }

  async #open(failures: number): Promise<SubscriberConnection> {
    if (failures > 0) await backOff(failures)
    this.#tag = await withDeadline(this.#connector.tag(), LONGEST_CALL)
    const nameOf = (channel: string): string => channel.slice(0, channel.length - this.#tag.length)
    const connecting = this.#connector.connect(this.node, {
      message: (channel, text) => {
        if (!this.#isLost) this.#events.message(nameOf(channel), text)
      },
      moved: (channels) => {
        if (!this.#isLost) this.#move(channels.map(nameOf))
      },
      lost: (error) => this.#lose(error),
    })
    // One that comes too late is not kept.
    connecting.then((connection) => this.#isLost && connection.destroy()).catch(() => {})
    const connection = await withDeadline(connecting, LONGEST_CALL)
    if (!this.#isLost) this.#pingLater(connection)
    return connection
  }

  /**
   * Makes a call for a channel once the last one is over: a library that is told to subscribe while it unsubscribes
   * takes the channel for subscribed, and tells Redis nothing.
   */
  #inOrder(channel: string, call: () => Promise<unknown>): Promise<unknown> {
    const before = this.#calls.get(channel)
    const called = before ? before.then(call, call) : call()
    this.#calls.set(channel, called)
    const forget = (): void => {
      if (this.#calls.get(channel) === called) this.#calls.delete(channel)
    }
    called.then(forget, forget)
    return called
  }

  #move(channels: readonly string[]): void {
    const moved = channels.filter((channel) => this.channels.delete(channel))
    if (this.channels.size === 0) this.#keep(false)
    this.#events.moved(moved)
  }

  /**
   * A node's word that it has given up a channel may be lost: in `redis` while a call is under way, or with the node.
   */
  #leaveMoved(): void {
    const moved = [...this.channels].filter((channel) => (this.#connector.knownNodeOf(channel) ?? this.node) !== this.node)
    for (const channel of moved) this.leave(channel)
    if (moved.length > 0) this.#events.moved(moved)
  }

  /** Whether it is in use. While it is not, it keeps no process alive. */
  #keep(isUsed: boolean): void {
    clearTimeout(this.#idle)
    this.#idle = isUsed ? undefined : startTimer(() => this.close(), IDLE_KEPT)
    this.#connection.then((connection) => connection.keepAlive(this.channels.size > 0)).catch(() => {})
  }

  #pingLater(connection: SubscriberConnection): void {
    this.#ping = startTimer(async () => {
      // The app has closed its client, and so is done with the log.
      if (this.channels.size === 0 && !this.#connector.isOpen()) return this.close()
      try {
        await withDeadline(connection.ping().catch(throwUnlessAnswered), LONGEST_CALL)
        if (this.#isLost) return
        this.#leaveMoved()
        this.#pingLater(connection)
      } catch (error) {
        this.#lose(error)
      }
    }, PING_INTERVAL)
  }

  #lose(error: unknown): void {
    if (this.#isLost) return
    this.#isLost = true
    clearTimeout(this.#ping)
    clearTimeout(this.#idle)
    this.#connection.then((connection) => connection.destroy()).catch(() => {})
    this.#events.lost(error)
  }
}

/**
 * A Redis whose disk is full refuses even PING, and a user may lack the right to it: the connection lives all the
 * same.
 */
function throwUnlessAnswered(error: unknown): void {
  if (!/^[A-Z]+ /.test(String((error as Error | undefined)?.message))) throw error
}
