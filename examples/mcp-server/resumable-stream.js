import { createChannel, memoryLog } from '@tidings/core'

/**
 * One stream of the protocol, which outlives the connections that carry it: a channel of its own, since an id has to say which
 * stream it is of, and none may be given what was said on another.
 */
export class ResumableStream {
  #log = memoryLog({ messages: 10_000 })
  // Clients of this protocol keep the ids of messages alone, so the first position is a message too: see `prime`.
  #channel = createChannel({ log: this.#log, position: false })
  /** @type {import('@tidings/core').EventStream | undefined} */
  #reader
  /** Where a reader without an id goes on. */
  #given = 'start'

  /** An event with an id and empty data: whoever loses its connection after that can come back. */
  prime() {
    this.#channel.publish({ data: '' })
  }

  /** @param {object} message of JSON-RPC */
  say(message) {
    this.#channel.publish({ data: message })
  }

  /** Nothing will follow. */
  end() {
    this.#channel.end()
  }

  /** Ends it for whoever reads it, too. */
  close() {
    this.#channel.close()
  }

  /** Whether a client reads it at present. */
  get isRead() {
    return this.#reader !== undefined
  }

  /** Whether it gave out this id. @param {string} id */
  gave(id) {
    return this.#log.locate(id) !== undefined
  }

  /** Whether nothing will ever follow this id. @param {string} id */
  isOverAfter(id) {
    return this.#channel.ended(id)
  }

  /**
   * Each message goes to one connection only. The later one has it: a client may know of a lost connection long before the server.
   * @param {import('@tidings/core').EventStream} stream
   */
  giveTo(stream) {
    if (stream.closed) return
    this.hangUp()
    this.#reader = stream
    const subscription = this.#channel.subscribe(stream, { after: this.#given })
    stream.onClose(() => {
      this.#given = subscription.lastEventId
      if (this.#reader === stream) this.#reader = undefined
    })
  }

  /** Ends the connection and not the stream. The client comes back for the rest. */
  hangUp() {
    this.#reader?.close()
  }
}
