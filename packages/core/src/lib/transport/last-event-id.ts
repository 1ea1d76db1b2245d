// An id as clients return it is at most this long here; a log's own are at most 128 characters.
const LONGEST_ID = 1_024
const QUERY_NAME = 'lastEventId'
// An id may begin with U+FEFF, which is no BOM there.
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/**
 * What stands for an id that no server can have given (with NUL, or longer than 1 KiB): the replacement character,
 * which no log ever gives out. So it is unknown to whoever looks it up, where `''` would say that the client has
 * none.
 */
const IMPOSSIBLE_ID = '\uFFFD'

/**
 * The last event id that a request carries.
 *
 * @param header the `Last-Event-ID` header as Node and fetch hand it over, one character for each byte
 * @param url the request's target, whose last `lastEventId` parameter is read where the header is absent
 */
export function readLastEventId(header: string | undefined, url: string | undefined): string {
  const id = header === undefined ? fromQuery(url) : fromHeader(header)
  return id.length > LONGEST_ID || id.includes('\0') ? IMPOSSIBLE_ID : id
}

/** Clients send the id as UTF-8 (WHATWG HTML 9.2.3); HTTP headers are read as latin1. */
function fromHeader(header: string): string {
  const bytes = new Uint8Array(header.length)
  for (let index = 0; index < header.length; index++) {
    const byte = header.charCodeAt(index)
    if (byte > 0xff) return header // A platform that has decoded it already.
    bytes[index] = byte
  }
  return utf8.decode(bytes)
}

function fromQuery(url: string | undefined): string {
  if (url === undefined) return ''
  const query = url.indexOf('?')
  if (query === -1) return ''
  // Clients append theirs to the address, which may have an older one already.
  return new URLSearchParams(url.slice(query)).getAll(QUERY_NAME).at(-1) ?? ''
}
