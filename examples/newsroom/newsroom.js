import { createChannel } from '@tidings/core'
import { Clients } from './clients.js'

const KEPT = 20

/**
 * Where a headline comes from. It is the topic that it is published on.
 * @typedef {'agency' | 'form'} Origin
 * @typedef {{ text: string, origin: Origin, at: number }} Headline
 */

/** One channel for three frameworks: what each of them wants of it are topics. And the last headlines, for whoever comes new. */
export class Newsroom {
  channel = newChannel()
  clients = new Clients()
  /** @type {Headline[]} */
  #headlines = []

  /** How many streams are open. */
  get readers() {
    return this.clients.size
  }

  /**
   * Sends a headline to all who want those of its origin. Resolves to its id.
   * @param {string} text
   * @param {Origin} origin
   */
  publish(text, origin) {
    const headline = { text, origin, at: Date.now() }
    // First the state, of which snapshots are taken, then the message.
    this.#headlines = [...this.#headlines, headline].slice(-KEPT)
    return this.channel.publish(messageOf(headline), { topic: origin })
  }

  /**
   * The last headlines, as a snapshot has them.
   * @param {...Origin} origins
   */
  latest(...origins) {
    return this.#headlines.filter(({ origin }) => origins.includes(origin)).map(messageOf)
  }

  /** Does to the channel what a restart of the process would: it begins anew, and knows no id that was given out before. */
  restart() {
    const before = this.channel
    this.channel = newChannel()
    before.close()
  }
}

function newChannel() {
  // The page shows where it stands, so it is told by an event; an id alone is seen by nothing but the browser.
  return createChannel({ history: { messages: 1_000 }, position: 'message' })
}

/** @param {Headline} data */
function messageOf(data) {
  return { event: 'headline', data }
}
