import { createChannel } from '@tidings/core'
import { createEventSource } from 'eventsource-client'

/**
 * Reads one event stream, and publishes its changes by the wiki that they are of.
 *
 * Two streams, two kinds of ids: readers come back with ids of the channel, and the relay itself with the upstream's, which it keeps. What
 * the upstream sends once more after a reconnect has the same `meta.id`, and is not published again.
 * @param {string} url
 * @param {number} silence how long the upstream may say nothing, not even a comment, in milliseconds
 */
export function relay(url, silence) {
  const channel = createChannel({ history: { messages: 10_000 } })
  let received = 0
  let connections = 0
  let upstream = connect()

  /** @param {string} [lastEventId] */
  function connect(lastEventId) {
    return createEventSource({
      url,
      initialLastEventId: lastEventId,
      // https://foundation.wikimedia.org/wiki/Policy:Wikimedia_Foundation_User-Agent_Policy
      headers: { 'User-Agent': 'tidings-relay-example/0.0 (https://www.npmjs.com/package/eventsource-client)' },
      onConnect: () => connections++,
      onComment: heard,
      onMessage: ({ data }) => {
        heard()
        received++
        try {
          publish(JSON.parse(data))
        } catch (error) {
          console.error(error) // The client would take what is thrown here for a lost connection, and say nothing.
        }
      },
    })
  }

  function publish({ meta, id: number, wiki, title, user, comment }) {
    channel.publish({ event: 'change', data: { number, wiki, title, user, comment } }, { topic: wiki, idempotencyKey: meta.id })
  }

  // A connection that ends is made anew by the client. One can also die without a word.
  const watchdog = setInterval(() => {
    upstream.close()
    upstream = connect(upstream.lastEventId)
  }, silence).unref()
  function heard() {
    watchdog.refresh()
  }

  return {
    channel,
    /** How it is going, and the upstream's id to go on after. */
    get state() {
      return { received, connections, readers: channel.subscribers, lastEventId: upstream.lastEventId }
    },
    close() {
      clearInterval(watchdog)
      upstream.close()
    },
  }
}
