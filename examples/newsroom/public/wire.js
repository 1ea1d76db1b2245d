import { connect } from '@tidings/client'

// Milliseconds. A browser opens at most six HTTP/1.1 connections to a host, for all its tabs. So a hidden tab closes
// its three.
const HIDDEN = 1_000

/** The event stream of a desk: a connection of the client, with an event count, the last id, and a button or two. */
export class Wire {
  /** The status of the client: `connecting`, `open`, `waiting`, `paused` or `closed`. */
  status = { state: 'paused', reason: 'idle' }
  received = 0
  lastEventId = ''
  /** Whether the server slows its connection down. */
  slow = false
  #desk
  #tell
  #close = () => {}
  #awaySince = 0
  // The name of this stream, by which the page asks the server to drop it.
  #client = crypto.getRandomValues(new Uint32Array(2)).join('-')

  /**
   * @param {string} desk
   * @param {{ onMessage(message: any): void, onReceived(): void, onStatus(): void, onOpen(away: number): void }} tell
   */
  constructor(desk, tell) {
    this.#desk = desk
    this.#tell = tell
  }

  /** Connects. A connection that is open is replaced by one that resumes after its last id. */
  open() {
    this.#close()
    const query = new URLSearchParams({ client: this.#client, ...(this.slow && { slow: 'yes' }) })
    const connection = connect(`/${this.#desk}/events?${query}`, { lastEventId: this.lastEventId, pauseWhenHidden: HIDDEN })
    const offMessages = connection.onAny((message) => this.#received(message))
    const offStatus = connection.subscribe((status) => this.#changed(status))
    this.#close = () => {
      offMessages()
      offStatus()
      connection.close()
    }
  }

  /** Asks the server to end this stream, so that the client reconnects after `milliseconds` at the earliest. */
  async drop(milliseconds) {
    const query = new URLSearchParams({ client: this.#client, away: String(milliseconds) })
    const answer = await fetch(`/${this.#desk}/drop?${query}`, { method: 'POST' })
    return answer.ok
  }

  #received(message) {
    this.received++
    this.lastEventId = message.lastEventId
    this.#tell.onMessage(message)
    this.#tell.onReceived()
  }

  #changed(status) {
    if (this.status.state === 'open') this.#awaySince = performance.now()
    this.status = status
    if (status.state === 'open') {
      this.#tell.onOpen(this.#awaySince && performance.now() - this.#awaySince)
      this.#awaySince = 0
    }
    this.#tell.onStatus()
  }
}

/** Shortens an id for display. Most of it is the random epoch of the log. */
export function shortened(id) {
  return id.replace(/(?<=^\w{6})\w+/, '…')
}
