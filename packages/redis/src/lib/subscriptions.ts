import { backOff, type EngineSubscription, withDeadline } from '@tidings/core/log'
import type { Connector } from './connector.ts'
import { Line, LONGEST_CALL } from './line.ts'

/** Who is told what is published on a channel. */
export interface ChannelListener {
  /** What is published from now on will be told. */
  restored(): void
  message(text: string): void
  /** What is published is not told at present. */
  lost(error: unknown): void
}

interface Followed {
  readonly channel: string
  readonly listeners: Set<ChannelListener>
  line: Line | undefined
  isLive: boolean
}

/**
 * The channels that this process listens to by way of one client: all on one connection, or one for each node of a
 * cluster.
 */
export class Subscriptions {
  readonly connector: Connector
  /** The logs whose differing histories were told of. */
  readonly toldOf: Set<string> = new Set()
  readonly #followed = new Map<string, Followed>()
  readonly #lines = new Map<string, Line>()
  /** How often in a row a node could not be reached. */
  readonly #failures = new Map<string, number>()

  constructor(connector: Connector) {
    this.connector = connector
  }

  /**
   * Listens to a channel, whatever happens to the connection, until it is closed. The listener is never called in the
   * same turn.
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
        // Lost since.
        if (followed.line !== line) continue
        followed.isLive = true
        this.#failures.delete(line.node)
        for (const listener of followed.listeners) listener.restored()
        return
      } catch (error) {
        for (const listener of followed.listeners) listener.lost(error)
        const isLineLost = line !== undefined && followed.line !== line
        this.#leave(followed)
        // Where the connection failed, the next one waits before it is made, once for all channels.
        if (!isLineLost) await backOff(attempt)
      }
    }
  }

  /** The connection to the node that has the channel. Which one that is may change. */
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
        // What a node says of a channel that another one has by now counts no more.
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

  /** Subscribes on the nodes that have the channels now. What was announced meanwhile is read then. */
  #move(line: Line, channels: readonly string[]): void {
    for (const channel of channels) {
      const followed = this.#followed.get(channel)
      if (followed?.line !== line) continue
      followed.line = undefined
      // One that is about to be subscribed looks again by itself.
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
