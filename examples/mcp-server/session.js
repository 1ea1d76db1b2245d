import { randomUUID } from 'node:crypto'
import {
  isInitializeRequest,
  isJSONRPCErrorResponse,
  isJSONRPCNotification,
  isJSONRPCRequest,
  isJSONRPCResultResponse,
} from '@modelcontextprotocol/sdk/types.js'
import { lastEventIdOf } from '@tidings/express'
import { refuse } from './refusal.js'
import { ResumableStream } from './resumable-stream.js'

/** How many answers are kept for clients that may have missed their ends. */
const MOST_ANSWERED = 20

/**
 * A client's session, and the SDK's transport for its server. Messages about a request go to the stream that answers
 * the request. All others go to the stream that the client opened by GET.
 * @implements {import('@modelcontextprotocol/sdk/shared/transport.js').Transport}
 */
export class Session {
  sessionId = randomUUID()
  /**
   * Set by the SDK, as are `onclose` and `onerror`.
   * @type {import('@modelcontextprotocol/sdk/shared/transport.js').Transport['onmessage']}
   */
  onmessage
  onclose
  onerror
  #unasked = new ResumableStream()
  /** The answers that are under way, by their request's id. @type {Map<string | number, ResumableStream>} */
  #answers = new Map()
  /** @type {ResumableStream[]} */
  #answered = []
  #primes = false

  async start() {}

  /** POST: opens a stream and then handles the request. Other messages are accepted with 202. */
  take(message, req, res) {
    // Older clients fail on empty data.
    if (isInitializeRequest(message)) this.#primes = message.params.protocolVersion >= '2025-11-25'
    if (!isJSONRPCRequest(message)) {
      res.status(202).end()
      this.onmessage?.(message)
      // The SDK answers no request that was cancelled.
      if (isJSONRPCNotification(message) && message.method === 'notifications/cancelled') this.#finish(message.params?.requestId)
      return
    }
    if (this.#answers.has(message.id)) return refuse(res, 400, 'A request of this id is under way')
    const answer = new ResumableStream()
    this.#answers.set(message.id, answer)
    this.#connect(answer, res)
    this.onmessage?.(message, { requestInfo: { headers: req.headers }, closeSSEStream: () => answer.hangUp() })
  }

  /**
   * GET: resumes the stream of the client's last event id. Without an id, opens the stream for messages that answer no
   * request.
   */
  async open(req, res) {
    const id = lastEventIdOf(req)
    if (id === '') {
      if (this.#unasked.isRead) return refuse(res, 409, 'A session has one stream without an id')
      return this.#connect(this.#unasked, res)
    }
    const stream = [this.#unasked, ...this.#answers.values(), ...this.#answered].find((kept) => kept.gave(id))
    // Not 404, which would mean that the session is gone.
    if (!stream) return refuse(res, 400, 'No stream that is kept gave out this id')
    if (await stream.isOverAfter(id)) return res.status(204).end()
    stream.giveTo(res.sse())
  }

  #connect(stream, res) {
    if (this.#primes) stream.prime()
    stream.giveTo(res.sse({ headers: { 'mcp-session-id': this.sessionId } }))
  }

  async send(message, { relatedRequestId } = {}) {
    const isAnswer = isJSONRPCResultResponse(message) || isJSONRPCErrorResponse(message)
    const request = isAnswer ? message.id : relatedRequestId
    if (request === undefined) return this.#unasked.say(message)
    const answer = this.#answers.get(request)
    if (!answer) throw new Error(`Nothing can be said about request ${request}, which is not under way`)
    answer.say(message)
    if (isAnswer) this.#finish(request)
  }

  #finish(request) {
    const answer = this.#answers.get(request)
    if (!answer) return
    answer.end()
    this.#answers.delete(request)
    this.#answered.push(answer)
    if (this.#answered.length > MOST_ANSWERED) this.#answered.shift()
  }

  /** Ends the session: at DELETE, with too many sessions, or with the process. Aborts the server's work for it. */
  async close() {
    for (const stream of [this.#unasked, ...this.#answers.values(), ...this.#answered]) stream.close()
    this.onclose?.()
  }
}
