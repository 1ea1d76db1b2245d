import { backOff, startTimer, withDeadline } from '@tidings/core/internal'
import type { Connector, SubscriberConnection } from './connector.ts'

// Milliseconds. A connection to a frozen or unreachable node gives no event. A regular call finds it.
const PING_INTERVAL = 3_000
// Milliseconds. So long an unused connection is kept: requests that follow logs one after the other share it.
const IDLE_KEPT = 30_000
/** A node that gives no answer for this many milliseconds counts as lost. */
export const LONGEST_CALL = 3_000

/** Gets the events of a line. */
export interface LineEvents {
  message(channel: string, text: string): void
  /** The node has dropped these channels because another node has them now. */
  moved(channels: readonly string[]): void
  /** The line is lost. Called once. */
  lost(error: unknown): void
}

/**
 * One connection to a node, on which channels are subscribed. It lives from the attempt to connect until it is lost,
 * or until it has been unused for a while.
 */
export class Line {
  readonly node: string
  /** The channels that are subscribed on it or will be. */
  readonly channels: Set<string> = new Set()
  readonly #connection: Promise<SubscriberConnection>
  readonly #connector: Connector
  readonly #events: LineEvents
  /** The suffix of channel names on this connection. */
  #tag = ''
  /** The last call for each channel: see `#inOrder`. */
  readonly #calls = new Map<string, Promise<unknown>>()
  #ping: ReturnType<typeof setTimeout> | undefined
  #idle: ReturnType<typeof setTimeout> | undefined
  #isLost = false

  /** @param failures how often in a row the node could not be reached; the wait before the attempt grows with it */
  constructor(connector: Connector, node: string, failures: number, events: LineEvents) {
    this.node = node
    this.#connector = connector
    this.#events = events
    this.#connection = this.#open(failures)
    // Callers of `subscribe` get the rejection.
    this.#connection.catch((error) => this.#lose(error))
  }

  /** Subscribes a channel. Rejects when the connection fails or the node refuses. */
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
    // Closes a connection that was made too late.
    connecting.then((connection) => this.#isLost && connection.destroy()).catch(() => {})
    const connection = await withDeadline(connecting, LONGEST_CALL)
    if (!this.#isLost) this.#pingLater(connection)
    return connection
  }

  /**
   * Makes a call for a channel after its last call is over. A library that is asked to subscribe a channel which it is
   * unsubscribing takes it for subscribed, and sends nothing to Redis.
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
   * Finds channels that the node has dropped unnoticed. `redis` misses that event during a call, and a node that dies
   * sends none.
   */
  #leaveMoved(): void {
    const moved = [...this.channels].filter((channel) => (this.#connector.knownNodeOf(channel) ?? this.node) !== this.node)
    for (const channel of moved) this.leave(channel)
    if (moved.length > 0) this.#events.moved(moved)
  }

  /** Says whether the line is in use. An unused one keeps no process alive. */
  #keep(isUsed: boolean): void {
    clearTimeout(this.#idle)
    this.#idle = isUsed ? undefined : startTimer(() => this.close(), IDLE_KEPT)
    this.#connection.then((connection) => connection.keepAlive(this.channels.size > 0)).catch(() => {})
  }

  #pingLater(connection: SubscriberConnection): void {
    this.#ping = startTimer(async () => {
      // The app has closed its client, so it needs the log no more.
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
 * Whether a refusal of PING still shows that the connection lives. Redis refuses PING when its disk is full, and when
 * the user lacks the permission.
 */
function throwUnlessAnswered(error: unknown): void {
  if (!/^[A-Z]+ /.test(String((error as Error | undefined)?.message))) throw error
}
