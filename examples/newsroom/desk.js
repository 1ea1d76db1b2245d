/** @typedef {import('@tidings/core').EventStream} EventStream */
/** @typedef {import('@tidings/core').Message} Message */

const KEPT = 20
const SHORTEST_ABSENCE = 1_000
const LONGEST_ABSENCE = 30_000

/** The readers of one app, and the last headlines for those who were away. */
export class Desk {
  #run
  /** @type {Set<{ stream: EventStream, client: unknown }>} */
  #readers = new Set()
  /** @type {Array<{ number: number, message: Message }>} */
  #kept = []
  /** The number of the last headline that is no longer kept. */
  #forgotten = 0

  /** @param {string} run what the ids of this run begin with */
  constructor(run) {
    this.#run = run
  }

  get readers() {
    return this.#readers.size
  }

  /**
   * Gives a stream what its reader has missed, and from now on all that comes.
   * @param {EventStream} stream
   * @param {unknown} client the name that the page has given itself, for `cut`
   */
  join(stream, client) {
    const reader = { stream, client }
    this.#readers.add(reader)
    stream.onClose(() => this.#readers.delete(reader))

    const seen = this.#numberOf(stream.lastEventId)
    const missed = this.#kept.filter(({ number }) => number > seen)
    // The id is where the reader stands before the headlines that follow, so that a drop among them loses none.
    const id = `${this.#run}-${Math.max(seen, this.#forgotten)}`
    stream.send({ event: 'resume', data: { after: stream.lastEventId, missed: missed.length, gap: seen < this.#forgotten }, id })
    for (const { message } of missed) stream.send(message)
  }

  /** @param {Message} message */
  send(message) {
    for (const { stream } of this.#readers) stream.send(message)
  }

  /**
   * Sends a headline, and keeps it.
   * @param {number} number
   * @param {Message} message
   */
  publish(number, message) {
    this.#kept.push({ number, message })
    if (this.#kept.length > KEPT) this.#forgotten = this.#kept.shift()?.number ?? 0
    this.send(message)
  }

  /**
   * Ends a reader's stream. Its `EventSource` comes back by itself, after as many milliseconds as the last `retry` said.
   * @param {unknown} client
   * @param {unknown} away
   * @returns {boolean} whether there was such a reader
   */
  cut(client, away) {
    const theirs = [...this.#readers].filter((reader) => client && reader.client === client)
    const retry = Math.min(Math.max(Math.trunc(Number(away)) || 0, SHORTEST_ABSENCE), LONGEST_ABSENCE)
    for (const { stream } of theirs) {
      stream.send({ retry })
      stream.close()
    }
    return theirs.length > 0
  }

  /**
   * The number in an id, and -1 for an id of another run: then whatever is kept is news, and something else is lost.
   * @param {string} id
   */
  #numberOf(id) {
    if (id === '') return this.#forgotten
    const [run, number] = id.split('-')
    return run === this.#run && /^\d+$/.test(number ?? '') ? Number(number) : -1
  }
}
