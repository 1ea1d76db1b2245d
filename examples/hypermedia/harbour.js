import { createChannel } from '@tidings/core'
import escapeHtml from 'escape-html'
import { dialects } from './dialects.js'

const MOST_SHIPS = 5

export class Harbour {
  #ships = []
  #channel = createChannel()
  /** One board for each library, shared by all of its readers. */
  #snapshots = Object.fromEntries(Object.entries(dialects).map(([library, dialect]) => [library, () => dialect(this.#board())]))

  /** @param {string} ship */
  arrive(ship) {
    this.#ships = [...this.#ships, ship].slice(-MOST_SHIPS)
    // Each library gets the same board in its own format. A slow page needs only the newest board.
    for (const [library, dialect] of Object.entries(dialects)) this.#channel.publish(dialect(this.#board()), { topic: library, key: library })
  }

  /**
   * @param {import('@tidings/core').EventStream} stream
   * @param {keyof dialects} library
   */
  show(stream, library) {
    this.#channel.subscribe(stream, { topics: [library], snapshot: this.#snapshots[library], lag: 'conflate' })
  }

  #board() {
    const ships = this.#ships.map((ship) => `    <li>${escapeHtml(ship)}</li>\n`).join('')
    return `<section id="board">\n  <h2>In the harbour: ${this.#ships.length}</h2>\n  <ol>\n${ships}  </ol>\n</section>`
  }
}
