// Characters. The ids of logs have at most 128.
const LONGEST_ID = 1_024
const QUERY_NAME = 'lastEventId'
// U+FEFF at the beginning of an id is a part of it, and not a BOM.
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/**
 * Replaces an id that no server can have sent (with NUL, or longer than 1 KiB). No log gives out the replacement
 * character, so a look-up finds an unknown id. `''` would mean that the client has no id.
 */
const IMPOSSIBLE_ID = '\uFFFD'

/**
 * Reads the last event id of a request.
 *
 * @param header the `Last-Event-ID` header as Node and fetch give it, with one character for each byte
 * @param url the request's target; its last `lastEventId` parameter counts where the header is absent
 */
export function readLastEventId(header: string | undefined, url: string | undefined): string {
  const id = header === undefined ? fromQuery(url) : fromHeader(header)
  return id.length > LONGEST_ID || id.includes('\0') ? IMPOSSIBLE_ID : id
}

/** Clients send the id as UTF-8 (WHATWG HTML 9.2.3), but platforms read headers as latin1. */
function fromHeader(header: string): string {
  const bytes = new Uint8Array(header.length)
  for (let index = 0; index < header.length; index++) {
    const byte = header.charCodeAt(index)
    if (byte > 0xff) return header // This platform has decoded it already.
    bytes[index] = byte
  }
  return utf8.decode(bytes)
}

function fromQuery(url: string | undefined): string {
  if (url === undefined) return ''
  const query = url.indexOf('?')
  if (query === -1) return ''
  // A client appends its id to an address that may contain an older one.
  return new URLSearchParams(url.slice(query)).getAll(QUERY_NAME).at(-1) ?? ''
}
