import type { ConnectOptions } from './options.ts'

/** Whether a page of another origin asks. Its `Last-Event-ID` may need a preflight, which many servers refuse. */
function isCrossOrigin(url: string): boolean {
  const { href, origin } = globalThis.location ?? {}
  return href !== undefined && new URL(url, href).origin !== origin
}

/** Makes the request of a stream that resumes from `id`. `sent` is called when all but the network has been done. */
export async function sendRequest(url: string, id: string, options: ConnectOptions, signal: AbortSignal, sent: () => void): Promise<Response> {
  const { headers: given, body, method = body ? 'POST' : 'GET', credentials, resumeBy, fetch = globalThis.fetch } = options
  const headers = new Headers(await (typeof given === 'function' ? given() : given))
  if (!headers.has('accept')) headers.set('accept', 'text/event-stream')
  let target = url
  if (id && (resumeBy ?? (isCrossOrigin(url) ? 'query' : 'header')) === 'query') {
    const [path = '', ...hash] = url.split('#')
    const rest = path.replace(/([?&])lastEventId=[^&]*&?/g, '$1').replace(/[?&]$/, '')
    target = [`${rest}${rest.includes('?') ? '&' : '?'}lastEventId=${encodeURIComponent(id)}`, ...hash].join('#')
  } else if (id) {
    // A header has bytes. The specification asks for those of UTF-8.
    headers.set('last-event-id', String.fromCharCode(...new TextEncoder().encode(id)))
  }
  sent()
  // Without `no-store`, Chromium holds back a second request for the same URL until the first has ended.
  return fetch(target, { method, headers, signal, cache: 'no-store', body, credentials } as RequestInit)
}
