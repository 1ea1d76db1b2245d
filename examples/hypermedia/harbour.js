import { createChannel } from '@tidings/core'
import escapeHtml from 'escape-html'
import { dialects } from './dialects.js'

const MOST_SHIPS = 5

export class Harbour {
  #ships = []
  #channel = createChannel()
  /** One for each library and not for each reader, so that readers who come at once share it. */
  #snapshots = Object.fromEntries(Object.entries(dialects).map(([library, dialect]) => [library, () => dialect(this.#board())]))

  /** @param {string} ship */
  arrive(ship) {
    this.#ships = [...this.#ships, ship].slice(-MOST_SHIPS)
    // The board is the same for all, and each library has it in its own words. Of two boards a slow page needs the newer one.
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
