// A length in UTF-16 units. From this length on the encoder counts faster than a loop, although it writes the bytes.
const LONG = 2_048
const PIECE = 16_384

const utf8 = new TextEncoder()
let scratch: Uint8Array | undefined

/**
 * The number of bytes of a text in UTF-8. (A lone surrogate, which is not valid text, may count as two bytes instead
 * of three.)
 */
export function byteLength(text: string): number {
  if (text.length < LONG) return countedLength(text)
  scratch ??= new Uint8Array(3 * (PIECE + 1))
  let bytes = 0
  for (let start = 0, end = 0; start < text.length; start = end) {
    end = start + PIECE
    // A piece must not end inside a surrogate pair.
    if ((text.charCodeAt(end) & 0xfc00) === 0xdc00) end++
    bytes += utf8.encodeInto(text.slice(start, end), scratch).written
  }
  return bytes
}

function countedLength(text: string): number {
  let bytes = text.length
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    if (unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff)) bytes += 2
    else if (unit > 0x7f) bytes++
  }
  return bytes
}
