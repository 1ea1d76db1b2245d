import { createChannel } from '@tidings/core'
import { Clients } from './clients.js'

const KEPT = 20

/**
 * Where a headline comes from. It is the topic that it is published on.
 * @typedef {'agency' | 'form'} Origin
 * @typedef {{ text: string, origin: Origin, at: number }} Headline
 */

/** One channel for three frameworks, each of which reads some of its topics. And the last headlines, for new readers. */
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
   * The last headlines, as a snapshot has them.
   * @param {...Origin} origins
   */
  latest(...origins) {
    return this.#headlines.filter(({ origin }) => origins.includes(origin)).map(messageOf)
  }

  /** Replaces the channel, as a restart of the process would. The new one knows no earlier id. */
  restart() {
    const before = this.channel
    this.channel = newChannel()
    before.close()
  }
}

function newChannel() {
  // The page shows its position, so an event tells it. Only the browser sees an id alone.
  return createChannel({ history: { messages: 1_000 }, position: 'message' })
}

/** @param {Headline} data */
function messageOf(data) {
  return { event: 'headline', data }
}
