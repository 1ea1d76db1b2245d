import { randomBytes } from 'node:crypto'
import { Desk } from './desk.js'

/**
 * A headline as every desk sends it.
 * @typedef {{ text: string, posted: boolean, at: number }} Headline
 */

/** Three desks, one for each framework, and the numbering of headlines that they share. */
export class Newsroom {
  // Random, so that an id which a page has kept from an earlier run is not taken for one of this run.
  #run = randomBytes(4).toString('hex')
  #published = 0
  desks = { express: new Desk(this.#run), koa: new Desk(this.#run), hono: new Desk(this.#run) }

  /** How many streams are open, over all desks. */
  get readers() {
    return Object.values(this.desks).reduce((sum, desk) => sum + desk.readers, 0)
  }

  /**
   * Sends a headline to all desks, or to one, and returns the id that it has there.
   * @param {Omit<Headline, 'at'>} headline
   * @param {Desk[]} desks
   */
  publish(headline, desks = Object.values(this.desks)) {
    const number = ++this.#published
    const id = `${this.#run}-${number}`
    const message = { event: 'headline', id, data: { ...headline, at: Date.now() } }
    for (const desk of desks) desk.publish(number, message)
    return id
  }
}
