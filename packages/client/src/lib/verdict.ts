import { type ClientError, clientError } from './client-error.ts'

/** How an attempt ended, or what a response means for it. */
export interface Outcome {
  /** Without it, the server ended the stream. */
  error?: ClientError
  /** The connection is over. */
  final?: boolean
  /** Ask again at once. */
  again?: boolean
  /** The stream gave a message, or was open for some time. */
  lived?: boolean
  /** The server asks to wait for this many milliseconds. */
  least?: number
}

/** Judges the head of a response. `hasOpened`: a stream has opened before. Undefined: its body is the stream. */
export function judge({ status, headers, body, ok }: Response, hasOpened: boolean): Outcome | undefined {
  if (status === 204) return { final: true }
  const type = headers.get('content-type') ?? 'no type'
  const isStream = ok && /^text\/event-stream\s*(;|$)/i.test(type)
  if (isStream && body) return undefined
  const error = ok
    ? clientError(
        'ERR_SSE_WRONG_TYPE',
        isStream ? "The response's body is no stream; pass a fetch that streams" : `The server answered with ${type} instead of text/event-stream`,
        { status },
      )
    : clientError('ERR_SSE_REFUSED', `The server answered ${status}`, { status })
  if (status >= 500 || [408, 425, 429].includes(status)) return { error, least: retryAfter(headers) }
  // A page that had a stream once may get the page of a captive portal, under any other status.
  return { error, final: isStream || !hasOpened || [401, 403, 404, 410].includes(status) }
}

/** The milliseconds of `Retry-After` (RFC 9110 10.2.3). CORS may hide it from a page. */
function retryAfter(headers: Headers): number {
  const value = headers.get('retry-after') ?? ''
  return (/^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now()) || 0
}
