import { createChannel } from '@tidings/core'
import { createEventSource } from 'eventsource-client'

/**
 * Reads one event stream, and publishes its changes. The topic of each is its wiki.
 *
 * There are two kinds of ids. Readers resume with ids of the channel. The relay resumes with ids of the upstream, and
 * keeps the last one. After a reconnect the upstream repeats some changes. They have the same `meta.id`, and are not
 * published again.
 * @param {string} url
 * @param {number} silence milliseconds for which the upstream may send nothing, not even a comment
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
          console.error(error) // If this callback threw, the client would reconnect without a report.
        }
      },
    })
  }

  function publish({ meta, id: number, wiki, title, user, comment }) {
    channel.publish({ event: 'change', data: { number, wiki, title, user, comment } }, { topic: wiki, idempotencyKey: meta.id })
  }

  // The client reconnects when a connection ends. But a connection can also die without an event.
  const watchdog = setInterval(() => {
    upstream.close()
    upstream = connect(upstream.lastEventId)
  }, silence).unref()
  function heard() {
    watchdog.refresh()
  }

  return {
    channel,
    /** The state of the relay, with the upstream's id to resume after. */
    get state() {
      return { received, connections, readers: channel.subscribers, lastEventId: upstream.lastEventId }
    },
    close() {
      clearInterval(watchdog)
      upstream.close()
    },
  }
}
