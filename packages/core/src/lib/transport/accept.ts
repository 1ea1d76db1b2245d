import Negotiator from 'negotiator'
import { TidingsError } from '../errors.ts'
import type { ResolvedOptions } from '../stream/stream-options.ts'

const OFFERED = ['text/event-stream', 'text/event-stream;charset=utf-8']

/**
 * Returns the error for a request whose `Accept` excludes event streams (RFC 9110 12.5.1), or `undefined` for a
 * request that may have one. Only GET and HEAD are negotiated by default: the sender of a POST asks for the stream in
 * the body, as the OpenAI SDK does with `accept: application/json`.
 */
export function refusalOf(method: string | undefined, accept: string | undefined, options: ResolvedOptions): TidingsError | undefined {
  const negotiate = options.negotiate ?? (method === 'GET' || method === 'HEAD')
  if (!negotiate || !accept) return undefined
  if (new Negotiator({ headers: { accept } }).mediaTypes(OFFERED).length > 0) return undefined
  const text = 'This resource is an event stream; send Accept: text/event-stream, or no Accept at all'
  const refusal = new TidingsError('ERR_SSE_NOT_ACCEPTABLE', text, { status: 406 })
  // The client made the mistake, so no line of the app explains it. Express logs the stack of each unhandled error.
  refusal.stack = String(refusal)
  return refusal
}

/** The response for a refused request. It names its content type, because not every runtime adds one to text. */
export function refusalResponse({ message, status = 406 }: TidingsError): Response {
  return new Response(message, { status, headers: { 'Content-Type': 'text/plain;charset=UTF-8' } })
}
