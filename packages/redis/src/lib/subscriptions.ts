import { backOff, withDeadline } from '@tidings/core/internal'
import type { EngineSubscription } from '@tidings/core/log'
import type { Connector } from './connector.ts'
import { Line, LONGEST_CALL } from './line.ts'

/** Gets the messages of a channel. */
export interface ChannelListener {
  /** Every message from now on will be reported. */
  restored(): void
  message(text: string): void
  /** Messages are not reported at present. */
  lost(error: unknown): void
}

interface Followed {
  readonly channel: string
  readonly listeners: Set<ChannelListener>
  line: Line | undefined
  isLive: boolean
}

/**
 * The channels that this process listens to through one client. They share one connection, in a cluster one for each
 * node.
 */
export class Subscriptions {
  readonly connector: Connector
  /** The logs whose different histories were reported. */
  readonly toldOf: Set<string> = new Set()
  readonly #followed = new Map<string, Followed>()
  readonly #lines = new Map<string, Line>()
  /** How often in a row a node could not be reached. */
  readonly #failures = new Map<string, number>()

  constructor(connector: Connector) {
    this.connector = connector
  }

  /**
   * Listens to a channel until it is closed, also when connections are lost. The listener is never called in the same
   * turn.
   */
  add(channel: string, listener: ChannelListener): EngineSubscription {
    const followed = this.#followed.get(channel) ?? this.#begin(channel)
    followed.listeners.add(listener)
    if (followed.isLive) queueMicrotask(() => followed.isLive && followed.listeners.has(listener) && listener.restored())
    return {
      renew: () => {
        if (followed.isLive) this.#renew(followed)
      },
      close: () => {
        followed.listeners.delete(listener)
        if (followed.listeners.size > 0 || this.#followed.get(channel) !== followed) return
        this.#followed.delete(channel)
        this.#leave(followed)
      },
    }
  }

  #begin(channel: string): Followed {
    const followed: Followed = { channel, listeners: new Set(), line: undefined, isLive: false }
    this.#followed.set(channel, followed)
    this.#follow(followed)
    return followed
  }

  async #follow(followed: Followed): Promise<void> {
    await Promise.resolve()
    for (let attempt = 1; this.#followed.get(followed.channel) === followed; attempt++) {
      let line: Line | undefined
      try {
        line = await this.#lineFor(followed)
        await line.subscribe(followed.channel)
        // The line was lost in between.
        if (followed.line !== line) continue
        followed.isLive = true
        this.#failures.delete(line.node)
        for (const listener of followed.listeners) listener.restored()
        return
      } catch (error) {
        for (const listener of followed.listeners) listener.lost(error)
        const isLineLost = line !== undefined && followed.line !== line
        this.#leave(followed)
        // After a failed connection, the next one waits before it connects, once for all channels.
        if (!isLineLost) await backOff(attempt)
      }
    }
  }

  /** The connection to the node that has the channel. The node may change. */
  async #lineFor(followed: Followed): Promise<Line> {
    const node = await withDeadline(this.connector.nodeOf(followed.channel), LONGEST_CALL)
    if (this.#followed.get(followed.channel) !== followed) throw new Error('The channel was closed')
    const line = this.#lines.get(node) ?? this.#open(node)
    followed.line = line
    return line
  }

  #open(node: string): Line {
    const line: Line = new Line(this.connector, node, this.#failures.get(node) ?? 0, {
      message: (channel, text) => {
        const followed = this.#followed.get(channel)
        // Ignores messages of a node that no longer has the channel.
        if (followed?.line === line) for (const listener of followed.listeners) listener.message(text)
      },
      moved: (channels) => this.#move(line, channels),
      lost: (error) => this.#lose(line, error),
    })
    this.#lines.set(node, line)
    return line
  }

  #lose(line: Line, error: unknown): void {
    const { node } = line
    if (this.#lines.get(node) === line) this.#lines.delete(node)
    if (line.channels.size === 0) return
    this.#failures.set(node, (this.#failures.get(node) ?? 0) + 1)
    for (const channel of line.channels) {
      const followed = this.#followed.get(channel)
      if (followed?.line !== line) continue
      followed.line = undefined
      if (!followed.isLive) continue
      followed.isLive = false
      for (const listener of followed.listeners) listener.lost(error)
      this.#follow(followed)
    }
  }

  /** Subscribes on the nodes that have the channels now. Followers then read the messages that they missed. */
  #move(line: Line, channels: readonly string[]): void {
    for (const channel of channels) {
      const followed = this.#followed.get(channel)
      if (followed?.line !== line) continue
      followed.line = undefined
      // A channel whose subscription is pending checks its node itself.
      if (!followed.isLive) continue
      followed.isLive = false
      this.#follow(followed)
    }
  }

  /** Subscribes on another connection, where nobody else needs this one. */
  #renew(followed: Followed): void {
    const { line } = followed
    this.#leave(followed)
    if (line?.channels.size === 0) line.close()
    this.#follow(followed)
  }

  #leave(followed: Followed): void {
    followed.isLive = false
    const { line } = followed
    followed.line = undefined
    line?.leave(followed.channel)
  }
}
