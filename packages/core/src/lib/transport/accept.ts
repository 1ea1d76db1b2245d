import Negotiator from 'negotiator'
import { TidingsError } from '../errors.ts'
import type { ResolvedOptions } from '../stream/stream-options.ts'

const OFFERED = ['text/event-stream', 'text/event-stream;charset=utf-8']

/**
 * The refusal of a request whose `Accept` excludes event streams (RFC 9110 12.5.1), or `undefined` where it may have
 * one. Whoever POSTs asks for the stream in the body (the OpenAI SDK with `accept: application/json`), so only GET
 * and HEAD are negotiated unless the options say otherwise.
 */
export function refusalOf(method: string | undefined, accept: string | undefined, options: ResolvedOptions): TidingsError | undefined {
  const negotiate = options.negotiate ?? (method === 'GET' || method === 'HEAD')
  if (!negotiate || !accept) return undefined
  if (new Negotiator({ headers: { accept } }).mediaTypes(OFFERED).length > 0) return undefined
  const text = 'This resource is an event stream; send Accept: text/event-stream, or no Accept at all'
  const refusal = new TidingsError('ERR_SSE_NOT_ACCEPTABLE', text, { status: 406 })
  // The mistake is the client's, so no line of the app leads to it. Express logs the stack of each error that nobody
  // handles.
  refusal.stack = String(refusal)
  return refusal
}

/** A refusal as fetch has it. The type is said, since not every runtime has one for text. */
export function refusalResponse({ message, status = 406 }: TidingsError): Response {
  return new Response(message, { status, headers: { 'Content-Type': 'text/plain;charset=UTF-8' } })
}
