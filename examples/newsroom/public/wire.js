/** The event stream of a desk: an `EventSource` with its state, its event count and its last id. */
export class Wire {
  /** `connecting`, `live`, `away` or `paused`. */
  state = 'connecting'
  received = 0
  lastEventId = ''
  /** Whether the server slows its connection down. */
  slow = false
  #desk
  #tell
  #source
  #awaySince = 0
  // The name of this stream, by which the page asks the server to drop it.
  #client = crypto.getRandomValues(new Uint32Array(2)).join('-')

  /**
   * @param {string} desk
   * @param {{ onEvent(name: string, data: any, id: string): void, onChange(): void, onOpen(away: number): void }} tell
   */
  constructor(desk, tell) {
    this.#desk = desk
    this.#tell = tell
  }

  /** @param {string[]} names the events to listen for */
  open(names) {
    const query = new URLSearchParams({ client: this.#client })
    // An EventSource sends the header when it reconnects by itself. A new one has no id, so the id goes in the query.
    if (this.lastEventId) query.set('lastEventId', this.lastEventId)
    if (this.slow) query.set('slow', 'yes')
    this.#source?.close()
    const source = new EventSource(`/${this.#desk}/events?${query}`)
    this.#source = source
    source.onopen = () => this.#opened()
    source.onerror = () => {
      this.#lost()
      // It gives up if the answer is no event stream, such as a proxy's 502.
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this.#source === source && this.open(names), 3_000)
    }
    for (const name of names) {
      source.addEventListener(name, (event) => {
        this.received++
        this.lastEventId = event.lastEventId || this.lastEventId // A new EventSource reports '' until its first id.
        this.#tell.onEvent(name, event.data && JSON.parse(event.data), event.lastEventId)
        this.#tell.onChange()
      })
    }
  }

  /** Closes the connection. `open` resumes from the last id. */
  pause() {
    this.#source?.close()
    this.#source = undefined
    this.#lost()
    this.#become('paused')
  }

  /** Asks the server to end this stream, so that the browser reconnects after `milliseconds`. */
  async drop(milliseconds) {
    const query = new URLSearchParams({ client: this.#client, away: String(milliseconds) })
    const answer = await fetch(`/${this.#desk}/drop?${query}`, { method: 'POST' })
    return answer.ok
  }

  #opened() {
    this.#become('live')
    this.#tell.onOpen(this.#awaySince && performance.now() - this.#awaySince)
    this.#awaySince = 0
  }

  #lost() {
    this.#awaySince ||= performance.now()
    this.#become('away')
  }

  #become(state) {
    this.state = state
    this.#tell.onChange()
  }
}

/** Shortens an id for display. Most of it is the random epoch of the log. */
export function shortened(id) {
  return id.replace(/(?<=^\w{6})\w+/, '…')
}
