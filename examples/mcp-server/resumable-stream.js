import { createChannel, memoryLog } from '@tidings/core'

/**
 * One stream of the protocol. It outlives its connections. Each stream has its own channel: an id must name its
 * stream, and messages of one stream may not go to another.
 */
export class ResumableStream {
  #log = memoryLog({ messages: 10_000 })
  // Clients of this protocol only keep the ids of messages, so the first position is a message too: see `prime`.
  #channel = createChannel({ log: this.#log, position: false })
  /** @type {import('@tidings/core').EventStream | undefined} */
  #reader
  /** The position of a reader without an id. */
  #given = 'start'

  /** Sends an event with an id and empty data, so that a client that loses its connection can resume. */
  prime() {
    this.#channel.publish({ data: '' })
  }

  /** @param {object} message of JSON-RPC */
  say(message) {
    this.#channel.publish({ data: message })
  }

  /** Ends the stream after its last message. */
  end() {
    this.#channel.end()
  }

  /** Ends the stream for its present reader, too. */
  close() {
    this.#channel.close()
  }

  /** Whether a client reads it. */
  get isRead() {
    return this.#reader !== undefined
  }

  /** Whether it gave out this id. @param {string} id */
  gave(id) {
    return this.#log.locate(id) !== undefined
  }

  /** Whether no message will ever follow this id. @param {string} id */
  isOverAfter(id) {
    return this.#channel.ended(id)
  }

  /**
   * Each message goes to one connection only, the latest. A client may notice a broken connection long before the
   * server does.
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

  /** Ends the connection but not the stream. The client reconnects for the rest. */
  hangUp() {
    this.#reader?.close()
  }
}
