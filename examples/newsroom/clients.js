/** @typedef {import('@tidings/core').EventStream} EventStream */

const SHORTEST_ABSENCE = 1_000
const LONGEST_ABSENCE = 30_000

/** The open streams. Each page chooses a name for its stream. */
export class Clients {
  /** @type {Map<EventStream, unknown>} */
  #names = new Map()

  get size() {
    return this.#names.size
  }

  /**
   * @param {EventStream} stream
   * @param {unknown} name
   */
  add(stream, name) {
    this.#names.set(stream, name)
    stream.onClose(() => this.#names.delete(stream))
    return stream
  }

  /**
   * Ends a client's stream. It reconnects after the milliseconds of the last `retry`, at the earliest.
   * @param {unknown} name
   * @param {unknown} away milliseconds until it reconnects
   * @returns {boolean} whether there was such a client
   */
  drop(name, away) {
    const theirs = [...this.#names].filter(([, each]) => name && each === name)
    const retry = Math.min(Math.max(Math.trunc(Number(away)) || 0, SHORTEST_ABSENCE), LONGEST_ABSENCE)
    for (const [stream] of theirs) {
      stream.send({ retry })
      stream.close()
    }
    return theirs.length > 0
  }
}
