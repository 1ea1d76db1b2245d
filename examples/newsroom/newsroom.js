import { createChannel } from '@tidings/core'
import { Clients } from './clients.js'

const KEPT = 20

/**
 * The source of a headline, which is also its topic.
 * @typedef {'agency' | 'form'} Origin
 * @typedef {{ text: string, origin: Origin, at: number }} Headline
 */

/** One channel for three frameworks, with the last headlines for new readers. Each framework reads some topics. */
export class Newsroom {
  channel = newChannel()
  clients = new Clients()
  /** @type {Headline[]} */
  #headlines = []

  /** The number of open streams. */
  get readers() {
    return this.clients.size
  }

  /**
   * Sends a headline to all readers of its origin. Resolves to its id.
   * @param {string} text
   * @param {Origin} origin
   */
  publish(text, origin) {
    const headline = { text, origin, at: Date.now() }
    // Change the state first, since snapshots read it. Then publish the message.
    this.#headlines = [...this.#headlines, headline].slice(-KEPT)
    return this.channel.publish(messageOf(headline), { topic: origin })
  }

  /**
   * The last headlines of these origins, as messages of a snapshot.
   * @param {...Origin} origins
   */
  latest(...origins) {
    return this.#headlines.filter(({ origin }) => origins.includes(origin)).map(messageOf)
  }

  /** Replaces the channel, as a restart of the process would. The new channel knows no id of the old one. */
  restart() {
    const before = this.channel
    this.channel = newChannel()
    before.close()
  }
}

function newChannel() {
  // The position comes in an event, so that the page can show it. An id without data reaches the client only.
  return createChannel({ history: { messages: 1_000 }, position: 'message' })
}

/** @param {Headline} data */
function messageOf(data) {
  return { event: 'headline', data }
}
