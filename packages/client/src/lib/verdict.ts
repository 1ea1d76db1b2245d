import { type ClientError, clientError } from './client-error.ts'

/** What a response means for the connection. */
export type Verdict =
  | { is: 'stream'; body: ReadableStream<Uint8Array> }
  /** The server has ended it for good. */
  | { is: 'end' }
  /** It cannot go on. `'unauthorized'`: unless other headers help. */
  | { is: 'fatal' | 'unauthorized'; error: ClientError }
  /** It may help to ask again, after so many milliseconds at least. */
  | { is: 'retry'; error: ClientError; least: number }

/** Judges the head of a response. `hasOpened`: a stream has opened before. */
export function judge(response: Response, hasOpened: boolean): Verdict {
  const { status, headers, body, ok } = response
  if (status === 204) return { is: 'end' }
  const type = headers.get('content-type') ?? 'no type'
  if (ok && /^text\/event-stream\s*(;|$)/i.test(type)) {
    if (body) return { is: 'stream', body }
    return { is: 'fatal', error: clientError('ERR_SSE_WRONG_TYPE', "The response's body is no stream; pass a fetch that streams", { status }) }
  }
  const error = ok
    ? clientError('ERR_SSE_WRONG_TYPE', `The server answered with ${type} instead of text/event-stream`, { status })
    : clientError('ERR_SSE_REFUSED', `The server answered ${status}`, { status })
  if (status === 401) return { is: 'unauthorized', error }
  if (status >= 500 || [408, 425, 429].includes(status)) return { is: 'retry', error, least: retryAfter(headers) }
  // A page that had a stream once may get the page of a captive portal, under any other status.
  return hasOpened && ![403, 404, 410].includes(status) ? { is: 'retry', error, least: 0 } : { is: 'fatal', error }
}

/** The milliseconds of `Retry-After` (RFC 9110 10.2.3). CORS may hide it from a page. */
function retryAfter(headers: Headers): number {
  const value = headers.get('retry-after') ?? ''
  return (/^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now()) || 0
}
