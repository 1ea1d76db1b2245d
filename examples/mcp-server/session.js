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

/** How many answers are kept whole for a client that may have lost the end of them. */
const MOST_ANSWERED = 20

/**
 * A client's session, and the SDK's transport for the server that serves it: what the server says about a request goes on the stream
 * that answers the request, all else on the one that the client opened by GET.
 * @implements {import('@modelcontextprotocol/sdk/shared/transport.js').Transport}
 */
export class Session {
  sessionId = randomUUID()
  /** Set by the SDK, as are `onclose` and `onerror`. @type {import('@modelcontextprotocol/sdk/shared/transport.js').Transport['onmessage']} */
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

  /** POST: a request is answered by a stream, which is open before the request is looked at; all else is taken and no more. */
  take(message, req, res) {
    // Clients of older versions fail on empty data.
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

  /** GET: goes on with the stream that gave out the client's last event id; without one, opens that for what nobody asked. */
  async open(req, res) {
    const id = lastEventIdOf(req)
    if (id === '') {
      if (this.#unasked.isRead) return refuse(res, 409, 'A session has one stream without an id')
      return this.#connect(this.#unasked, res)
    }
    const stream = [this.#unasked, ...this.#answers.values(), ...this.#answered].find((kept) => kept.gave(id))
    // Not 404, which would say that the session is gone.
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

  /** The end of the session: DELETE, too many others, or the end of the process. What the server does for it is aborted. */
  async close() {
    for (const stream of [this.#unasked, ...this.#answers.values(), ...this.#answered]) stream.close()
    this.onclose?.()
  }
}
