/** A desk's event stream, as the browser keeps it: an `EventSource`, and what there is to tell about it. */
export class Wire {
  /** `connecting`, `live`, `away` or `paused`. */
  state = 'connecting'
  received = 0
  lastEventId = ''
  /** Whether the server is to treat it as one at the end of a slow line. */
  slow = false
  #desk
  #tell
  #source
  #awaySince = 0
  // Names this stream to the server, which is asked to drop it.
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
    // An EventSource sends the header when it comes back by itself. A new one knows of no id, and says it in the query.
    if (this.lastEventId) query.set('lastEventId', this.lastEventId)
    if (this.slow) query.set('slow', 'yes')
    this.#source?.close()
    const source = new EventSource(`/${this.#desk}/events?${query}`)
    this.#source = source
    source.onopen = () => this.#opened()
    source.onerror = () => {
      this.#lost()
      // It gives up where the answer was no event stream, such as a proxy's 502.
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this.#source === source && this.open(names), 3_000)
    }
    for (const name of names) {
      source.addEventListener(name, (event) => {
        this.received++
        this.lastEventId = event.lastEventId || this.lastEventId // Empty before the first id, also where this page knows one.
        this.#tell.onEvent(name, event.data && JSON.parse(event.data), event.lastEventId)
        this.#tell.onChange()
      })
    }
  }

  /** Gives the connection up; `open` takes it up again where it was. */
  pause() {
    this.#source?.close()
    this.#source = undefined
    this.#lost()
    this.#become('paused')
  }

  /** Asks the server to drop this stream, and to be left alone for so long. */
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

/** An id for people: most of it says which life of the log it is of, and is random. */
export function shortened(id) {
  return id.replace(/(?<=^\w{6})\w+/, '…')
}
