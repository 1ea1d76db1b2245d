import Negotiator from 'negotiator'
import { type CloseReason, type Refusal, TidingsError } from '../errors.ts'
import { isFull, tooManyStreams } from '../stream/refused.ts'
import type { ResolvedOptions } from '../stream/stream-options.ts'

const OFFERED = ['text/event-stream', 'text/event-stream;charset=utf-8']

/**
 * Returns the error for a request that gets no event stream, or `undefined`. That is one whose `Accept` excludes event
 * streams, and one by another method than GET and HEAD while `maxStreams` streams are open.
 */
export function refusalOf(method: string | undefined, accept: string | undefined, options: ResolvedOptions): Refusal | undefined {
  const isRead = method === 'GET' || method === 'HEAD'
  return notAcceptable(accept, options.negotiate ?? isRead) ?? (!isRead && isFull(options.maxStreams) ? tooManyStreams(options.retry) : undefined)
}

/** Why a stream is closed that was refused by this error. */
export function reasonOfRefusal({ code }: Refusal): CloseReason {
  return code === 'ERR_SSE_TOO_MANY_STREAMS' ? 'refused' : 'unopened'
}

/**
 * Returns the error for a request whose `Accept` excludes event streams (RFC 9110 12.5.1), or `undefined` for a
 * request that may have one. Only GET and HEAD are negotiated by default: the sender of a POST asks for the stream in
 * the body, as the OpenAI SDK does with `accept: application/json`.
 */
function notAcceptable(accept: string | undefined, negotiate: boolean): Refusal | undefined {
  if (!negotiate || !accept) return undefined
  if (new Negotiator({ headers: { accept } }).mediaTypes(OFFERED).length > 0) return undefined
  const text = 'This resource is an event stream; send Accept: text/event-stream, or no Accept at all'
  const refusal = new TidingsError('ERR_SSE_NOT_ACCEPTABLE', text, { status: 406 }) as Refusal
  // The client made the mistake, so no line of the app explains it. Express logs the stack of each unhandled error.
  refusal.stack = String(refusal)
  return refusal
}

/** The response for a refused request. It names its content type, because not every runtime adds one to text. */
export function refusalResponse({ message, status, headers }: Refusal): Response {
  return new Response(message, { status, headers: { 'Content-Type': 'text/plain;charset=UTF-8', ...headers } })
}
